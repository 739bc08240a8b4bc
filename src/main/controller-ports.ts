/** What the controller needs from outside and what it is for whoever runs it: the operator, or a simulator. */
import type { Clock, Random } from '../core/clock.ts'
import type { JobObject } from '../core/job.ts'
import type { ActionObject, QueueObject, ScheduleObject, Watcher } from '../core/resources.ts'
import type {
  ActionGuard,
  ObjectCreator,
  ObjectStatusWriter,
  TargetLister,
} from '../ingestion/ports.ts'
import type { EventSink, Logger, Metrics } from '../observability/ports.ts'
import type { History, ObjectDeleter, StatusStore } from '../persistence/ports.ts'
import type {
  Announcer,
  BeatFeed,
  EventFeed,
  Link,
  MemberLeases,
  ShardRecords,
  Streams,
} from '../recovery/ports.ts'
import type { Dispatcher, PayloadReader } from '../scheduler/ports.ts'

export interface ControllerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly events: EventSink
  readonly store: StatusStore
  readonly objectStatuses: ObjectStatusWriter
  readonly guard: ActionGuard
  readonly targets: TargetLister
  readonly creator: ObjectCreator
  readonly deleter: ObjectDeleter
  /** Null: none is kept. */
  readonly history: History | null
  readonly payloads: PayloadReader
  readonly records: ShardRecords
  readonly members: MemberLeases
  readonly link: Link
  readonly streams: Streams
  readonly feed: EventFeed
  readonly beats: BeatFeed
  readonly dispatcher: Dispatcher
  readonly announcer: Announcer
  /** Resolves after a consistent list of all jobs that began after the call. */
  readonly relistJobs: () => Promise<void>
  /** The operator's switch `dispatch: Paused`. */
  readonly dispatchPaused: () => boolean
  /** The term goes into the User-Agent. */
  readonly termChanged: (term: number) => void
}

export interface ControllerSettings {
  readonly version: string
  readonly identity: string
  readonly controllerName: string
  /** Installation key; empty in local modes. */
  readonly key: Uint8Array
  readonly memberLeaseMs: number
  readonly renewMs: number
  readonly attemptLeaseMs: number
  readonly statusWriters: number
  /** `limits.maxObjects`: jobs in the cluster above which new ones are held. */
  readonly maxObjects: number
  /** `limits.maxFinishedObjects`: finished jobs above which every retention is shorter. */
  readonly maxFinishedObjects: number
  readonly information: { readonly perSecond: number; readonly share: number }
}

export interface ControllerState {
  /** Shards past T8. */
  readonly leading: number
  /** Why this process leads nothing or less than it could; '' = all well. */
  readonly problem: string
  readonly jobs: number
  readonly ready: number
  readonly delayed: number
  readonly writes: number
}

export interface Controller {
  readonly jobs: Watcher<JobObject>
  readonly queues: Watcher<QueueObject>
  readonly actions: Watcher<ActionObject>
  readonly schedules: Watcher<ScheduleObject>
  start(): void
  /** Hands over: no new starts, writes in flight answered, shards given up. */
  stop(deadlineMs: number): Promise<void>
  state(): ControllerState
  /** One token of the information budget, for an Event. */
  tryInform(): boolean
  /** Gauges of now. */
  scrape(metrics: Metrics): void
}
