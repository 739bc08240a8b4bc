/**
 * What a reported outcome makes of a status: the table of protocol section 7 (O2). Accepting an
 * outcome is one write that records its epoch and closes the attempt.
 *
 * `status.message` is the sentence of the reason, for people; `error` holds the handler's own words.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { type ReasonOf, sentence } from '../api/reasons.ts'
import { cut } from '../api/text.ts'
import { rfc3339, SECOND_GRAIN, type WallMs } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import { isTerminal, type JobRecord, recordedEpoch } from '../core/job.ts'
import type { Failure } from '../core/outcome.ts'
import { type AttemptEnd, type EndedAttempt, withHistory } from './history.ts'
import { readResult } from './result.ts'
import { runIdOf, type Step, type StepContext, workerOf } from './step.ts'

type OutcomeFact = Extract<Fact, { kind: 'outcome' }>

/** Handlers may ask to be called later this often; then the job is dead-lettered (job-model.md). */
export const MAX_SNOOZES = 1000
/** The shortest snooze. */
const MIN_SNOOZE_MS = 1000
/** A hand-back waits at least this long, so that a draining fleet is no hot loop (O2). */
const HAND_BACK_MS = 1000
/** An outcome that was under way for long leaves at least this much of its wait (L6). */
const LEAST_WAIT_MS = 1000
/** What `status.error.message` holds. */
const MAX_ERROR_MESSAGE = 1024

/** The guard of O1 on what is read at send time: terminal, older or closed epochs change nothing. */
export function mayClose(status: QueueJobStatus, epoch: number): boolean {
  if (isTerminal(status.phase)) return false
  const recorded = recordedEpoch(status)
  return epoch > recorded || (epoch === recorded && status.phase === 'Running')
}

export function applyOutcome(
  status: QueueJobStatus,
  fact: OutcomeFact,
  context: StepContext,
): Step {
  if (!mayClose(status, fact.epoch)) return null
  const base = reported(status, fact)
  const attempt: EndedAttempt = { ...fact, worker: workerOf(fact.place) }
  const { outcome } = fact
  switch (outcome.kind) {
    case 'succeeded':
      return { status: succeeded(base, attempt, fact, outcome.resultJson, context) }
    case 'snoozed':
      return { status: snoozed(base, fact, outcome.delayMs, context) }
    case 'handed-back':
    case 'cancelled':
      return { status: handedBack(base, attempt, context) }
    case 'failed': {
      const { failure, retryAfterMs } = outcome
      return { status: failed(base, attempt, { failure, retryAfterMs, roll: fact.roll }, context) }
    }
    case 'timed-out':
    case 'rejected': {
      const { failure } = outcome
      const failing = { failure, retryAfterMs: null, roll: fact.roll }
      return { status: failed(base, attempt, failing, context) }
    }
  }
}

/** The attempt is over, whatever comes next. */
function reported(status: QueueJobStatus, fact: OutcomeFact): QueueJobStatus {
  const { progress: _, nextAttemptTime: __, message: ___, runId: ____, ...rest } = status
  return {
    ...rest,
    epoch: fact.epoch,
    attempt: fact.attempt,
    startTime: rfc3339(fact.startedAt),
    worker: workerOf(fact.place),
    ...runIdOf(fact.runId),
  }
}

/**
 * A wait runs from the end of the attempt, as its worker tells it; but however long ago that was, a
 * second of it is left, so that no worker can make a hot loop of its own clock.
 */
function dueAfter(endedAt: WallMs, delayMs: number, now: WallMs): string {
  const due = Math.max(endedAt + delayMs, now + Math.min(delayMs, LEAST_WAIT_MS))
  return rfc3339(due + SECOND_GRAIN)
}

/** A first attempt that succeeded leaves no history; the sentence is left out to keep it small. */
function succeeded(
  status: QueueJobStatus,
  attempt: EndedAttempt,
  fact: OutcomeFact,
  json: string | null,
  context: StepContext,
): QueueJobStatus {
  const result = json === null ? null : readResult(json)
  if (result && !result.ok) {
    const failing = { failure: result.failure, retryAfterMs: null, roll: fact.roll }
    return failed(status, attempt, failing, context)
  }
  const { error: _, ...rest } = status
  const first = (status.history ?? []).length === 0
  return {
    ...rest,
    phase: 'Completed',
    reason: 'Completed',
    completionTime: rfc3339(fact.endedAt),
    ...(result ? { result: result.value } : {}),
    ...(first ? {} : { history: withHistory(status, attempt, null) }),
  }
}

