/**
 * Has the job ever started? What has is judged no more: its dependencies, its idempotency key and the
 * depth of its queue are questions of the first start (job-model.md). Read from the object, so that
 * every leader answers alike; a start that was not written yet is known to the leader that made it.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { isWaiting } from './job.ts'
import type { Entry } from './ledger.ts'

/** A replay keeps the time of the last start for this, and history the attempts that failed. */
export function tellsOfStart({ startTime, attempt, history }: QueueJobStatus): boolean {
  return startTime !== undefined || (attempt ?? 0) > 0 || (history?.length ?? 0) > 0
}

export function hasStarted({ object, attempt, dispatchedHere }: Entry): boolean {
  return attempt !== null || dispatchedHere || tellsOfStart(object.status)
}

/** Waits for its first start, and nobody is deleting it. */
export function awaitsFirstStart(entry: Entry): boolean {
  const { status, deleting } = entry.object
  return isWaiting(status.phase) && !deleting && !hasStarted(entry)
}
