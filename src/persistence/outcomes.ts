/**
 * What a reported outcome makes of a status: the table of protocol section 7 (O2). Accepting an
 * outcome is one write that records its epoch and closes the attempt.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { rfc3339 } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import { isTerminal, recordedEpoch } from '../core/job.ts'
import type { Failure } from '../core/outcome.ts'
import { type EndedAttempt, withHistory } from './history.ts'
import { runIdOf, type Step, type StepContext, workerOf } from './step.ts'

type OutcomeFact = Extract<Fact, { kind: 'outcome' }>

/** Handlers may ask to be called later this often; then the job is dead-lettered (job-model.md). */
export const MAX_SNOOZES = 1000
/** A hand-back waits at least this long, so that a draining fleet is no hot loop (O2). */
const HAND_BACK_MS = 1000

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
  const base = ended(status, fact)
  const { outcome } = fact
  switch (outcome.kind) {
    case 'succeeded':
      return { status: completed(base, fact, outcome.resultJson) }
    case 'snoozed':
      return { status: snoozed(base, fact, outcome.delayMs) }
    case 'handed-back':
    case 'cancelled':
      return { status: handedBack(base, fact) }
    case 'failed':
      return { status: failed(base, fact, outcome.failure, outcome.retryAfterMs, context) }
    case 'timed-out':
    case 'rejected':
      return { status: failed(base, fact, outcome.failure, null, context) }
  }
}

/** The attempt is over, whatever comes next. */
function ended(status: QueueJobStatus, fact: OutcomeFact): QueueJobStatus {
  const { progress: _, nextAttemptTime: __, message: ___, ...rest } = status
  return {
    ...rest,
    epoch: fact.epoch,
    attempt: fact.attempt,
    startTime: rfc3339(fact.startedAt),
    worker: workerOf(fact.place),
    ...runIdOf(fact.runId),
  }
}

function completed(status: QueueJobStatus, fact: OutcomeFact, json: string | null): QueueJobStatus {
  const { error: _, ...rest } = status
  const first = (status.history ?? []).length === 0
  return {
    ...rest,
    phase: 'Completed',
    reason: 'Completed',
    completionTime: rfc3339(fact.endedAt),
    ...(json === null ? {} : { result: JSON.parse(json) }),
    ...(first ? {} : { history: withHistory(status, fact, null) }),
  }
}

function snoozed(status: QueueJobStatus, fact: OutcomeFact, delayMs: number): QueueJobStatus {
  const snoozes = (status.snoozes ?? 0) + 1
  if (snoozes > MAX_SNOOZES) {
    return {
      ...status,
      snoozes: MAX_SNOOZES,
      phase: 'DeadLettered',
      reason: 'SnoozeLimit',
      completionTime: rfc3339(fact.endedAt),
    }
  }
  return {
    ...status,
    snoozes,
    phase: 'Delayed',
    reason: 'Delayed',
    nextAttemptTime: rfc3339(fact.endedAt + Math.max(1000, delayMs) + SECOND_GRAIN),
  }
}

function handedBack(status: QueueJobStatus, fact: OutcomeFact): QueueJobStatus {
  return {
    ...status,
    phase: 'Scheduled',
    reason: 'HandedBack',
    nextAttemptTime: rfc3339(fact.endedAt + HAND_BACK_MS + SECOND_GRAIN),
  }
}

/** Kubernetes times have one-second grain and are cut: rounding up keeps "not before" true. */
export const SECOND_GRAIN = 999

/** failed, timed-out, rejected, overdue: counted, then the failure policy decides. */
export function failed(
  status: QueueJobStatus,
  fact: EndedAttempt & { readonly roll: number },
  failure: Failure,
  retryAfterMs: number | null,
  { record, policy }: StepContext,
): QueueJobStatus {
  const counted = status.attempts ?? 0
  const verdict = policy.decide(record.retry, counted, failure, retryAfterMs, fact.roll)
  const noted: QueueJobStatus = {
    ...status,
    error: { ...failure },
    message: failure.message,
    history: withHistory(status, fact, failure),
  }
  const attempts = Math.min(counted + 1, Math.max(counted, record.retry.maxAttempts))
  const completionTime = rfc3339(fact.endedAt)
  switch (verdict.kind) {
    case 'retry':
      return {
        ...noted,
        ...(verdict.countsAttempt ? { attempts } : {}),
        phase: 'Retrying',
        reason: 'BackingOff',
        nextAttemptTime: rfc3339(fact.endedAt + verdict.delayMs + SECOND_GRAIN),
      }
    case 'fail':
      return { ...noted, attempts, phase: 'Failed', reason: failedReason(failure), completionTime }
    case 'dead-letter':
      return {
        ...noted,
        attempts,
        phase: 'DeadLettered',
        reason: 'AttemptsExhausted',
        completionTime,
      }
  }
}

/** A code of ours is the reason itself; a user's own code reads as a permanent failure. */
function failedReason(failure: Failure): string {
  const ours = ['InvalidPayload', 'InvalidResult', 'PayloadTooLarge', 'PayloadForbidden']
  return ours.includes(failure.code) ? failure.code : 'PermanentFailure'
}
