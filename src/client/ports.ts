/**
 * What the client needs of the cluster. Implemented by `kube/client-store.ts`; the same contract suite
 * runs on it and on the fake of the unit tests.
 *
 * A method rejects with an ApiError, or with the reason of its signal, and with nothing else. Reads are
 * consistent and were already repeated by the adapter as long as that was reasonable. A create is sent once: whether it may be
 * repeated is decided in `create.ts`.
 */
import type { QueueActionSpec } from '../api/queueaction.ts'
import type { QueueJobSpecInput } from '../api/queuejob.ts'
import type { WallMs } from '../core/clock.ts'
import type { JobKey } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
import type { SeenQueue } from '../core/seen.ts'
import type { ApiError } from './errors.ts'

/**
 * One version of a QueueJob as a client sees it. Read leniently: a later operator may write phases and
 * reasons that this client does not know, so they are text; an absent text is '', an absent number 0.
 */
export interface JobView extends JobKey {
  readonly uid: string
  readonly resourceVersion: string
  readonly createdMs: WallMs
  /** Random id that the client gave the object it created, '' when there is none. */
  readonly submission: string
  readonly queue: string
  readonly type: string
  readonly priority: string
  readonly status: StatusView
}

export interface StatusView {
  readonly phase: string
  readonly reason: string
  readonly message: string
  /** Executions that were started, as far as the status says. */
  readonly attempts: number
  /** null = none. Times are null until they are known. */
  readonly progress: { readonly percent: number; readonly message: string } | null
  readonly worker: string
  readonly startedMs: WallMs | null
  readonly finishedMs: WallMs | null
  readonly nextAttemptMs: WallMs | null
  readonly error: {
    readonly category: string
    readonly code: string
    readonly message: string
  } | null
  /** The JSON value; undefined when there is none. */
  readonly result: unknown
  readonly duplicateOf: { readonly name: string; readonly uid: string } | null
}

export interface NewObject<Spec> extends JobKey {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: Spec
}

export type NewJob = NewObject<QueueJobSpecInput>
export type NewAction = NewObject<QueueActionSpec>

/** `exists`: an object of that name is there, this call changed nothing. */
export type Created<T> =
  | { readonly kind: 'created'; readonly object: T }
  | { readonly kind: 'exists' }

export interface JobSelection {
  readonly queue?: string | undefined
  readonly type?: string | undefined
  readonly phase?: string | undefined
}

/** `version`: of the collection, at the moment of the answer. A watch can begin there. */
export interface Look {
  readonly version: string
  readonly job: JobView | null
}

export interface JobStore {
  create(job: NewJob, signal?: AbortSignal): Promise<Created<JobView>>
  /** Needs the verb `get` only. */
  get(key: JobKey, signal?: AbortSignal): Promise<JobView | null>
  /** Needs the verb `list`, as does waiting. */
  look(key: JobKey, signal?: AbortSignal): Promise<Look>
  /** Page by page, each job once. */
  list(namespace: string, selection: JobSelection, signal?: AbortSignal): AsyncIterable<JobView>
}

export type FeedEvent =
  | { readonly kind: 'changed'; readonly job: JobView }
  /** `job` is its last state. */
  | { readonly kind: 'removed'; readonly job: JobView }
  | { readonly kind: 'bookmark'; readonly version: string }

export type FeedEnd =
  /** By the server, as it does every few minutes, or because nothing was heard for a minute. */
  | { readonly kind: 'ended' }
  /** The version is too old: begin again at one that `look` gives. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'failed'; readonly error: ApiError }

export interface FeedRequest {
  readonly namespace: string
  /** null = every job of the namespace. */
  readonly name: string | null
  /** Events after this version. */
  readonly version: string
  readonly tell: (event: FeedEvent) => void
  readonly signal: AbortSignal
}

export interface JobFeed {
  /** One watch, until it ends in whatever way. Never rejects; `ended` when the signal is aborted. */
  follow(request: FeedRequest): Promise<FeedEnd>
}

/** One version of a QueueAction, as far as the one who asked for it cares. */
export interface ActionView extends JobKey {
  readonly uid: string
  readonly phase: string
  readonly reason: string
  readonly message: string
  /** The first target that could not be changed: its reason and why. */
  readonly failure: { readonly reason: string; readonly message: string } | null
  /** A sample of the targets that could not be changed. */
  readonly failures: readonly ActionFailure[]
  /** Targets, as far as the operator has said so. */
  readonly counts: ActionCounts
}

export interface ActionFailure {
  readonly name: string
  readonly reason: string
  readonly message: string
}

export interface ActionCounts {
  readonly matched: number
  readonly done: number
  readonly skipped: number
  readonly failed: number
}

export interface ActionStore {
  create(action: NewAction, signal?: AbortSignal): Promise<Created<ActionView>>
  get(key: JobKey, signal?: AbortSignal): Promise<ActionView | null>
}

export interface Identity {
  /** User name of the caller, as the API server sees it; '' when it does not say. Never rejects. */
  whoAmI(): Promise<string>
}

/** A QueueJob as the API has it; `object` null: a later operator wrote what this client cannot read. */
export interface SeenJob {
  readonly view: JobView
  readonly object: JobObject | null
}

export interface SeenJobs {
  readonly jobs: readonly JobObject[]
  /** There are more than were asked for. */
  readonly more: boolean
}

/** What is read to find out why a job waits. */
export interface EvidenceStore {
  /** Needs the verb `get` on queuejobs. */
  job(key: JobKey, signal?: AbortSignal): Promise<SeenJob | null>
  /** Needs the verb `get` on queues. */
  queue(key: JobKey, signal?: AbortSignal): Promise<SeenQueue | null>
  /**
   * At most `most` jobs of a queue; those that this client cannot read are left out. Needs the verb
   * `list` on queuejobs.
   */
  jobsOf(
    queue: JobKey,
    options: { readonly ended: boolean; readonly most: number },
    signal?: AbortSignal,
  ): Promise<SeenJobs>
}