function snoozed(
  status: QueueJobStatus,
  fact: OutcomeFact,
  delayMs: number,
  { now }: StepContext,
): QueueJobStatus {
  const snoozes = (status.snoozes ?? 0) + 1
  if (snoozes > MAX_SNOOZES) {
    return {
      ...status,
      snoozes: MAX_SNOOZES,
      phase: 'DeadLettered',
      reason: 'SnoozeLimit',
      message: sentence('SnoozeLimit', { snoozes, limit: MAX_SNOOZES }),
      completionTime: rfc3339(fact.endedAt),
    }
  }
  const until = dueAfter(fact.endedAt, Math.max(MIN_SNOOZE_MS, delayMs), now)
  return {
    ...status,
    snoozes,
    phase: 'Delayed',
    reason: 'Delayed',
    message: sentence('Delayed', { until }),
    nextAttemptTime: until,
  }
}

/** Uses no attempt. What was handed back because the job is suspended stays so (U2). */
function handedBack(
  status: QueueJobStatus,
  attempt: EndedAttempt,
  { record, now }: StepContext,
): QueueJobStatus {
  return {
    ...status,
    ...waitingAgain(record, 'its worker handed it back'),
    nextAttemptTime: dueAfter(attempt.endedAt, HAND_BACK_MS, now),
    history: withHistory(status, attempt, null, 'HandedBack'),
  }
}

/** Phase, reason and sentence of a job whose attempt ended without being counted. */
export function waitingAgain(
  record: JobRecord,
  cause: string,
): Pick<QueueJobStatus, 'phase' | 'reason' | 'message'> {
  return record.suspend
    ? { phase: 'Suspended', reason: 'Suspended', message: sentence('Suspended', {}) }
    : { phase: 'Scheduled', reason: 'Requeued', message: sentence('Requeued', { cause }) }
}

export interface Failing {
  readonly failure: Failure
  /** The handler's own wait; null = the curve. */
  readonly retryAfterMs: number | null
  readonly roll: number
  /** Why it ended without a report. */
  readonly cause?: AttemptEnd
}

/** failed, timed-out, rejected, overdue: counted, then the failure policy decides. */
export function failed(
  status: QueueJobStatus,
  attempt: EndedAttempt,
  { failure: told, retryAfterMs, roll, cause }: Failing,
  { record, policy, now }: StepContext,
): QueueJobStatus {
  const failure: Failure = { ...told, message: cut(told.message, MAX_ERROR_MESSAGE) }
  const { maxAttempts } = record.retry
  const counted = status.attempts ?? 0
  // Never above the maximum, which the API server holds too (W9); what was used up stays.
  const attempts = Math.min(counted + 1, Math.max(counted, maxAttempts))
  const verdict = policy.decide(record.retry, counted, failure, retryAfterMs, roll)
  const noted: QueueJobStatus = {
    ...status,
    error: { ...failure },
    history: withHistory(status, attempt, failure, cause ?? null),
  }
  const words = { attempt: attempt.attempt, code: failure.code, error: failure.message }
  const over = { attempts, completionTime: rfc3339(attempt.endedAt) }
  switch (verdict.kind) {
    case 'retry': {
      const until = dueAfter(attempt.endedAt, verdict.delayMs, now)
      return {
        ...noted,
        ...(verdict.countsAttempt ? { attempts } : {}),
        phase: 'Retrying',
        reason: 'BackingOff',
        message: sentence('BackingOff', { ...words, max: maxAttempts, until }),
        nextAttemptTime: until,
      }
    }
    case 'fail':
      return { ...noted, ...over, phase: 'Failed', ...failedReason(failure, words) }
    case 'dead-letter': {
      const exhausted = counted + 1 >= maxAttempts
      return {
        ...noted,
        ...over,
        phase: 'DeadLettered',
        reason: exhausted ? 'AttemptsExhausted' : 'DeadLetterRule',
        message: exhausted
          ? sentence('AttemptsExhausted', { ...words, max: maxAttempts })
          : sentence('DeadLetterRule', words),
      }
    }
  }
}

type Words = Parameters<typeof sentence<'PermanentFailure'>>[1]

/** Codes of ours that are reasons themselves: the failure's text is their sentence already. */
const OWN_REASONS: ReadonlySet<string> = new Set<ReasonOf<'Job'>>([
  'InvalidPayload',
  'InvalidResult',
  'PayloadTooLarge',
  'PayloadForbidden',
])

function failedReason(
  failure: Failure,
  words: Words,
): Required<Pick<QueueJobStatus, 'reason' | 'message'>> {
  return OWN_REASONS.has(failure.code)
    ? { reason: failure.code, message: failure.message }
    : { reason: 'PermanentFailure', message: sentence('PermanentFailure', words) }
}
