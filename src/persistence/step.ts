/** What every step of `planStatus` shares: its shape, and how a worker and a run are written down. */
import type { QueueJobStatus } from '../api/queuejob.ts'
import type { WallMs } from '../core/clock.ts'
import type { JobRecord } from '../core/job.ts'
import type { FailurePolicy } from './ports.ts'

/** What one fact makes of a status; null = overtaken. */
export type Step = Change | null

/** The next status but for conditions and observedGeneration, which follow from it. */
export interface Change {
  readonly status: QueueJobStatus
  readonly stalled?: boolean
}

/** What every step may look at. */
export interface StepContext {
  readonly record: JobRecord
  readonly policy: FailurePolicy
  readonly now: WallMs
}

/** `status.worker`: no empty strings, they cost a write's bytes and say nothing. */
export function workerOf(place: {
  readonly worker: string
  readonly boot: string
  readonly cls: string
  readonly pod: string
  readonly node: string
}): NonNullable<QueueJobStatus['worker']> {
  return {
    podUID: place.worker,
    boot: place.boot,
    class: place.cls,
    ...(place.pod ? { pod: place.pod } : {}),
    ...(place.node ? { node: place.node } : {}),
  }
}

/** O6: the runId of the attempt, not the one in the spec now. */
export function runIdOf(runId: string): { runId?: string } {
  return runId ? { runId } : {}
}
