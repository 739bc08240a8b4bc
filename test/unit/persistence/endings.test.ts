// Ends that no worker reported: each closes the attempt by a fence.

import { describe, expect, it } from 'vitest'
import { aJob, aPlace, epoch, NOON, newer, WORKER } from '../../builders.ts'
import {
  aRunningJob,
  cancel,
  expired,
  failure,
  IN_PHASE,
  lost,
  NOW,
  outcome,
  overdue,
  plan,
  planned,
  replay,
  running,
  stuck,
  written,
} from './facts.ts'

const at = (ms: number) => new Date(Math.ceil(ms / 1000) * 1000).toISOString().replace('.000', '')
const budget = (max: number, windowSeconds = 3600) =>
  aJob({ spec: { crashBudget: { max, windowSeconds } } })

describe('lost', () => {
  it('is one write: fence, crash, history with its cause, and a wait', () => {
    const status = planned(aRunningJob(), [lost()])
    expect(status).toMatchObject({
      phase: 'Retrying',
      reason: 'BackingOff',
      epoch: epoch(2),
      attempt: 1,
      crashes: 1,
      error: { category: 'System', code: 'WorkerCrashed' },
      nextAttemptTime: at(NOW + 1000),
    })
    expect(status.message).toContain('attempt 1 of 3 failed with WorkerCrashed: the process of')
    expect(status).not.toHaveProperty('attempts')
    expect(status.history).toEqual([
      {
        number: 1,
        epoch: epoch(1),
        worker: aRunningJob().status.worker,
        startTime: at(NOON + 5000),
        endTime: at(NOW),
        category: 'System',
        code: 'WorkerCrashed',
        message: 'the process of worker mailer-0 ended without handing the attempt back',
        cause: 'WorkerCrashed',
      },
    ])
  })

  it('an attempt that was never written as Running is numbered as the next one', () => {
    const object = written(aJob(), [failure()])
    const status = planned(object, [
      lost({ epoch: epoch(2), fence: epoch(3), place: aPlace({ pod: 'mailer-7' }) }),
    ])
    expect(status.attempt).toBe(2)
    expect(status.worker?.pod).toBe('mailer-7')
    // The start of the attempt before it is not its start.
    expect(status).not.toHaveProperty('startTime')
    expect(status.history?.map(({ number }) => number)).toEqual([1, 2])
    expect(status.history?.[1]).not.toHaveProperty('startTime')
  })

  it('of an unknown worker keeps the one that was written as running it', () => {
    const status = planned(aRunningJob(), [lost({ place: null })])
    expect(status.worker?.podUID).toBe(WORKER)
    expect(status.history?.[0]?.worker?.podUID).toBe(WORKER)
  })

  it('of an unknown worker that never ran it names none', () => {
    const status = planned(written(aJob(), [failure()]), [
      lost({ epoch: epoch(2), fence: epoch(3), place: null }),
    ])
    expect(status).not.toHaveProperty('worker')
    expect(status.history?.[1]).not.toHaveProperty('worker')
  })

  it('waits longer with each crash, up to a minute', () => {
    let object = budget(100)
    const waits = Array.from({ length: 8 }, (_, n) => {
      object = written(object, [lost({ epoch: epoch(2 * n + 1), fence: epoch(2 * n + 2) })])
      return (Date.parse(object.status.nextAttemptTime ?? '') - NOW) / 1000
    })
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
  })

  it('over the budget is a dead letter that names the last loss', () => {
    const object = written(budget(1), [lost()])
    const status = planned(object, [lost({ epoch: epoch(3), fence: epoch(4) })])
    expect(status).toMatchObject({
      phase: 'DeadLettered',
      reason: 'CrashBudgetExceeded',
      message:
        'the job lost its worker 2 times, crashBudget.max is 1; the last time WorkerCrashed on mailer-0',
      epoch: epoch(4),
      crashes: 2,
      completionTime: at(NOW),
    })
    expect(status).not.toHaveProperty('nextAttemptTime')
  })

  it('with a budget of none is a dead letter at once', () => {
    expect(planned(budget(0), [lost()]).phase).toBe('DeadLettered')
  })

  it('long after earlier losses is within the budget again', () => {
    const object = written(budget(1, 3600), [lost({ at: NOW - 3_601_000 })])
    expect(planned(object, [lost({ epoch: epoch(3), fence: epoch(4) })])).toMatchObject({
      phase: 'Retrying',
      crashes: 2,
    })
  })

  it('evictions of long ago do not make room for crashes', () => {
    const evicted = (seq: number) =>
      lost({
        epoch: epoch(seq),
        fence: epoch(seq + 1),
        at: NOW - 3_601_000,
        cause: 'WorkerEvicted',
        counts: 'eviction',
      })
    const object = written(budget(1, 3600), [
      evicted(1),
      evicted(3),
      lost({ epoch: epoch(5), fence: epoch(6) }),
    ])
    expect(planned(object, [lost({ epoch: epoch(7), fence: epoch(8) })]).reason).toBe(
      'CrashBudgetExceeded',
    )
  })

  it('by an eviction counts as that, and never ends the job', () => {
    const evicted = (seq: number) =>
      lost({
        epoch: epoch(seq),
        fence: epoch(seq + 1),
        cause: 'WorkerEvicted',
        counts: 'eviction',
      })
    const object = written(budget(0), [evicted(1), evicted(3), evicted(5)])
    expect(object.status).toMatchObject({ phase: 'Retrying', evictions: 3 })
    expect(object.status).not.toHaveProperty('crashes')
  })

  it('without evidence counts as nothing', () => {
    const status = planned(budget(0), [lost({ counts: 'nothing' })])
    expect(status.phase).toBe('Retrying')
    expect(status).not.toHaveProperty('crashes')
    expect(status).not.toHaveProperty('evictions')
  })
})

