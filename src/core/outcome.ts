/**
 * How one attempt ended, in one vocabulary for worker, operator and tests, and what a report of it
 * carries. A worker decides its outcome once, before the first publish, and never changes it (O7).
 */
import type { WallMs } from './clock.ts'
import type { Epoch } from './epoch.ts'
import type { BootId, ClassId, HandlerKey, JobKey, JobUid, WorkerId } from './ids.ts'
import type { FailureCategory, PayloadRef } from './job.ts'

/** A failure as it is stored: bounded, redacted of control characters, never the raw thrown thing. */
export interface Failure {
  readonly category: FailureCategory
  /** A reason of the closed table or a user's own code. */
  readonly code: string
  readonly message: string
}

export type Outcome =
  | { readonly kind: 'succeeded'; readonly resultJson: string | null }
  | {
      readonly kind: 'failed'
      readonly failure: Failure
      /** The handler asked for this wait instead of the curve; null = use the curve. */
      readonly retryAfterMs: number | null
    }
  | { readonly kind: 'timed-out'; readonly failure: Failure }
  | { readonly kind: 'snoozed'; readonly delayMs: number }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'handed-back' }
  /** The message could not be understood or served; the handler never started. */
  | { readonly kind: 'rejected'; readonly failure: Failure }

/** Who holds an attempt (protocol section 2): one process of one pod. */
export interface Owner {
  readonly worker: WorkerId
  readonly boot: BootId
}

/** What the operator publishes for one start. */
export interface WorkItem extends JobKey {
  readonly uid: JobUid
  readonly cls: ClassId
  readonly queue: string
  readonly type: string
  readonly handlerVersion: string
  readonly epoch: Epoch
  readonly nonce: string
  /** 1 for the first execution. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly runId: string
  readonly timeoutMs: number
  readonly traceparent: string
  readonly tracestate: string
  readonly correlationId: string
  /** The JSON value of the payload, or null when the job has none. */
  readonly payloadJson: string | null
  /** The worker reads the payload from here; null = it is `payloadJson`. */
  readonly payloadFrom: PayloadRef | null
}

/** A decoded event message. `namespace` and `worker` come from its subject, never from its content. */
export interface Report extends JobKey {
  readonly uid: JobUid
  readonly owner: Owner
  readonly epoch: Epoch
  readonly nonce: string
  readonly attempt: number
  readonly runId: string
  readonly outcome: Outcome
  /** Before the report was sent; 0 when the handler never started. */
  readonly startedAgoMs: number
  readonly durationMs: number
}

export interface RunningAttempt {
  readonly uid: JobUid
  readonly name: string
  readonly epoch: Epoch
  readonly nonce: string
  readonly attempt: number
  readonly runId: string
  readonly ageMs: number
  /** Since the handler last gave a sign of life (progress, or its start). */
  readonly lastSignMs: number
}

export interface FinishedAttempt {
  readonly uid: JobUid
  readonly name: string
  readonly epoch: Epoch
  readonly nonce: string
  /** The event stream confirmed the report. */
  readonly confirmed: boolean
}

/** A decoded heartbeat (wire protocol, "Heartbeat"). */
export interface Beat {
  readonly namespace: string
  readonly owner: Owner
  /** Highest term that a `ctl leader` announced to this worker; 0 = none yet. */
  readonly announcedTerm: number
  readonly cls: ClassId
  readonly queues: readonly string[]
  readonly handlers: readonly HandlerKey[]
  readonly slots: number
  readonly free: number
  readonly draining: boolean
  readonly running: readonly RunningAttempt[]
  readonly finished: readonly FinishedAttempt[]
  readonly loopLagMs: number
  readonly memoryBytes: number
  readonly cpuMs: number
  /** For people: pod and node name, '' without a pod. */
  readonly pod: string
  readonly node: string
}

/** Operator to workers. A worker ignores a term below the highest one announced for the shard. */
export type Control =
  | {
      readonly kind: 'leader'
      readonly term: number
      readonly shard: number
      readonly report: boolean
    }
  | {
      readonly kind: 'cancel'
      readonly term: number
      readonly uid: JobUid
      /** Aborts only attempts of that uid with epoch ≤ epochMax. */
      readonly epochMax: Epoch
      readonly reason: 'cancelled' | 'suspended' | 'deleted' | 'void' | 'timeout'
      /** How long the handler may take to end; absent = as long as its worker gives it by itself. */
      readonly graceMs?: number
    }
  | {
      readonly kind: 'resend'
      readonly term: number
      readonly reports: readonly { readonly uid: JobUid; readonly epoch: Epoch }[]
    }
  | { readonly kind: 'drain'; readonly term: number }

/** Progress on its way to the object: throttled, best effort. */
export interface Note {
  readonly namespace: string
  readonly owner: Owner
  readonly uid: JobUid
  readonly epoch: Epoch
  readonly percent: number
  readonly message: string
  readonly at: WallMs
}
