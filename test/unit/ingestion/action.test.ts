// A QueueAction, step by step, and again after a crash.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import { QueueActionStatus } from '../../../src/api/queueaction.ts'
import { REASONS } from '../../../src/api/reasons.ts'
import { isTerminal, type JobObject } from '../../../src/core/job.ts'
import type { ActionObject } from '../../../src/core/resources.ts'
import {
  type ActionFacts,
  type ActionStep,
  nextStep,
  statusAfter,
} from '../../../src/ingestion/action.ts'
import { aJob, anAction, NOON, newer, uid } from '../../builders.ts'

function facts(given: Partial<ActionFacts> = {}): ActionFacts {
  return { action: anAction(), guard: 'guarded', target: aJob(), version: '0.1.0', ...given }
}

/** An action whose order was taken, at version 2000, for the job with uid 1. */
const begun = anAction({
  resourceVersion: '2001',
  status: { observedGeneration: 1, phase: 'Running', order: 2000, cursor: uid(1), matched: 1 },
})

describe('at first sight', () => {
  it('the order is taken from the resourceVersion, and the target is noted', () => {
    expect(nextStep(facts())).toEqual({ kind: 'take-order', order: 2000, uid: uid(1) })
  })

  it.each<[string, Partial<ActionFacts>, string, string]>([
    [
      'an act that is not served',
      { action: anAction({ spec: { action: 'Replay' } }) },
      'NotYetSupported',
      'spec.action: part of the API',
    ],
    [
      'a selector',
      {
        action: anAction({
          spec: { target: { kind: 'QueueJob', selector: { queue: 'outbox' } } },
        }),
      },
      'NotYetSupported',
      'spec.target.selector',
    ],
    [
      'a grace period, which nothing serves yet',
      { action: anAction({ spec: { graceSeconds: 5 } }) },
      'NotYetSupported',
      'spec.graceSeconds',
    ],
    ['a missing policy', { guard: 'missing' }, 'ActionsUnguarded', 'nobody checked who may cancel'],
    [
      'a missing target',
      { target: null },
      'TargetNotFound',
      'no QueueJob welcome in namespace mail',
    ],
    [
      'a target with another uid',
      {
        action: anAction({
          spec: { target: { kind: 'QueueJob', name: 'welcome', uid: uid(9) } },
        }),
      },
      'TargetMismatch',
      `now has uid ${uid(1)}, the action names uid ${uid(9)}`,
    ],
  ])('%s is refused', (_says, given, reason, words) => {
    const step = nextStep(facts(given))
    expect(step).toMatchObject({ kind: 'refuse', reason })
    expect(step.kind === 'refuse' && step.message).toContain(words)
  })

  it.each<[string, Partial<ActionFacts>]>([
    ['the policy could not be looked for', { guard: 'unknown' }],
    ['the target could not be read', { target: 'unknown' }],
  ])('nothing is done while %s', (_says, given) => {
    expect(nextStep(facts(given))).toEqual({ kind: 'later' })
  })

  it('nothing is refused for a target that was not looked for because the policy is missing', () => {
    expect(nextStep(facts({ guard: 'missing', target: 'unknown' }))).toMatchObject({
      reason: 'ActionsUnguarded',
    })
  })
})

describe('once the order is taken', () => {
  it('the job is cancelled, in the name of who asked', () => {
    const action: ActionObject = {
      ...begun,
      spec: { ...begun.spec, requestedBy: 'alice', comment: 'wrong list' },
    }
    expect(nextStep(facts({ action }))).toEqual({
      kind: 'cancel',
      uid: uid(1),
      order: 2000,
      action: 'stop-it',
      by: 'alice',
      comment: 'wrong list',
    })
  })

  it.each<[string, JobObject | null, object]>([
    [
      'it was cancelled by this action: done',
      aJob({ status: { phase: 'Cancelled', actionOrder: 2000 } }),
      { done: 1, skipped: 0 },
    ],
    [
      'a later action was faster: nothing to change',
      aJob({ status: { phase: 'Scheduled', actionOrder: 2001 } }),
      { done: 0, skipped: 1 },
    ],
    [
      'it had ended before: nothing to change',
      aJob({ status: { phase: 'Completed' } }),
      { done: 0, skipped: 1 },
    ],
    ['it is gone: nothing to change', null, { done: 0, skipped: 1 }],
    [
      'its name has another uid: that one is left alone',
      aJob({ uid: uid(2) }),
      { done: 0, skipped: 1 },
    ],
  ])('%s', (_says, target, want) => {
    expect(nextStep(facts({ action: begun, target }))).toMatchObject({ kind: 'finish', ...want })
  })

  it('a job that took an earlier action is cancelled all the same', () => {
    const target = aJob({ status: { phase: 'Scheduled', actionOrder: 1999 } })
    expect(nextStep(facts({ action: begun, target })).kind).toBe('cancel')
  })

  it('a policy that was taken away stops it', () => {
    expect(nextStep(facts({ action: begun, guard: 'missing' }))).toMatchObject({
      kind: 'refuse',
      reason: 'ActionsUnguarded',
    })
  })
})