describe('overdue', () => {
  it('is a timeout that the operator noticed: counted, fenced, tried again', () => {
    const status = planned(aRunningJob({ spec: { attemptDeadlineSeconds: 60 } }), [overdue()])
    expect(status).toMatchObject({
      phase: 'Retrying',
      epoch: epoch(2),
      attempts: 1,
      error: {
        category: 'Timeout',
        code: 'AttemptTimeout',
        message: 'attempt 1 ran longer than 60 seconds (attemptDeadlineSeconds) and was aborted',
      },
    })
    expect(status.history?.[0]).toMatchObject({ epoch: epoch(1), cause: 'AttemptTimeout' })
  })

  it('for the last time is a dead letter', () => {
    const object = aRunningJob({ spec: { retry: { maxAttempts: 1 } } })
    expect(planned(object, [overdue()])).toMatchObject({
      phase: 'DeadLettered',
      reason: 'AttemptsExhausted',
    })
  })
})

describe('stuck', () => {
  it('is closed by a fence, counted in no budget and told as no failure', () => {
    expect(planned(aJob(), [stuck()])).toMatchObject({
      phase: 'Scheduled',
      reason: 'Requeued',
      message: 'the last start used no attempt (no worker took it); the job waits for a free slot',
      epoch: epoch(2),
    })
  })

  it('keeps the last error and the counts of earlier attempts', () => {
    const object = written(aJob(), [failure()])
    expect(planned(object, [stuck({ epoch: epoch(2), fence: epoch(3) })])).toMatchObject({
      attempts: 1,
      error: { code: 'SmtpBusy' },
    })
  })

  it('for a suspended job that does not end leaves it suspended (U2)', () => {
    const object = aRunningJob({ spec: { suspend: true } })
    const running = newer(object, {
      status: { ...object.status, progress: { percent: 40 } },
    })
    const status = planned(running, [stuck()])
    expect(status).toMatchObject({ phase: 'Suspended', reason: 'Suspended', epoch: epoch(2) })
    expect(status).not.toHaveProperty('progress')
  })
})

describe('cancel', () => {
  it('of an attempt that was never written says that the job has started', () => {
    expect(planned(aJob(), [cancel({ attempt: 1 })])).toMatchObject({ attempt: 1 })
    expect(planned(aJob(), [cancel()])).not.toHaveProperty('attempt')
  })

  it('ends the job with a fence and its order, and says who asked', () => {
    expect(planned(aRunningJob(), [cancel({ by: 'alice', comment: 'wrong list' })])).toMatchObject({
      phase: 'Cancelled',
      reason: 'Cancelled',
      message: 'cancelled by alice: wrong list',
      epoch: epoch(2),
      actionOrder: 2000,
      completionTime: at(NOW),
    })
  })

  it('names the action where nobody is named', () => {
    expect(planned(aJob(), [cancel()]).message).toBe('cancelled by QueueAction stop-it: no comment')
  })

  it('forgets the wait and the progress', () => {
    const status = planned(IN_PHASE.Retrying, [cancel()])
    expect(status).not.toHaveProperty('nextAttemptTime')
  })

  it.each([
    ['an order that was applied before', { order: 2000 }],
    ['an older order', { order: 1999 }],
  ])('with %s changes nothing (U4)', (_says, given) => {
    const replayed = aJob({ status: { phase: 'Scheduled', epoch: epoch(2), actionOrder: 2000 } })
    expect(plan(replayed, [cancel({ fence: epoch(3), ...given })]).status).toBeNull()
  })

  it('with a fence that is no fence any more changes nothing', () => {
    const object = written(aJob(), [running({ epoch: epoch(5) })])
    expect(plan(object, [cancel({ fence: epoch(5) })]).status).toBeNull()
  })

  it('that races an outcome loses when the outcome came first, and wins when it did not (U1)', () => {
    expect(plan(aRunningJob(), [outcome(), cancel()])).toMatchObject({
      status: { phase: 'Completed' },
      applied: [true, false],
    })
    expect(plan(aRunningJob(), [cancel(), outcome()])).toMatchObject({
      status: { phase: 'Cancelled' },
      applied: [true, false],
    })
  })

  it('wins over a retry that was decided before it', () => {
    expect(plan(aRunningJob(), [failure(), cancel()])).toMatchObject({
      status: { phase: 'Cancelled', attempts: 1 },
      applied: [true, true],
    })
  })
})

