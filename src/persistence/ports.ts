/** What persistence needs from outside, each as narrow as its use. Implemented in `kube/`. */
import type { Kind } from '../api/conditions.ts'
import type { QueueJobStatus } from '../api/queuejob.ts'
import type { Fact } from '../core/facts.ts'
import type { JobKey, JobUid } from '../core/ids.ts'
import type { JobObject, RetryPolicy } from '../core/job.ts'
import type { Failure } from '../core/outcome.ts'

/** The object version that a write was computed from; the server refuses it on any other (W1). */
export interface WriteTarget extends JobKey {
  readonly uid: JobUid
  readonly resourceVersion: string
}

export type WriteAnswer =
  | { readonly kind: 'written'; readonly resourceVersion: string }
  /**
   * 409: somebody wrote first, or the name has another uid. Read live, check every guard again,
   * compute again (W3, W4).
   */
  | { readonly kind: 'conflict' }
  /** 404 (W4). */
  | { readonly kind: 'gone' }
  /** 413, 422: never unchanged again (W5). `detail` is safe to show: the field, not the object. */
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string }
  /** 401, 403, 429: known not to have happened; come back after the time given. */
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }
  /** Timeout, reset, 5xx: the write may have happened (W3). */
  | { readonly kind: 'unknown'; readonly detail: string }

export type ReadAnswer =
  | { readonly kind: 'found'; readonly object: JobObject }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }

export interface StatusStore {
  /**
   * Replaces the whole status, on exactly the version and uid of `target` (W1). `before` is the
   * status of that version, for a store that can only send differences.
   */
  writeStatus(
    target: WriteTarget,
    before: QueueJobStatus,
    next: QueueJobStatus,
  ): Promise<WriteAnswer>
  /** A consistent read past every cache. */
  readJob(key: JobKey): Promise<ReadAnswer>
}

/** What a failed, timed-out or rejected attempt leads to. Implemented by `scheduler/retry.ts`. */
export type Verdict =
  | { readonly kind: 'retry'; readonly delayMs: number; readonly countsAttempt: boolean }
  | { readonly kind: 'fail' }
  | { readonly kind: 'dead-letter' }

export interface FailurePolicy {
  /**
   * @param attempts failures counted so far, this one not included
   * @param roll random number in [0, 1) for the jitter
   */
  decide(
    retry: RetryPolicy,
    attempts: number,
    failure: Failure,
    retryAfterMs: number | null,
    roll: number,
  ): Verdict
}

/** How a fact ended. */
export type Settled =
  /** The status that contains it is in etcd. */
  | 'written'
  /** The world had overtaken it; nothing was written for it (W2, W3). */
  | 'overtaken'
  /** The job is gone, or its name has another uid (W4). */
  | 'gone'
  /** No status of it is taken by the API server; it is held in memory (W5). */
  | 'quarantined'
  /** This process may not write any more: shard given up, or stopping. */
  | 'stopped'

/** What the writer tells about its work. Implemented in `main/`, for logs, metrics and Events. */
export interface WriteObserver {
  wrote(change: {
    readonly object: JobObject
    readonly before: QueueJobStatus
    readonly tookMs: number
  }): void
  /** A write that did not go through; `kind` is the answer's. */
  troubled(key: JobKey, kind: WriteAnswer['kind'], detail: string): void
}

/** Where the other rooms hand in what happened. Implemented by `writer.ts` and `budget.ts`. */
export interface FactSink {
  /** Resolves when the fact is in etcd or can never be. Never rejects. */
  submit(uid: JobUid, fact: Fact): Promise<Settled>
  /** A fact that only informs: written when the budget has room, or never. */
  inform(uid: JobUid, fact: Fact): void
}

export type DeleteAnswer =
  | { readonly kind: 'deleted' }
  /** 404: somebody was faster. */
  | { readonly kind: 'gone' }
  /** 409: another version, or another uid, than the one that was looked at. */
  | { readonly kind: 'conflict' }
  /** 400, 403, 422: not before somebody changes something. */
  | { readonly kind: 'refused'; readonly status: number; readonly detail: string }
  /** 401, 429: known not to have happened; come back after the time given. */
  | { readonly kind: 'later'; readonly retryAfterMs: number; readonly detail: string }
  /** Timeout, reset, 5xx: it may be gone. */
  | { readonly kind: 'unknown'; readonly detail: string }

/** Implemented by `kube/delete.ts`. */
export interface ObjectDeleter {
  /** Deletes exactly that version and uid (W8), in the background. Never rejects. */
  delete(
    kind: Kind,
    target: JobKey & { readonly uid: string; readonly resourceVersion: string },
  ): Promise<DeleteAnswer>
}

/** One event of the history, a CloudEvent (`archive-event.ts`). */
export interface HistoryEvent {
  /** The same for the same happening, however often it is sent. */
  readonly id: string
  readonly type: string
  readonly source: string
  readonly subject: string
  /** RFC 3339. */
  readonly time: string
  readonly namespace: string
  readonly uid: JobUid
  readonly data: Readonly<Record<string, unknown>>
}

/** Implemented by `nats/history.ts`. */
export interface History {
  /** True: it is stored, now or before. False: nobody knows; send it again. Never rejects. */
  record(event: HistoryEvent): Promise<boolean>
}
