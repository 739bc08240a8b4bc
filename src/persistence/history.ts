/** `status.history`: the last ten attempts, kept from the first failure on (job-model.md section 3). */
import {
  type HistoryEntry,
  MAX_HISTORY,
  type QueueJobStatus,
  type WorkerRef,
} from '../api/queuejob.ts'
import type { ATTEMPT_ENDS } from '../api/reasons.ts'
import { cut } from '../api/text.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import type { WorkerPlace } from '../core/facts.ts'
import { recordedEpoch } from '../core/job.ts'
import type { Failure } from '../core/outcome.ts'
import { workerOf } from './step.ts'

/** Cut to this many characters in the history; the last failure keeps 1 KiB in `status.error`. */
const MAX_HISTORY_MESSAGE = 256

export type AttemptEnd = (typeof ATTEMPT_ENDS)[number]

export interface EndedAttempt {
  readonly epoch: number
  readonly attempt: number
  readonly worker: WorkerRef | null
  readonly startedAt: WallMs | null
  readonly endedAt: WallMs
}

export function withHistory(
  status: QueueJobStatus,
  ended: EndedAttempt,
  failure: Failure | null,
  cause: AttemptEnd | null = null,
): readonly HistoryEntry[] {
  const entry: HistoryEntry = {
    number: ended.attempt,
    epoch: ended.epoch,
    ...(ended.worker ? { worker: ended.worker } : {}),
    ...(ended.startedAt === null ? {} : { startTime: rfc3339(ended.startedAt) }),
    endTime: rfc3339(ended.endedAt),
    ...(failure
      ? {
          category: failure.category,
          code: failure.code,
          message: cut(failure.message, MAX_HISTORY_MESSAGE),
        }
      : {}),
    ...(cause ? { cause } : {}),
  }
  return [...(status.history ?? []), entry].slice(-MAX_HISTORY)
}

/**
 * An attempt that nobody reported, as far as it is known. Written as Running: number, start and worker
 * stand in the status. Otherwise the status still tells of the attempt before it, and the number is
 * that of the next one.
 */
export function unreported(
  status: QueueJobStatus,
  fact: { readonly epoch: number; readonly at: WallMs; readonly place: WorkerPlace | null },
): EndedAttempt {
  const recorded = status.phase === 'Running' && recordedEpoch(status) === fact.epoch
  const place = fact.place ? workerOf(fact.place) : null
  return {
    epoch: fact.epoch,
    attempt: (recorded ? status.attempt : undefined) ?? (status.attempts ?? 0) + 1,
    worker: place ?? (recorded ? (status.worker ?? null) : null),
    startedAt: recorded && status.startTime ? Date.parse(status.startTime) : null,
    endedAt: fact.at,
  }
}
