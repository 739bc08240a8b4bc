/** `status.history`: the last ten attempts, kept from the first failure on (job-model.md section 3). */
import { type HistoryEntry, MAX_HISTORY, type QueueJobStatus } from '../api/queuejob.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import type { LossCause, WorkerPlace } from '../core/facts.ts'
import type { Failure } from '../core/outcome.ts'
import { workerOf } from './step.ts'

/** Cut to this many characters in the history; the last failure keeps 1 KiB in `status.error`. */
const MAX_HISTORY_MESSAGE = 256

export interface EndedAttempt {
  readonly epoch: number
  readonly attempt: number
  readonly place: WorkerPlace | null
  readonly startedAt: WallMs | null
  readonly endedAt: WallMs
}

export function withHistory(
  status: QueueJobStatus,
  ended: EndedAttempt,
  failure: Failure | null,
  cause: LossCause | null = null,
): readonly HistoryEntry[] {
  const entry: HistoryEntry = {
    number: ended.attempt,
    epoch: ended.epoch,
    ...(ended.place ? { worker: workerOf(ended.place) } : {}),
    ...(ended.startedAt === null ? {} : { startTime: rfc3339(ended.startedAt) }),
    endTime: rfc3339(ended.endedAt),
    ...(failure
      ? {
          category: failure.category,
          code: failure.code,
          message: failure.message.slice(0, MAX_HISTORY_MESSAGE),
        }
      : {}),
    ...(cause ? { cause } : {}),
  }
  return [...(status.history ?? []), entry].slice(-MAX_HISTORY)
}
