// A QueueAction, step by step: what is refused, what is counted, what is written.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { QueueActionStatus } from '../../../src/api/queueaction.ts'
import { REASONS } from '../../../src/api/reasons.ts'
import type { ActionObject } from '../../../src/core/resources.ts'
import {
  type ActionFacts,
  type Found,
  nextStep,
  statusAfter,
  stepBeforeLooking,
  type WrittenStep,
} from '../../../src/ingestion/action.ts'
import { anAction, NOON, uid } from '../../builders.ts'

const ONE: Found = { named: 1, uid: uid(1), count: 1, revision: '2010' }

function facts(given: Partial<ActionFacts> = {}): ActionFacts {
  return {
    action: anAction(),
    guard: 'guarded',
    found: ONE,
    payload: null,
    version: '0.1.0',
    ...given,
  }
}

const selecting = (spec: Partial<ActionObject['spec']> = {}) =>
  anAction({ spec: { target: { kind: 'QueueJob', selector: { queue: 'outbox' } }, ...spec } })

/** An action whose order was taken, at version 2000. */
const begun = anAction({
  resourceVersion: '2001',
  status: { observedGeneration: 1, phase: 'Running', order: 2000, cursor: '2010/', matched: 3 },
})

describe('at first sight', () => {
  it('the order is taken from the resourceVersion, with the count and the revision of the list', () => {
    expect(nextStep(facts())).toEqual({
      kind: 'take-order',
      order: 2000,
      matched: 1,
      revision: '2010',
    })
  })

  it('a selection that matches nothing is begun, too: it ends with nothing to do', () => {
    const found = { named: 0, uid: '', count: 0, revision: '2010' }
    expect(nextStep(facts({ action: selecting(), found }))).toMatchObject({
      kind: 'take-order',
      matched: 0,
    })
  })

  it.each<[string, Partial<ActionFacts>, string, string]>([
    ['a missing policy', { guard: 'missing' }, 'ActionsUnguarded', 'nobody checked who may cancel'],
    [
      'a missing target',
      { found: { ...ONE, named: 0, uid: '', count: 0 } },
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
    [
      'more targets than maxTargets',
      { action: selecting({ maxTargets: 5 }), found: { ...ONE, named: 6, count: 6 } },
      'TooManyTargets',
      '6 objects match, maxTargets is 5; nothing was changed',
    ],
    [
      'more targets than the default of maxTargets',
      { action: selecting(), found: { ...ONE, named: 10_001, count: 10_001 } },
      'TooManyTargets',
      '10001 objects match, maxTargets is 10000',
    ],
    [
      'a label key that is none, which must not become a part of a selector (B9)',
      {
        action: anAction({
          spec: {
            target: { kind: 'QueueJob', selector: { labels: { 'a notin (b),c': 'd' } } },
          },
        }),
      },
      'InvalidSpec',
      'a notin (b),c is not the key of a label',
    ],
    [
      'a payload that is not taken',
      { payload: { reason: 'PayloadTooLarge', message: 'too large' } },
      'PayloadTooLarge',
      'too large',
    ],
  ])('%s is refused', (_says, given, reason, words) => {
    const step = nextStep(facts(given))
    expect(step).toMatchObject({ kind: 'refuse', reason })
    expect(step.kind === 'refuse' && step.message).toContain(words)
  })

  it('exactly maxTargets are not too many', () => {
    const found = { ...ONE, named: 5, count: 5 }
    expect(nextStep(facts({ action: selecting({ maxTargets: 5 }), found })).kind).toBe('take-order')
  })

  it('a dry run takes no order and counts, also what would be too many', () => {
    const action = selecting({ dryRun: true, maxTargets: 5 })
    const found = { ...ONE, named: 12, count: 12 }
    expect(nextStep(facts({ action, found }))).toEqual({ kind: 'counted', matched: 12 })
  })

  it.each<[string, Partial<ActionFacts>]>([
    ['the policy could not be looked for', { guard: 'unknown' }],
    ['the targets could not be listed', { found: 'unknown' }],
    ['the payload could not be read', { payload: 'unknown' }],
  ])('nothing is done while %s', (_says, given) => {
    expect(nextStep(facts(given))).toEqual({ kind: 'later' })
  })

  it('what is refused anyhow needs no list', () => {
    const { action, version } = facts()
    expect(stepBeforeLooking({ action, guard: 'missing', version })).toMatchObject({
      reason: 'ActionsUnguarded',
    })
    expect(stepBeforeLooking({ action, guard: 'guarded', version })).toBeNull()
  })
})

describe('once the order is taken', () => {
  it('it goes on', () => {
    expect(nextStep(facts({ action: begun }))).toEqual({ kind: 'go-on', order: 2000 })
  })

  it('a policy that was taken away stops it, and one that cannot be seen holds it', () => {
    expect(nextStep(facts({ action: begun, guard: 'missing' }))).toMatchObject({
      kind: 'refuse',
      reason: 'ActionsUnguarded',
    })
    expect(nextStep(facts({ action: begun, guard: 'unknown' }))).toEqual({ kind: 'later' })
  })
})

describe('an action that is over', () => {
  it.each(['Completed', 'Failed'] as const)('is left alone: %s', (phase) => {
    const action = anAction({ status: { observedGeneration: 1, phase } })
    expect(nextStep(facts({ action, found: 'unknown' }))).toEqual({ kind: 'over' })
  })

  it('is left alone when it is being deleted, whatever it has begun', () => {
    expect(nextStep(facts({ action: { ...begun, deleting: true } }))).toEqual({ kind: 'over' })
  })
})

const TALLY = { done: 2, skipped: 1, failed: 0, cursor: '2010/welcome', failures: [] }

describe('the status that a step writes', () => {
  it('of the order: in progress for kstatus', () => {
    const step = nextStep(facts()) as WrittenStep
    expect(statusAfter(anAction(), step, NOON)).toEqual({
      observedGeneration: 1,
      phase: 'Running',
      reason: 'ActionRunning',
      message: 'Cancel is being carried out; targets: 1',
      order: 2000,
      cursor: '2010/',
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

  it('of progress: the counts, and nothing else changes', () => {
    const before = statusAfter(anAction(), nextStep(facts()) as WrittenStep, NOON)
    const action = { ...begun, status: before }
    expect(statusAfter(action, { kind: 'progress', tally: TALLY }, NOON + 5_000)).toEqual({
      ...before,
      done: 2,
      skipped: 1,
      failed: 0,
      cursor: '2010/welcome',
    })
  })

  it('of the end: ready, finished, and what was done', () => {
    const notes = 'the target had ended before: Completed (1)'
    const status = statusAfter(begun, { kind: 'finish', tally: TALLY, notes }, NOON)
    expect(status).toMatchObject({
      phase: 'Completed',
      reason: 'ActionDone',
      message: `Cancel: 2 of 3 targets were changed, 1 needed no change: ${notes}`,
      order: 2000,
      matched: 3,
      done: 2,
      skipped: 1,
      failed: 0,
      completionTime: '2026-05-01T12:00:00Z',
    })
    expect(status.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Finished'])
  })

  it('of an end with failures: failed, with the first one in words and a sample by name', () => {
    const failures = [{ name: 'b', reason: 'ReplayLimit', message: 'too often' }]
    const tally = { ...TALLY, skipped: 0, failed: 1, failures }
    const status = statusAfter(begun, { kind: 'finish', tally, notes: '' }, NOON)
    expect(status).toMatchObject({ phase: 'Failed', reason: 'TargetsFailed', failures })
    expect(status.message).toContain('1 of 3 targets could not be changed')
    expect(status.message).toContain('the first: b, too often')
    expect(status.conditions?.map(({ type }) => type)).toEqual(['Stalled', 'Finished'])
  })

  it('of a dry run: completed at once, without an order', () => {
    const status = statusAfter(selecting(), { kind: 'counted', matched: 12 }, NOON)
    expect(status).toMatchObject({ phase: 'Completed', reason: 'DryRun', matched: 12 })
    expect(status.message).toBe(
      'dry run of Cancel: 12 targets match, maxTargets is 10000; nothing was changed',
    )
    expect(status.order).toBeUndefined()
  })

  it('of a refusal: failed for kstatus, and finished', () => {
    const step = nextStep(facts({ found: { ...ONE, named: 0 } })) as WrittenStep
    const status = statusAfter(anAction(), step, NOON)
    expect(status).toMatchObject({ phase: 'Failed', reason: 'TargetNotFound' })
    expect(status.conditions?.map(({ type }) => type)).toEqual(['Stalled', 'Finished'])
  })

  it('is one that the API takes, with a reason of the table, whatever the step', () => {
    const text = fc.string({ maxLength: 2_000 })
    const count = fc.nat(1_000_000)
    const failure = fc.record({
      name: fc.constantFrom('a', 'b.c'),
      reason: fc.constant('TargetRefused'),
      message: fc.string({ maxLength: 256 }),
    })
    const tally = fc.record({
      done: count,
      skipped: count,
      failed: fc.constantFrom(0, 1, 500),
      cursor: fc.constant('2010/welcome'),
      failures: fc.array(failure, { maxLength: 20 }),
    })
    const steps: fc.Arbitrary<WrittenStep> = fc.oneof(
      fc.record({ kind: fc.constant('finish' as const), tally, notes: text }),
      fc.record({ kind: fc.constant('progress' as const), tally }),
      fc.record({ kind: fc.constant('counted' as const), matched: count }),
      fc.record({
        kind: fc.constant('refuse' as const),
        reason: fc.constantFrom('TargetNotFound' as const, 'InvalidPayload' as const),
        message: text,
      }),
    )
    fc.assert(
      fc.property(steps, (step) => {
        const status = statusAfter(begun, step, NOON)
        expect(QueueActionStatus.safeParse(status).error).toBeUndefined()
        if (step.kind !== 'progress') expect(REASONS).toHaveProperty(status.reason ?? '')
      }),
    )
  })
})
