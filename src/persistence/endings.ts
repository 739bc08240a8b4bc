/**
 * Ends that no worker reported: lost, overdue, stuck, cancelled, expired. Each closes the attempt by
 * a fence, an epoch that is written and never published (S1), so that whatever the old attempt
 * still sends is refused.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { rfc3339 } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import { isTerminal, recordedEpoch } from '../core/job.ts'
import type { Failure } from '../core/outcome.ts'
import { withHistory } from './history.ts'
import { failed, mayClose, SECOND_GRAIN } from './outcomes.ts'
import type { Step, StepContext } from './step.ts'

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** A lost worker's job waits a little, so that a crash that takes several is no hot loop (L6). */
const CRASH_BACKOFF_MS = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]

/** L3: one write; over the crash budget the job is dead-lettered. */
export function applyLost(
  status: QueueJobStatus,
  fact: FactOf<'lost'>,
  { record }: StepContext,
): Step {
  if (!mayClose(status, fact.epoch)) return null
  const failure: Failure = { category: 'System', code: fact.cause, message: fact.message }
  const ended = {
    epoch: fact.epoch,
    attempt: status.attempt ?? (status.attempts ?? 0) + 1,
    place: fact.place,
    startedAt: null,
    endedAt: fact.at,
  }
  const crashes = (status.crashes ?? 0) + (fact.counts === 'crash' ? 1 : 0)
  const evictions = (status.evictions ?? 0) + (fact.counts === 'eviction' ? 1 : 0)
  const { progress: _, ...rest } = status
  const noted: QueueJobStatus = {
    ...rest,
    epoch: fact.fence,
    error: { ...failure },
    message: failure.message,
    history: withHistory(status, ended, failure, fact.cause),
    ...(crashes > 0 ? { crashes } : {}),
    ...(evictions > 0 ? { evictions } : {}),
  }
  if (
    crashesWithin(noted, record.crashBudget.windowMs, fact.at, crashes) > record.crashBudget.max
  ) {
    return {
      status: {
        ...noted,
        phase: 'DeadLettered',
        reason: 'CrashBudgetExceeded',
        completionTime: rfc3339(fact.at),
      },
    }
  }
  const step = Math.max(0, Math.min(crashes, CRASH_BACKOFF_MS.length) - 1)
  const delayMs = CRASH_BACKOFF_MS[step] ?? 60_000
  return {
    status: {
      ...noted,
      phase: 'Retrying',
      reason: 'BackingOff',
      nextAttemptTime: rfc3339(fact.at + delayMs + SECOND_GRAIN),
    },
  }
}

/**
 * Crashes that still count: those whose history entry lies inside the window. History keeps ten
 * attempts, so a crash that fell out of it is taken as inside: the safe side of a loop.
 */
function crashesWithin(
  status: QueueJobStatus,
  windowMs: number,
  now: number,
  crashes: number,
): number {
  const old = (status.history ?? []).filter(
    (entry) =>
      entry.category === 'System' &&
      entry.cause !== undefined &&
      entry.endTime !== undefined &&
      Date.parse(entry.endTime) < now - windowMs,
  ).length
  return crashes - old
}

/** L7: past its deadline, told to stop, and still silent: closed as timed out, with a fence. */
export function applyOverdue(
  status: QueueJobStatus,
  fact: FactOf<'overdue'>,
  context: StepContext,
): Step {
  if (!mayClose(status, fact.epoch)) return null
  const failure: Failure = {
    category: 'Timeout',
    code: 'AttemptTimeout',
    message: 'the attempt passed its deadline and its worker did not report an end',
  }
  const { progress: _, ...rest } = status
  const ended = {
    epoch: fact.epoch,
    attempt: status.attempt ?? (status.attempts ?? 0) + 1,
    place: fact.place,
    startedAt: null,
    endedAt: fact.at,
    roll: fact.roll,
  }
  return { status: { ...failed(rest, ended, failure, null, context), epoch: fact.fence } }
}

/** D7: nothing ever took it. Counted in no budget; the dispatcher backs off. */
export function applyStuck(status: QueueJobStatus, fact: FactOf<'stuck'>): Step {
  if (!mayClose(status, fact.epoch)) return null
  return { status: { ...status, epoch: fact.fence, phase: 'Scheduled', reason: 'NoFreeSlots' } }
}

/** U1, U4: always with a fence; an end that was written earlier wins. */
export function applyCancel(status: QueueJobStatus, fact: FactOf<'cancel'>): Step {
  if (isTerminal(status.phase)) return null
  if (fact.order <= (status.actionOrder ?? 0)) return null
  if (fact.fence <= recordedEpoch(status)) return null
  const who = fact.by || `QueueAction ${fact.action}`
  const { nextAttemptTime: _, progress: __, ...rest } = status
  return {
    status: {
      ...rest,
      phase: 'Cancelled',
      reason: 'Cancelled',
      message: `cancelled by ${who}${fact.comment ? `: ${fact.comment}` : ''}`,
      epoch: fact.fence,
      actionOrder: fact.order,
      completionTime: rfc3339(fact.at),
    },
  }
}

export function applyExpired(status: QueueJobStatus, fact: FactOf<'expired'>): Step {
  if (isTerminal(status.phase) || fact.fence <= recordedEpoch(status)) return null
  const { nextAttemptTime: _, progress: __, ...rest } = status
  return {
    status: {
      ...rest,
      phase: 'DeadLettered',
      reason: 'ActiveDeadlineExceeded',
      message:
        'the job did not end within `activeDeadlineSeconds` after it might first have started',
      epoch: fact.fence,
      completionTime: rfc3339(fact.at),
    },
  }
}
