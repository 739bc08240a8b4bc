/** Facts for tests, each whole and about the first attempt of `aJob()`, and what is planned for them. */
import type { Phase } from '../../../src/api/conditions.ts'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import { type ClockStops, NO_STOPS } from '../../../src/core/active-deadline.ts'
import type { Fact } from '../../../src/core/facts.ts'
import type { JobObject, JobRecord } from '../../../src/core/job.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { planStatus, type StatusPlan } from '../../../src/persistence/status.ts'
import { failurePolicy } from '../../../src/scheduler/retry.ts'
import { aFailure, aJob, aPlace, epoch, NOON, newer, SUCCEEDED } from '../../builders.ts'

export type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** Facts happen here; statuses are planned here, too, unless a test says otherwise. */
export const NOW = NOON + 10_000
const MIDDLE = 0.5

export const seen: Fact = { kind: 'seen' }

export function waiting(given: Partial<FactOf<'waiting'>> = {}): FactOf<'waiting'> {
  return {
    kind: 'waiting',
    phase: 'Scheduled',
    reason: 'NoWorkers',
    message: 'no connected worker serves queue outbox in namespace mail',
    stalled: false,
    ...given,
  }
}

export function refused(given: Partial<FactOf<'refused'>> = {}): FactOf<'refused'> {
  return { kind: 'refused', reason: 'InvalidSpec', message: 'spec.a is not valid: b', ...given }
}

export function running(given: Partial<FactOf<'running'>> = {}): FactOf<'running'> {
  return {
    kind: 'running',
    epoch: epoch(1),
    attempt: 1,
    runId: '',
    place: aPlace(),
    startedAt: NOON + 5000,
    ...given,
  }
}

export function outcome(given: Partial<FactOf<'outcome'>> = {}): FactOf<'outcome'> {
  return {
    kind: 'outcome',
    epoch: epoch(1),
    attempt: 1,
    runId: '',
    place: aPlace(),
    outcome: SUCCEEDED,
    startedAt: NOON + 5000,
    endedAt: NOW,
    roll: MIDDLE,
    ...given,
  }
}

export function failure(given: Partial<FactOf<'outcome'>> = {}): FactOf<'outcome'> {
  return outcome({
    outcome: { kind: 'failed', failure: aFailure(), retryAfterMs: null },
    ...given,
  })
}

export function lost(given: Partial<FactOf<'lost'>> = {}): FactOf<'lost'> {
  return {
    kind: 'lost',
    runId: '',
    epoch: epoch(1),
    fence: epoch(2),
    cause: 'WorkerCrashed',
    counts: 'crash',
    message: 'the process of worker mailer-0 ended without handing the attempt back',
    place: aPlace(),
    at: NOW,
    roll: MIDDLE,
    ...given,
  }
}

export function overdue(given: Partial<FactOf<'overdue'>> = {}): FactOf<'overdue'> {
  return {
    kind: 'overdue',
    runId: '',
    epoch: epoch(1),
    fence: epoch(2),
    place: aPlace(),
    at: NOW,
    roll: MIDDLE,
    ...given,
  }
}

export function stuck(given: Partial<FactOf<'stuck'>> = {}): FactOf<'stuck'> {
  return { kind: 'stuck', epoch: epoch(1), fence: epoch(2), ...given }
}

export function cancel(given: Partial<FactOf<'cancel'>> = {}): FactOf<'cancel'> {
  return {
    kind: 'cancel',
    fence: epoch(2),
    order: 2000,
    action: 'stop-it',
    by: '',
    comment: '',
    at: NOW,
    ...given,
  }
}

export function expired(given: Partial<FactOf<'expired'>> = {}): FactOf<'expired'> {
  return { kind: 'expired', fence: epoch(2), attempt: null, at: NOW, ...given }
}

/** What every act of an action says; each a later one than `cancel()`. */
const ACTED = { order: 3000, action: 'act', by: '', comment: '', at: NOW } as const

export function discard(given: Partial<FactOf<'discard'>> = {}): FactOf<'discard'> {
  return { ...ACTED, kind: 'discard', fence: epoch(3), ...given }
}

export function replay(given: Partial<FactOf<'replay'>> = {}): FactOf<'replay'> {
  return { ...ACTED, kind: 'replay', fence: epoch(3), payload: null, ...given }
}

export function rerun(given: Partial<FactOf<'rerun'>> = {}): FactOf<'rerun'> {
  return { kind: 'rerun', fence: epoch(3), at: NOW, ...given }
}

export function retryNow(given: Partial<FactOf<'retry-now'>> = {}): FactOf<'retry-now'> {
  return { ...ACTED, kind: 'retry-now', ...given }
}

export function confirm(given: Partial<FactOf<'confirm'>> = {}): FactOf<'confirm'> {
  return { ...ACTED, kind: 'confirm', fence: epoch(1), ...given }
}

export const FIRST = { name: 'first', uid: 'dddddddd-0000-4000-8000-000000000001' } as const

export function duplicate(given: Partial<FactOf<'duplicate'>> = {}): FactOf<'duplicate'> {
  return { kind: 'duplicate', first: FIRST, at: NOW, ...given }
}

export const trim: Fact = { kind: 'trim' }

export function progress(given: Partial<FactOf<'progress'>> = {}): FactOf<'progress'> {
  return { kind: 'progress', epoch: epoch(1), percent: 40, message: 'half way', ...given }
}

export function recordOf(object: JobObject): JobRecord {
  return normaliser(() => null)(object, 1)
}

export function plan(
  object: JobObject,
  facts: readonly Fact[],
  now = NOW,
  stops: ClockStops = NO_STOPS,
): StatusPlan {
  const record = recordOf(object)
  return planStatus({ object, record, facts, now, policy: failurePolicy, stops })
}

/** The status that is written for the facts. @throws Error when nothing is */
export function planned(object: JobObject, facts: readonly Fact[], now = NOW): QueueJobStatus {
  const { status } = plan(object, facts, now)
  if (!status) throw new Error('nothing is to be written')
  return status
}

/** The object after the facts were written, one write for each. */
export function written(object: JobObject, facts: readonly Fact[], now = NOW): JobObject {
  return facts.reduce((last, fact) => {
    const { status } = plan(last, [fact], now)
    return status ? newer(last, { status }) : last
  }, object)
}

/** As the first attempt is written after a second. */
export function aRunningJob(given: Parameters<typeof aJob>[0] = {}): JobObject {
  return written(aJob(given), [running()])
}

/** One object in each phase, as the writer leaves it. */
export const IN_PHASE: Readonly<Record<Phase, JobObject>> = {
  Pending: aJob(),
  Scheduled: written(aJob(), [waiting()]),
  Delayed: written(aJob(), [outcome({ outcome: { kind: 'snoozed', delayMs: 60_000 } })]),
  Blocked: written(aJob(), [waiting({ phase: 'Blocked', reason: 'QueueNotFound', stalled: true })]),
  Retrying: written(aJob(), [failure()]),
  Suspended: written(aJob({ spec: { suspend: true } }), [
    waiting({ phase: 'Suspended', reason: 'Suspended', message: 'spec.suspend is true' }),
  ]),
  Running: aRunningJob(),
  Completed: written(aJob(), [outcome()]),
  Failed: written(aJob(), [refused()]),
  DeadLettered: written(aJob({ spec: { retry: { maxAttempts: 1 } } }), [failure()]),
  Cancelled: written(aJob(), [cancel()]),
}
