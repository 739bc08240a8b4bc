/**
 * Ends that no worker reported: lost, overdue, stuck, cancelled, expired. Each closes the attempt by
 * a fence, an epoch that is written and never published (S1), so that whatever the old attempt
 * still sends is refused.
 */
import type { HistoryEntry, QueueJobStatus } from '../api/queuejob.ts'
import { sentence } from '../api/reasons.ts'
import { activeSince } from '../core/active-deadline.ts'
import { rfc3339, SECOND_GRAIN, type WallMs } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import { isTerminal, type JobRecord, recordedEpoch } from '../core/job.ts'
import type { Failure } from '../core/outcome.ts'
import { type EndedAttempt, unreported, withHistory } from './history.ts'
import { failed, mayClose, waitingAgain } from './outcomes.ts'
import { runIdOf, type Step, type StepContext } from './step.ts'

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** A lost worker's job waits a little, so that a crash that takes several is no hot loop (L6). */
const CRASH_BACKOFF_MS = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]

/** A fence below what it fences would reopen an epoch: whoever gave it out was overtaken. */
function mayFence(status: QueueJobStatus, fact: { epoch: number; fence: number }): boolean {
  return mayClose(status, fact.epoch) && fact.fence > fact.epoch
}

/** L3: one write; over the crash budget the job is dead-lettered. */
export function applyLost(
  status: QueueJobStatus,
  fact: FactOf<'lost'>,
  { record }: StepContext,
): Step {
  if (!mayFence(status, fact)) return null
  const failure: Failure = { category: 'System', code: fact.cause, message: fact.message }
  const attempt = unreported(status, fact)
  const crashes = (status.crashes ?? 0) + (fact.counts === 'crash' ? 1 : 0)
  const evictions = (status.evictions ?? 0) + (fact.counts === 'eviction' ? 1 : 0)
  const noted: QueueJobStatus = {
    ...closed(status, attempt, fact),
    error: { ...failure },
    history: withHistory(status, attempt, failure, fact.cause),
    ...(crashes > 0 ? { crashes } : {}),
    ...(evictions > 0 ? { evictions } : {}),
  }
  const inWindow = crashesWithin(noted, record.crashBudget.windowMs, fact.at)
  if (fact.counts === 'crash' && inWindow > record.crashBudget.max) {
    return { status: overBudget(noted, fact, attempt, record) }
  }
  const step = Math.max(0, Math.min(crashes, CRASH_BACKOFF_MS.length) - 1)
  const until = rfc3339(fact.at + (CRASH_BACKOFF_MS[step] ?? 60_000) + SECOND_GRAIN)
  const words = { attempt: attempt.attempt, code: failure.code, error: failure.message, until }
  return {
    status: {
      ...noted,
      phase: 'Retrying',
      reason: 'BackingOff',
      message: sentence('BackingOff', { ...words, max: record.retry.maxAttempts }),
      nextAttemptTime: until,
    },
  }
}

/** The status now tells of this attempt and its run, whether or not it was ever written as Running. */
function closed(
  status: QueueJobStatus,
  attempt: EndedAttempt,
  { fence, runId }: { readonly fence: number; readonly runId: string },
): QueueJobStatus {
  const {
    progress: _,
    nextAttemptTime: __,
    startTime: ___,
    worker: ____,
    runId: _____,
    ...rest
  } = status
  return {
    ...rest,
    ...runIdOf(runId),
    epoch: fence,
    attempt: attempt.attempt,
    ...(attempt.startedAt === null ? {} : { startTime: rfc3339(attempt.startedAt) }),
    ...(attempt.worker ? { worker: attempt.worker } : {}),
  }
}

function overBudget(
  status: QueueJobStatus,
  fact: FactOf<'lost'>,
  { worker }: EndedAttempt,
  { crashBudget }: JobRecord,
): QueueJobStatus {
  return {
    ...status,
    phase: 'DeadLettered',
    reason: 'CrashBudgetExceeded',
    message: sentence('CrashBudgetExceeded', {
      crashes: status.crashes ?? 0,
      max: crashBudget.max,
      cause: fact.cause,
      worker: worker?.pod ?? worker?.podUID ?? 'an unknown worker',
    }),
    completionTime: rfc3339(fact.at),
  }
}

/**
 * Crashes that still count: those of this run whose history entry lies inside the window. The entries of
 * an earlier run stand before them (U3). History keeps ten attempts, so a crash that fell out of it is
 * taken as inside: the safe side of a loop.
 */
function crashesWithin(status: QueueJobStatus, windowMs: number, now: WallMs): number {
  const counted = status.crashes ?? 0
  if (counted === 0) return 0
  const old = (status.history ?? [])
    .filter(isCrash)
    .slice(-counted)
    .filter(({ endTime }) => Date.parse(endTime ?? '') < now - windowMs)
  return counted - old.length
}

