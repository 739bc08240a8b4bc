/**
 * What users ask of a job, and what the system decides about it without an attempt (protocol section
 * 10, job-model.md section 5): discard, replay, retry now, confirm, duplicate, trim. An action carries
 * its order, and a job takes none that is not above the last one it took (U4).
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { sentence } from '../api/reasons.ts'
import { rfc3339 } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import { isTerminal, recordedEpoch } from '../core/job.ts'
import { MAX_ACTION_REPLAYS, replaysByAction } from '../core/replays.ts'
import { runIdOf, type Step, type StepContext } from './step.ts'

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** U4: an action that was overtaken by a later one, or was applied before. */
function isStale(status: QueueJobStatus, { order }: { readonly order: number }): boolean {
  return order <= (status.actionOrder ?? 0)
}

/** A dead letter, or a restored job that never was written: nothing else can be discarded. */
export function applyDiscard(status: QueueJobStatus, fact: FactOf<'discard'>): Step {
  if (isStale(status, fact) || fact.fence <= recordedEpoch(status)) return null
  if (status.phase !== 'DeadLettered' && (isTerminal(status.phase) || recordedEpoch(status) > 0)) {
    return null
  }
  const { nextAttemptTime: _, progress: __, ...rest } = status
  return {
    status: {
      ...rest,
      phase: 'Cancelled',
      reason: 'Discarded',
      message: sentence('Discarded', {
        by: fact.by || `QueueAction ${fact.action}`,
        comment: fact.comment || 'no comment',
      }),
      epoch: fact.fence,
      actionOrder: fact.order,
      completionTime: rfc3339(fact.at),
    },
  }
}

/** U3: one write from an end to the beginning; nothing of the old run but its history counts. */
export function applyReplay(
  status: QueueJobStatus,
  fact: FactOf<'replay' | 'rerun'>,
  { record }: StepContext,
): Step {
  if (!isTerminal(status.phase) || fact.fence <= recordedEpoch(status)) return null
  const byAction = fact.kind === 'replay'
  if (byAction && (isStale(status, fact) || replaysByAction(status) >= MAX_ACTION_REPLAYS)) {
    return null
  }
  if (!byAction && !wantsRerun(record.runId, status)) return null
  const { observedGeneration, queuedTime, history, actionOrder, reruns } = status
  return {
    status: {
      observedGeneration,
      phase: 'Scheduled',
      reason: 'Replayed',
      message: sentence('Replayed', {
        by: byAction ? fact.by || `QueueAction ${fact.action}` : `spec.runId ${record.runId}`,
      }),
      epoch: fact.fence,
      replays: (status.replays ?? 0) + 1,
      ...(queuedTime === undefined ? {} : { queuedTime }),
      ...(history === undefined ? {} : { history }),
      ...runIdOf(record.runId),
      ...(byAction
        ? {
            actionOrder: fact.order,
            ...(reruns === undefined ? {} : { reruns }),
            ...(fact.payload ? { payloadAction: fact.payload } : {}),
          }
        : { reruns: (reruns ?? 0) + 1, ...(actionOrder === undefined ? {} : { actionOrder }) }),
    },
  }
}

/** O6: an ended job whose spec names another run than the one it is about. Absent asks for nothing. */
export function wantsRerun(runId: string, status: QueueJobStatus): boolean {
  return isTerminal(status.phase) && runId !== '' && runId !== (status.runId ?? '')
}

/** Nothing but the wait is changed: attempts used up stay used up. */
export function applyRetryNow(status: QueueJobStatus, fact: FactOf<'retry-now'>): Step {
  if (isStale(status, fact) || status.nextAttemptTime === undefined) return null
  if (isTerminal(status.phase) || status.phase === 'Running') return null
  const { nextAttemptTime: _, ...rest } = status
  return {
    status: {
      ...rest,
      phase: 'Scheduled',
      reason: 'Requeued',
      message: sentence('Requeued', {
        cause: `${fact.by || `QueueAction ${fact.action}`} asked for it`,
      }),
      actionOrder: fact.order,
    },
  }
}

export function applyConfirm(status: QueueJobStatus, fact: FactOf<'confirm'>): Step {
  if (isStale(status, fact) || isTerminal(status.phase) || recordedEpoch(status) > 0) return null
  return {
    status: {
      ...status,
      phase: 'Scheduled',
      reason: 'Requeued',
      message: sentence('Requeued', {
        cause: `${fact.by || `QueueAction ${fact.action}`} confirmed it after a restore`,
      }),
      epoch: fact.fence,
      actionOrder: fact.order,
    },
  }
}

export function applyDuplicate(
  status: QueueJobStatus,
  fact: FactOf<'duplicate'>,
  _context: StepContext,
): Step {
  if (isTerminal(status.phase) || status.phase === 'Running') return null
  const { nextAttemptTime: _, error: __, ...rest } = status
  return {
    status: {
      ...rest,
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
  if (!isTerminal(status.phase)) return null
  const { result: _, history: __, progress: ___, worker: ____, ...rest } = status
  if (status.result === undefined && status.history === undefined) return null
  return { status: rest }
}
