// What each action does to a job in each phase.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PHASES, type Phase, WAITING_PHASES } from '../../../src/api/conditions.ts'
import { ACTIONS_OF } from '../../../src/api/queueaction.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { decideJob } from '../../../src/ingestion/action-job.ts'
import { aJob, anAction, epoch, uid } from '../../builders.ts'

type Action = ReturnType<typeof anAction>['spec']['action']

const asks = (action: Action, more: Parameters<typeof anAction>[0] = {}) =>
  anAction({ ...more, spec: { action, ...more.spec } })

const ORDER = 2000
const at = (phase: Phase, more: Partial<JobObject['status']> = {}) =>
  aJob({ status: { phase, ...more } })

/** 'act', or what is said instead. */
function verdict(action: Action, job: JobObject): string {
  const decision = decideJob(asks(action), ORDER, job)
  if (decision.kind === 'act') return decision.request.kind
  return decision.kind
}

describe('the act, by phase', () => {
  const waits = { nextAttemptTime: '2026-05-01T13:00:00Z' }
  const table: Record<string, Partial<Record<Phase, string>>> = {
    Cancel: {
      ...Object.fromEntries(WAITING_PHASES.map((phase) => [phase, 'cancel'])),
      Running: 'cancel',
    },
    Retry: { Retrying: 'retry-now', Delayed: 'retry-now' },
    Replay: { Failed: 'replay', DeadLettered: 'replay', Cancelled: 'replay' },
    Discard: { DeadLettered: 'discard' },
    Resume: {},
  }
  const rows = Object.entries(table).flatMap(([action, acts]) =>
    PHASES.map((phase) => [action as Action, phase, acts[phase] ?? 'skipped'] as const),
  )
  it.each(rows)('%s of a job that is %s: %s', (action, phase, want) => {
    const backsOff = phase === 'Retrying' || phase === 'Delayed'
    expect(verdict(action, at(phase, backsOff ? waits : {}))).toBe(want)
  })
})

describe('a job that came back from a backup and was never written', () => {
  const restored = aJob({ tags: { restored: true } })
  it('is confirmed by Resume, and by no other job', () => {
    expect(verdict('Resume', restored)).toBe('confirm')
    expect(verdict('Resume', aJob())).toBe('skipped')
  })
  it('is discarded by Discard', () => {
    expect(verdict('Discard', restored)).toBe('discard')
  })
  it('is like any other job once it was written', () => {
    const seen = aJob({ tags: { restored: true }, status: { phase: 'Scheduled', epoch: epoch(1) } })
    expect(verdict('Resume', seen)).toBe('skipped')
    expect(verdict('Discard', seen)).toBe('skipped')
  })
})

describe('a delay of the spec is not a wait that Retry ends', () => {
  it('a job that waits for spec.startAfter is left alone', () => {
    expect(decideJob(asks('Retry'), ORDER, at('Delayed'))).toEqual({
      kind: 'skipped',
      note: 'it waits for no retry: neither a back-off nor a snooze',
    })
  })
})

describe('replays by actions', () => {
  it('are counted without those of spec.runId, and end at ten', () => {
    expect(verdict('Replay', at('Failed', { replays: 12, reruns: 3 }))).toBe('replay')
    expect(decideJob(asks('Replay'), ORDER, at('Failed', { replays: 13, reruns: 3 }))).toEqual({
      kind: 'failed',
      reason: 'ReplayLimit',
      message: 'job welcome was replayed 10 times by actions, the limit is 10',
    })
  })
  it('name the action that brings a payload along', () => {
    const action = asks('Replay', { payload: { kind: 'inline', json: '{"a":1}' } })
    expect(decideJob(action, ORDER, at('DeadLettered'))).toMatchObject({
      request: { kind: 'replay', payload: { name: action.name, uid: action.uid } },
    })
    expect(decideJob(asks('Replay'), ORDER, at('DeadLettered'))).toMatchObject({
      request: { payload: null },
    })
  })
})

describe('in the order of the actions (U4)', () => {
  const acts = ACTIONS_OF.QueueJob
  it('a job that took this action is done, and one that took a later one is left alone', () => {
    const job = fc.record({
      phase: fc.constantFrom(...PHASES),
      actionOrder: fc.integer({ min: 1 }),
    })
    fc.assert(
      fc.property(fc.constantFrom(...acts), fc.constantFrom(...acts), job, (verb, _, status) => {
        const decision = decideJob(asks(verb), ORDER, aJob({ status }))
        if (status.actionOrder === ORDER) expect(decision.kind).toBe('done')
        if (status.actionOrder > ORDER) expect(decision.kind).toBe('skipped')
      }),
    )
  })
  it('an earlier one does not hold it up', () => {
    expect(verdict('Cancel', at('Scheduled', { actionOrder: ORDER - 1 }))).toBe('cancel')
  })
})

it('says in whose name it acts', () => {
  const action = asks('Cancel', { spec: { requestedBy: 'alice', comment: 'wrong list' } })
  expect(decideJob(action, ORDER, aJob({ uid: uid(1) }))).toEqual({
    kind: 'act',
    request: {
      kind: 'cancel',
      order: ORDER,
      action: 'stop-it',
      by: 'alice',
      comment: 'wrong list',
    },
  })
})

it('a job that is being deleted is left alone', () => {
  expect(verdict('Cancel', aJob({ deleting: true }))).toBe('skipped')
})
