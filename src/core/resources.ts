/** The other three kinds as the inner rooms see them, and what a watch tells about any kind. */
import type { QueueSpec, QueueStatus } from '../api/queue.ts'
import type { QueueActionSpec, QueueActionStatus } from '../api/queueaction.ts'
import type { QueueScheduleSpec, QueueScheduleStatus } from '../api/queueschedule.ts'
import type { WallMs } from './clock.ts'
import type { JobKey } from './ids.ts'
import type { Payload } from './job.ts'

interface Meta extends JobKey {
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly creationMs: WallMs
  readonly deleting: boolean
}

export interface QueueObject extends Meta {
  readonly spec: QueueSpec
  readonly status: QueueStatus
}

export interface ActionObject extends Meta {
  readonly spec: Omit<QueueActionSpec, 'payload'>
  /** What a Replay brings along for the next run, kept out of the cache as that of a job. */
  readonly payload: Payload
  readonly status: QueueActionStatus
}

export interface ScheduleObject extends Meta {
  readonly spec: QueueScheduleSpec
  readonly status: QueueScheduleStatus
}

/** An object that passed the API server but not our schema: named, held, never dropped silently. */
export interface UnreadableObject extends Meta {
  /** Which field, and what is wrong with it; never a value. */
  readonly problem: string
}

/** What a reflector tells about one kind, in order for each object. */
export interface Watcher<T> {
  /** A version that was not told before. Never an older one after a newer one. */
  changed(object: T): void
  unreadable(object: UnreadableObject): void
  /** Seen gone. A name that came back with another uid is told as removed, then changed. */
  removed(key: JobKey, uid: string): void
  /** After the first complete list, and after each later one. */
  synced(): void
}
