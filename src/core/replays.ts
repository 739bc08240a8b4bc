/**
 * How often a job was brought back from its end, and by whom (resources.md): a QueueAction may do it ten
 * times, so that nobody's script runs a job that always fails for ever; a changed `spec.runId`, which a
 * person wrote into a manifest, does not count against it.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'

/** Replays of one job by actions. */
export const MAX_ACTION_REPLAYS = 10

export function replaysByAction(status: Pick<QueueJobStatus, 'replays' | 'reruns'>): number {
  return (status.replays ?? 0) - (status.reruns ?? 0)
}
