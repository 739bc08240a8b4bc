/** What ingestion needs from outside, each as narrow as its use. Implemented in `kube/`. */
import type { QueueSpecInput } from '../api/queue.ts'
import type { QueueJobSpecInput } from '../api/queuejob.ts'
import type { WallMs } from '../core/clock.ts'
import type { JobKey } from '../core/ids.ts'
import type { PayloadAnswer } from '../core/job.ts'
import type { ActionObject, QueueObject, ScheduleObject } from '../core/resources.ts'
import type { WriteAnswer } from '../persistence/ports.ts'

/** The status of each kind but QueueJob, which has a writer of its own. */
export interface StatusOf {
  readonly Queue: QueueObject['status']
  readonly QueueAction: ActionObject['status']
  readonly QueueSchedule: ScheduleObject['status']
}

export interface ObjectStatusWriter {
  /** Replaces the whole status, on exactly that version and uid. Never rejects. */
  writeStatus<K extends keyof StatusOf>(
    kind: K,
    target: JobKey & { readonly uid: string; readonly resourceVersion: string },
    next: StatusOf[K],
  ): Promise<WriteAnswer>
}

/** Is the admission policy there that says who may do what by a QueueAction? */
export interface ActionGuard {
  check(): Promise<'guarded' | 'missing' | 'unknown'>
}

/** Spec of each kind that the operator makes. */
export interface SpecOf {
  readonly Queue: QueueSpecInput
  readonly QueueJob: QueueJobSpecInput
}

export interface NewObject<K extends keyof SpecOf> extends JobKey {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** The object that owns it; its deletion takes this one along. Null = none. */
  readonly owner: {
    readonly kind: 'QueueSchedule'
    readonly name: string
    readonly uid: string
  } | null
  readonly spec: SpecOf[K]
}

export type CreateAnswer =
  | { readonly kind: 'created'; readonly uid: string; readonly resourceVersion: string }
  /** An object of that name is there, whoever made it. */
  | { readonly kind: 'exists' }
  /** The namespace is being deleted, or is gone. */
  | { readonly kind: 'terminating' }
  /** 400, 403 (RBAC, a quota, a policy), 422: not before somebody changes something. */
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string }
  /** 401, 429: known not to have happened; come back after the time given. */
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }
  /** Timeout, reset, 5xx: it may be there. Asked again it is `exists`. */
  | { readonly kind: 'unknown'; readonly detail: string }

/** Makes objects of ours. Implemented by `kube/create.ts`. */
export interface ObjectCreator {
  /** Sent once. Never rejects. */
  create<K extends keyof SpecOf>(kind: K, object: NewObject<K>): Promise<CreateAnswer>
}

/** What a QueueAction asks of a queue (protocol U4). */
export interface PauseRequest {
  /** Of the action among all: a queue takes none that is not above the last one it took. */
  readonly order: number
  /** User name of who asked, or the name of the action. */
  readonly by: string
  readonly comment: string
  /** Running attempts finish and nothing starts: what a Drain adds to the words of a Pause. */
  readonly drain: boolean
}

export type PauseAnswer =
  /** It is in etcd. `bySpec`: `spec.paused` pauses the queue as well, which no action lifts. */
  | { readonly kind: 'done'; readonly bySpec: boolean }
  /** A later action came first, or this one was taken before. */
  | { readonly kind: 'overtaken' }
  /** There is no such queue, or another operator serves it. */
  | { readonly kind: 'not-found' }
  /** Not now: another try later may do. */
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }

/** Pause by action. Implemented by `ingestion/queue-reporter.ts`, the one writer of Queue statuses. */
export interface QueuePauses {
  /** Never rejects. */
  pause(queue: JobKey, request: PauseRequest): Promise<PauseAnswer>
  /** Lifts what an action paused. Never rejects. */
  resume(queue: JobKey, request: Pick<PauseRequest, 'order' | 'by'>): Promise<PauseAnswer>
}

/** What a QueueAction asks of one schedule: a job now, also while it is suspended. */
export interface RunRequest {
  /** Name of the job: derived from the action, so that it is made once, whoever leads. */
  readonly job: string
  /** For the label `gopherqueue.io/action` of the job. */
  readonly action: string
}

export type RunAnswer =
  /** It is in etcd, made now or by an earlier try. */
  | { readonly kind: 'made' }
  /** There is no such schedule, or its name has another uid. */
  | { readonly kind: 'not-found' }
  /** 400, 403, 422, or a schedule that is not served: not before somebody changes something. */
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }

/** One run of a schedule by action. */
export interface ScheduleRuns {
  /** Never rejects. */
  run(schedule: JobKey & { readonly uid: string }, request: RunRequest): Promise<RunAnswer>
}

/** What the server selects by itself; absent = any. */
export interface TargetFields {
  readonly name?: string
  readonly queue?: string
  readonly type?: string
  readonly phase?: string
}

export interface TargetQuery {
  readonly kind: ActionObject['spec']['target']['kind']
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly fields: TargetFields
  /** True: who they are is enough, so neither spec nor status travels. */
  readonly brief: boolean
  /** '' = as it is now; else exactly as it was at this revision. */
  readonly revision: string
}

/** One object that a list contained; '' = absent, or not asked for (`brief`). */
export interface ListedTarget {
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly creationMs: WallMs
  readonly queue: string
  readonly phase: string
  readonly reason: string
  readonly errorCode: string
  /** Null = it has not ended. */
  readonly completionMs: WallMs | null
}

export type ListingAnswer =
  /** `revision`: of the whole list. */
  | { readonly kind: 'listed'; readonly revision: string }
  /** That revision is compacted, or went away between two pages. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }

/** Consistent lists, past every cache. Implemented by `kube/targets.ts`. */
export interface TargetLister {
  /** Tells each object once, page by page. Only `listed` says that it told all. Never rejects. */
  list(
    query: TargetQuery,
    found: (target: ListedTarget) => void,
    signal: AbortSignal,
  ): Promise<ListingAnswer>
}

/** The edited payload of a Replay, read live from its action. Implemented by `kube/jobs.ts`. */
export interface ActionPayloads {
  /** 'gone': deleted, or another action has the name now. */
  readActionPayload(key: JobKey, uid: string): Promise<PayloadAnswer>
}
