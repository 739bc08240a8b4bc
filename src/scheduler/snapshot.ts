/**
 * What a decision looks at: immutable, taken once a cycle, so that a decision never sees a cache
 * change under it. Built from `ReadyJobs.lanes` and `Capacity.classes`.
 */
import { handles, servesQueue } from '../core/capacity.ts'
import type { ClassId, HandlerKey } from '../core/ids.ts'
import type { JobRecord } from '../core/job.ts'

/** Jobs of one lane are interchangeable but for their order: the same workers can take them. */
export interface LaneKey {
  readonly namespace: string
  readonly queue: string
  readonly type: string
  /** '' = any version. */
  readonly handlerVersion: string
}

export interface Lane extends LaneKey {
  /** The first jobs of the lane, in order; may be cut to what could start at most. */
  readonly heads: readonly JobRecord[]
}

/** What the workers of one class offer, taken together. `ClassCapacity` is one. */
export interface ClassView {
  readonly cls: ClassId
  readonly namespace: string
  readonly queues: ReadonlySet<string>
  readonly handlers: readonly HandlerKey[]
  readonly free: number
}

/** Could a worker of this class run a job of this lane? Slots are another question. */
export function serves(offer: Omit<ClassView, 'free'>, lane: LaneKey): boolean {
  return servesQueue(offer, lane) && offer.handlers.some((handler) => handles(handler, lane))
}
