/**
 * Of what an API client reads, what bears on why a job waits, and what one job says about itself. Part of
 * `why-objects.ts`.
 */
import type { WallMs } from './clock.ts'
import { isWaiting, type JobObject } from './job.ts'
import { nextAttempt } from './order.ts'
import type { QueueObject } from './resources.ts'
import { tellsOfStart } from './started.ts'

export type SeenQueue = Pick<QueueObject, 'namespace' | 'name' | 'spec' | 'status'>

export interface SeenObjects {
  readonly job: JobObject
  /** Null: there is none. */
  readonly queue: SeenQueue | null
  /** Those of its dependencies that are there, by name. */
  readonly dependencies: ReadonlyMap<string, JobObject>
  /** Other jobs of its queue; ended ones are of use where the queue has a rate limit. */
  readonly others: readonly JobObject[]
  /** The queue has more jobs than `others`. */
  readonly more: boolean
  readonly now: WallMs
}

/** Do its dependencies hold it? They are judged before its first start only. */
export function asksForDependencies({ spec, status }: JobObject): boolean {
  return isWaiting(status.phase) && !tellsOfStart(status) && (spec.dependsOn ?? []).length > 0
}

export function notBefore({ spec, creationMs }: Pick<JobObject, 'spec' | 'creationMs'>): WallMs {
  if (spec.startAfter === undefined) {
    return spec.delaySeconds ? creationMs + 1000 * spec.delaySeconds : 0
  }
  const ms = Date.parse(spec.startAfter)
  return Number.isNaN(ms) ? 0 : ms
}

export function dueAt(job: JobObject): WallMs {
  return Math.max(notBefore(job), nextAttempt(job.status))
}

export function isUnconfirmedRestore({ tags, status }: JobObject): boolean {
  return tags.restored && (status.epoch ?? 0) === 0
}