describe('expired', () => {
  const spec = { attemptDeadlineSeconds: 60, activeDeadlineSeconds: 3600 }
  const LATE = NOON + 3_600_000

  it('is a dead letter with a fence', () => {
    expect(planned(aJob({ spec }), [expired({ at: LATE })])).toMatchObject({
      phase: 'DeadLettered',
      reason: 'ActiveDeadlineExceeded',
      message:
        'the job had 3600 seconds (activeDeadlineSeconds) from the moment it could start and did not end in time',
      epoch: epoch(2),
      error: { category: 'Timeout', code: 'ActiveDeadlineExceeded' },
    })
  })

  it('keeps the attempt that it ends in the history', () => {
    const attempt = { epoch: epoch(1), runId: '', place: null }
    const status = planned(aRunningJob({ spec }), [expired({ attempt, at: LATE })])
    expect(status).toMatchObject({ phase: 'DeadLettered', epoch: epoch(2) })
    expect(status.history).toMatchObject([
      { number: 1, epoch: epoch(1), category: 'Timeout', code: 'ActiveDeadlineExceeded' },
    ])
  })

  it('counts no attempt that was reported before', () => {
    const attempt = { epoch: epoch(1), runId: '', place: null }
    const object = written(aJob({ spec }), [failure()])
    const status = planned(object, [expired({ attempt, at: LATE })])
    expect(status.history).toHaveLength(1)
    expect(status).toMatchObject({ phase: 'DeadLettered', error: { code: 'SmtpBusy' } })
  })

  it.each([
    ['before its time', { at: LATE - 1000 }, spec],
    ['without a deadline, which was edited away', { at: LATE }, {}],
    ['suspended meanwhile', { at: LATE }, { ...spec, suspend: true }],
  ])('changes nothing %s', (_when, given, changed) => {
    expect(plan(aJob({ spec: changed }), [expired(given)]).status).toBeNull()
  })

  it('changes nothing after an end: a success that was written first stands', () => {
    const object = written(aJob({ spec }), [outcome()])
    expect(plan(object, [expired({ at: LATE })]).status).toBeNull()
  })
})

describe('a crash budget after a replay', () => {
  it('counts the crashes of this run alone', () => {
    const object = budget(1, 600)
    const old = written(object, [
      lost({ at: NOON }),
      lost({ epoch: epoch(3), fence: epoch(4), at: NOON }),
    ])
    expect(old.status).toMatchObject({ phase: 'DeadLettered', crashes: 2 })
    const later = NOON + 3_600_000
    const again = written(old, [replay({ fence: epoch(5), at: later })], later)
    const crash = (seq: number) => lost({ epoch: epoch(seq), fence: epoch(seq + 1), at: later })
    const once = written(again, [crash(6)], later)
    expect(once.status).toMatchObject({ phase: 'Retrying', crashes: 1 })
    expect(planned(once, [crash(8)], later)).toMatchObject({
      phase: 'DeadLettered',
      reason: 'CrashBudgetExceeded',
      crashes: 2,
    })
  })
})

describe('a fence', () => {
  const ends = [
    ['lost', lost],
    ['overdue', overdue],
    ['stuck', stuck],
  ] as const

  it.each(ends)('of %s below its epoch changes nothing', (_kind, fact) => {
    expect(plan(aRunningJob(), [fact({ fence: epoch(1) })]).status).toBeNull()
  })

  it.each(ends)('of %s for an attempt that has ended changes nothing', (_kind, fact) => {
    expect(plan(IN_PHASE.Retrying, [fact()]).status).toBeNull()
    expect(plan(IN_PHASE.Completed, [fact()]).status).toBeNull()
  })

  it.each(ends)('of %s makes the outcome that comes later void', (_kind, fact) => {
    expect(plan(aRunningJob(), [fact(), outcome()]).applied).toEqual([true, false])
  })
})
