/**
 * What users ask of a job, and what the system decides about it without an attempt (protocol section
 * 10, job-model.md section 5): discard, replay, retry now, confirm, duplicate, trim. An action carries
 * its order, and a job takes none that is not above the last one it took (U4).
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { sentence } from '../api/reasons.ts'
import { hasActiveDeadline } from '../core/active-deadline.ts'
import { rfc3339, SECOND_GRAIN, type WallMs } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import { isTerminal, isWaiting, type JobRecord, recordedEpoch } from '../core/job.ts'
import { MAX_ACTION_REPLAYS, replaysByAction, wantsRerun } from '../core/replays.ts'
import { endedByAct } from './endings.ts'
import { waitingAgain } from './outcomes.ts'
import { runIdOf, type Step, type StepContext } from './step.ts'

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** U4: an action that was overtaken by a later one, or was applied before. */
function isStale(status: QueueJobStatus, { order }: { readonly order: number }): boolean {
  return order <= (status.actionOrder ?? 0)
}

/** A dead letter, or a restored job that never was written: nothing else can be discarded. */
export function applyDiscard(
  status: QueueJobStatus,
  fact: FactOf<'discard'>,
  { record }: StepContext,
): Step {
  if (isStale(status, fact) || fact.fence <= recordedEpoch(status)) return null
  if (status.phase !== 'DeadLettered' && (isTerminal(status.phase) || recordedEpoch(status) > 0)) {
    return null
  }
  return { status: endedByAct(status, fact, 'Discarded', record) }
}

/**
 * U3: one write from an end to the beginning. Of the old run stay its history, when the job was first
 * queued and when it last started, and how often and by whom it was run again; budgets, error, result,
 * end, worker and the payload of an earlier replay go.
 */
export function applyReplay(
  status: QueueJobStatus,
  fact: FactOf<'replay' | 'rerun'>,
  { record }: StepContext,
): Step {
  if (!isTerminal(status.phase) || fact.fence <= recordedEpoch(status)) return null
  return fact.kind === 'replay' ? replayed(status, fact, record) : rerun(status, fact, record)
}

function replayed(status: QueueJobStatus, fact: FactOf<'replay'>, record: JobRecord): Step {
  if (isStale(status, fact) || replaysByAction(status) >= MAX_ACTION_REPLAYS) return null
  const by = fact.by || `QueueAction ${fact.action}`
  return {
    status: {
      ...begunAnew(status, fact, record, by),
      actionOrder: fact.order,
      ...(fact.payload ? { payloadAction: fact.payload } : {}),
    },
  }
}

function rerun(status: QueueJobStatus, fact: FactOf<'rerun'>, record: JobRecord): Step {
  if (!wantsRerun(record.runId, status)) return null
  const anew = begunAnew(status, fact, record, `spec.runId ${record.runId}`)
  return { status: { ...anew, reruns: (status.reruns ?? 0) + 1 } }
}

function begunAnew(
  {
    observedGeneration,
    replays,
    queuedTime,
    startTime,
    history,
    actionOrder,
    reruns,
  }: QueueJobStatus,
  { fence, at }: { readonly fence: number; readonly at: WallMs },
  record: JobRecord,
  by: string,
): QueueJobStatus {
  const anew = record.suspend
    ? waitingAgain(record, '')
    : ({ phase: 'Scheduled', reason: 'Replayed', message: sentence('Replayed', { by }) } as const)
  return {
    observedGeneration,
    ...anew,
    epoch: fence,
    replays: (replays ?? 0) + 1,
    ...(reruns === undefined ? {} : { reruns }),
    ...(queuedTime === undefined ? {} : { queuedTime }),
    // Says that it ran before, and so keeps its idempotency key (`ingestion/started.ts`).
    ...(startTime === undefined ? {} : { startTime }),
    ...(history === undefined ? {} : { history }),
    ...(actionOrder === undefined ? {} : { actionOrder }),
    ...clockFrom(record, at),
    ...runIdOf(record.runId),
  }
}

/** The clock of `activeDeadlineSeconds` begins here: before this moment the job could not run. */
function clockFrom(record: JobRecord, at: WallMs): Pick<QueueJobStatus, 'activeTime'> {
  return hasActiveDeadline(record) ? { activeTime: rfc3339(at + SECOND_GRAIN) } : {}
}

/** Nothing but the wait is changed: attempts used up stay used up. */
export function applyRetryNow(
  status: QueueJobStatus,
  fact: FactOf<'retry-now'>,
  { record }: StepContext,
): Step {
  if (isStale(status, fact) || status.nextAttemptTime === undefined) return null
  if (!isWaiting(status.phase)) return null
  const { nextAttemptTime: _, ...rest } = status
  return {
    status: {
      ...rest,
      ...waitingAgain(record, `${fact.by || `QueueAction ${fact.action}`} asked for it`),
      actionOrder: fact.order,
    },
  }
}

/** The epoch says that the job was seen here: from now on it is a job like any other. */
export function applyConfirm(
  status: QueueJobStatus,
  fact: FactOf<'confirm'>,
  { record }: StepContext,
): Step {
  if (isStale(status, fact) || isTerminal(status.phase) || recordedEpoch(status) > 0) return null
  const by = fact.by || `QueueAction ${fact.action}`
  return {
    status: {
      ...status,
      ...waitingAgain(record, `${by} confirmed it after a restore`),
      epoch: fact.fence,
      actionOrder: fact.order,
      ...clockFrom(record, fact.at),
    },
  }
}

export function applyDuplicate(
  status: QueueJobStatus,
  fact: FactOf<'duplicate'>,
  { record }: StepContext,
): Step {
  if (!isWaiting(status.phase)) return null
  const { nextAttemptTime: _, error: __, runId: ___, ...rest } = status
  return {
    status: {
      ...rest,
      ...runIdOf(record.runId),
      phase: 'Completed',
      reason: 'Duplicate',
      message: sentence('Duplicate', { first: fact.first.name }),
      duplicateOf: fact.first,
      completionTime: rfc3339(fact.at),
    },
  }
}

/** The end stays, what it was made of goes (job-model.md section 5). */
export function applyTrim(status: QueueJobStatus): Step {
  const { result, history, progress, ...rest } = status
  const isTrimmed = result === undefined && history === undefined && progress === undefined
  return isTerminal(status.phase) && !isTrimmed ? { status: rest } : null
}