describe('an action that is over', () => {
  it.each(['Completed', 'Failed'] as const)('is left alone: %s', (phase) => {
    const action = anAction({ status: { observedGeneration: 1, phase } })
    expect(nextStep(facts({ action, target: null }))).toEqual({ kind: 'over' })
  })

  it('is left alone when it is being deleted, whatever it has begun', () => {
    expect(nextStep(facts({ action: { ...begun, deleting: true } }))).toEqual({ kind: 'over' })
  })
})

describe('the status that a step writes', () => {
  const statusOf = (step: ActionStep, action = anAction()) => {
    if (step.kind !== 'refuse' && step.kind !== 'take-order' && step.kind !== 'finish') {
      throw new Error(`${step.kind} writes nothing`)
    }
    return statusAfter(action, step, NOON)
  }

  it('of the order: in progress for kstatus', () => {
    expect(statusOf(nextStep(facts()))).toEqual({
      observedGeneration: 1,
      phase: 'Running',
      reason: 'ActionRunning',
      message: 'Cancel is being carried out; targets: 1',
      order: 2000,
      cursor: uid(1),
      matched: 1,
      startTime: '2026-05-01T12:00:00Z',
      conditions: [
        {
          type: 'Reconciling',
          status: 'True',
          reason: 'ActionRunning',
          lastTransitionTime: '2026-05-01T12:00:00Z',
        },
      ],
    })
  })

  it('of the end: ready, finished, and what was done', () => {
    const target = aJob({ status: { phase: 'Completed' } })
    const status = statusOf(nextStep(facts({ action: begun, target })), begun)
    expect(status).toMatchObject({
      phase: 'Completed',
      reason: 'ActionDone',
      message:
        'Cancel: 0 of 1 targets were changed, 1 needed no change: the target had ended before: Completed',
      order: 2000,
      matched: 1,
      done: 0,
      skipped: 1,
    })
    expect(status.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Finished'])
  })

  it('of a refusal: failed for kstatus, and finished', () => {
    const status = statusOf(nextStep(facts({ target: null })))
    expect(status).toMatchObject({ phase: 'Failed', reason: 'TargetNotFound' })
    expect(status.conditions?.map(({ type }) => type)).toEqual(['Stalled', 'Finished'])
  })
})

/** Carries out steps on objects as the API server would hold them; returns both at the end. */
function play(action: ActionObject, target: JobObject | null, crashes: readonly boolean[]) {
  let now = { action, target }
  let cancels = 0
  for (let i = 0; ; i++) {
    if (i > 10) throw new Error('it does not come to an end')
    const step = nextStep(facts(now))
    switch (step.kind) {
      case 'over':
        return { ...now, cancels }
      case 'later':
        throw new Error('nothing was unknown')
      case 'cancel': {
        const { target } = now
        if (!target) throw new Error('there is nothing to cancel')
        cancels += 1
        // A crash before the write: the step is simply taken again.
        if (crashes[i]) break
        const status = { ...target.status, phase: 'Cancelled' as const, actionOrder: step.order }
        now = { ...now, target: newer(target, { status }) }
        break
      }
      default:
        if (crashes[i]) break
        now = {
          ...now,
          action: newer(now.action, { status: statusAfter(now.action, step, NOON) }),
        }
    }
  }
}

describe('whatever the target, and whenever the operator dies', () => {
  const targets = fc.option(
    fc
      .record({
        phase: fc.constantFrom(...PHASES),
        actionOrder: fc.constantFrom(undefined, 1, 1999),
      })
      .map(({ phase, actionOrder }) =>
        aJob({ status: { phase, ...(actionOrder === undefined ? {} : { actionOrder }) } }),
      ),
  )
  const crashes = fc.array(fc.boolean(), { maxLength: 4 })

  it('it ends, with a status that the API takes, and a terminal job is as it was', () => {
    fc.assert(
      fc.property(targets, crashes, (target, dies) => {
        const end = play(anAction(), target, dies)
        expect(['Completed', 'Failed']).toContain(end.action.status.phase)
        expect(QueueActionStatus.safeParse(end.action.status).error).toBeUndefined()
        expect(REASONS).toHaveProperty(end.action.status.reason ?? '')
        if (target && isTerminal(target.status.phase)) expect(end.target).toBe(target)
        else if (target) expect(end.target?.status.phase).toBe('Cancelled')
      }),
    )
  })

  it('a job that was replayed after its cancel is not cancelled again', () => {
    fc.assert(
      fc.property(crashes, (dies) => {
        const replayed = aJob({ status: { phase: 'Scheduled', actionOrder: 2000, replays: 1 } })
        const end = play(begun, replayed, dies)
        expect(end.cancels).toBe(0)
        expect(end.target).toBe(replayed)
      }),
    )
  })
})
