/** What ingestion needs from outside, each as narrow as its use. Implemented in `kube/`. */
import type { QueueSpecInput } from '../api/queue.ts'
import type { QueueJobSpecInput } from '../api/queuejob.ts'
import type { JobKey } from '../core/ids.ts'
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