/** An eviction has a budget of its own; every other loss of a worker is a crash. */
function isCrash({ cause }: HistoryEntry): boolean {
  return (
    cause !== undefined &&
    cause !== 'WorkerEvicted' &&
    cause !== 'HandedBack' &&
    cause !== 'AttemptTimeout'
  )
}

/** L7: past its deadline, told to stop, and still silent: closed as timed out, with a fence. */
export function applyOverdue(
  status: QueueJobStatus,
  fact: FactOf<'overdue'>,
  context: StepContext,
): Step {
  if (!mayFence(status, fact)) return null
  const attempt = unreported(status, fact)
  const failure: Failure = {
    category: 'Timeout',
    code: 'AttemptTimeout',
    message: sentence('AttemptTimeout', {
      attempt: attempt.attempt,
      seconds: Math.round(context.record.attemptDeadlineMs / 1000),
    }),
  }
  return {
    status: failed(
      closed(status, attempt, fact),
      attempt,
      { failure, retryAfterMs: null, roll: fact.roll, cause: 'AttemptTimeout' },
      context,
    ),
  }
}

/** D7: nothing ever took it; U2: it did not end. Counted in no budget; the dispatcher backs off. */
export function applyStuck(
  status: QueueJobStatus,
  fact: FactOf<'stuck'>,
  { record }: StepContext,
): Step {
  if (!mayFence(status, fact)) return null
  const { progress: _, ...rest } = status
  const cause = status.phase === 'Running' ? 'it did not end when told to' : 'no worker took it'
  return { status: { ...rest, epoch: fact.fence, ...waitingAgain(record, cause) } }
}

/**
 * U1, U4: always with a fence; an end that was written earlier wins. A cancel is about everything that
 * was asked for by then, also about a run that `spec.runId` asks for while another one is under way.
 */
export function applyCancel(
  status: QueueJobStatus,
  fact: FactOf<'cancel'>,
  { record }: StepContext,
): Step {
  if (isTerminal(status.phase)) return null
  if (fact.order <= (status.actionOrder ?? 0)) return null
  if (fact.fence <= recordedEpoch(status)) return null
  const ended = endedByAct(status, fact, 'Cancelled', record)
  return { status: fact.attempt === undefined ? ended : { ...ended, attempt: fact.attempt } }
}

/** An action ended the job: it is about everything that was asked for by then, the newest runId too. */
export function endedByAct(
  { nextAttemptTime: _, progress: __, runId: ___, ...rest }: QueueJobStatus,
  fact: FactOf<'cancel' | 'discard'>,
  reason: 'Cancelled' | 'Discarded',
  record: JobRecord,
): QueueJobStatus {
  return {
    ...rest,
    ...runIdOf(record.runId),
    phase: 'Cancelled',
    reason,
    message: sentence(reason, {
      by: fact.by || `QueueAction ${fact.action}`,
      comment: fact.comment || 'no comment',
    }),
    epoch: fact.fence,
    actionOrder: fact.order,
    completionTime: rfc3339(fact.at),
  }
}

/**
 * `activeDeadlineSeconds` passed, whether the job waits or runs. The attempt that it ends is kept in the
 * history; the last failure stays the job's error, for it says why nothing succeeded in time.
 */
export function applyExpired(
  status: QueueJobStatus,
  fact: FactOf<'expired'>,
  { record }: StepContext,
): Step {
  if (isTerminal(status.phase) || fact.fence <= recordedEpoch(status)) return null
  // Edited, suspended or replayed meanwhile. Pauses only make it later, so they need no look here.
  const since = activeSince(record, status, 0) ?? 0
  if (record.suspend || fact.at < since + record.activeDeadlineMs) return null
  const message = sentence('ActiveDeadlineExceeded', {
    seconds: Math.round(record.activeDeadlineMs / 1000),
  })
  const failure: Failure = { category: 'Timeout', code: 'ActiveDeadlineExceeded', message }
  const base = expiring(status, fact, record, failure)
  return {
    status: {
      ...base,
      phase: 'DeadLettered',
      reason: 'ActiveDeadlineExceeded',
      message,
      epoch: fact.fence,
      error: base.error ?? failure,
      completionTime: rfc3339(fact.at),
    },
  }
}

function expiring(
  status: QueueJobStatus,
  { attempt: open, fence, at }: FactOf<'expired'>,
  record: JobRecord,
  failure: Failure,
): QueueJobStatus {
  if (open && mayFence(status, { epoch: open.epoch, fence })) {
    const attempt = unreported(status, { ...open, at })
    return {
      ...closed(status, attempt, { fence, runId: open.runId }),
      history: withHistory(status, attempt, failure),
    }
  }
  const { nextAttemptTime: _, progress: __, runId: ___, ...rest } = status
  const runId = status.phase === 'Running' ? (status.runId ?? '') : record.runId
  return { ...rest, ...runIdOf(runId) }
}
