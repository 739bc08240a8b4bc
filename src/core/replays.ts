/**
 * How often a job was brought back from its end, and by whom (resources.md): a QueueAction may do it ten
 * times, so that nobody's script runs a job that always fails for ever; a changed `spec.runId`, which a
 * person wrote into a manifest, does not count against it.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import { isTerminal } from './job.ts'

/** Replays of one job by actions. */
export const MAX_ACTION_REPLAYS = 10

export function replaysByAction(status: Pick<QueueJobStatus, 'replays' | 'reruns'>): number {
  return (status.replays ?? 0) - (status.reruns ?? 0)
}

/**
 * U3, O6: an ended job whose spec names another run than the one that its status is about. An absent
 * `spec.runId` asks for nothing, so that whoever manages the field may leave it out again.
 */
export function wantsRerun(
  runId: string,
  status: Pick<QueueJobStatus, 'phase' | 'runId'>,
): boolean {
  return isTerminal(status.phase) && runId !== '' && runId !== (status.runId ?? '')
}
