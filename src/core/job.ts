/**
 * A job as the inner rooms see it, and its state machine.
 *
 *   Pending ─┬─▶ Scheduled ──▶ Running ─┬─▶ Completed
 *            ├─▶ Delayed ──▶ Scheduled  ├─▶ Retrying ──▶ Scheduled
 *            ├─▶ Blocked ──▶ Scheduled  ├─▶ Failed
 *            ├─▶ Suspended ─▶ Scheduled ├─▶ DeadLettered
 *            └─▶ Failed (refused)       └─▶ Cancelled (from every phase that is not terminal)
 *
 * `Running` is the one phase with an open attempt; in every other phase the recorded epoch is closed
 * for ever (protocol S3). The waiting phases differ only in what they tell people: a job that was
 * never written is Pending in etcd while it is ready, due or even being run for less than a second.
 */
import type { Phase } from '../api/conditions.ts'
import type { QueueJobSpec, QueueJobStatus } from '../api/queuejob.ts'
import type { BackoffPolicy } from './backoff.ts'
import type { WallMs } from './clock.ts'
import type { Epoch } from './epoch.ts'
import type { JobKey, JobUid } from './ids.ts'

/** The payload of a job, kept out of the cache above a small size. */
export type Payload =
  | { readonly kind: 'absent' }
  /** Exactly the JSON value of the object, serialised. */
  | { readonly kind: 'inline'; readonly json: string }
  /** Too large to cache: read live before dispatch. */
  | { readonly kind: 'stored'; readonly bytes: number }
  /** Nests deeper than `MAX_PAYLOAD_DEPTH`; never read again. */
  | { readonly kind: 'too-deep' }

/** Where a worker reads the payload itself, in the namespace of the job. */
export interface PayloadRef {
  readonly kind: 'ConfigMap' | 'Secret'
  readonly name: string
  readonly key: string
}

/** What a live read of a payload gives. */
export type PayloadAnswer =
  | { readonly kind: 'found'; readonly json: string | null }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly retryAfterMs: number }

/** One version of a QueueJob as read from the API server, without managed fields and payload. */
export interface JobObject extends JobKey {
  readonly uid: JobUid
  readonly resourceVersion: string
  readonly generation: number
  readonly creationMs: WallMs
  /** `metadata.deletionTimestamp` is set. */
  readonly deleting: boolean
  /** Labels and annotations that the system reads; users' own are not kept. */
  readonly tags: JobTags
  readonly spec: Omit<QueueJobSpec, 'payload'>
  readonly payload: Payload
  readonly status: QueueJobStatus
}

export interface JobTags {
  readonly traceparent: string
  readonly tracestate: string
  readonly correlationId: string
  /** A backup tool put this object back (`velero.io/restore-name`). */
  readonly restored: boolean
  /** A GitOps tool manages the object: deleting it would make the tool create it, and run it, again. */
  readonly gitOps: boolean
  /** Uid of the QueueSchedule that owns it; '' = none. */
  readonly schedule: string
}

/** 0 = Critical … 4 = Bulk: the lower, the sooner. */
export type PriorityRank = 0 | 1 | 2 | 3 | 4

/** Order of submission: creation, then the revision first seen, then uid (names.md). */
export interface Submission {
  readonly creationMs: WallMs
  /** resourceVersion with which the object was first seen, as a number. */
  readonly firstSeen: number
}

export type FailureCategory = 'Temporary' | 'Permanent' | 'Timeout' | 'System' | 'Cancelled'
export type RuleAction = 'Retry' | 'Fail' | 'DeadLetter' | 'Ignore'

export interface RetryRule {
  readonly match:
    | { readonly by: 'category'; readonly category: FailureCategory }
    | { readonly by: 'code'; readonly code: string }
  readonly action: RuleAction
}

export interface RetryPolicy {
  readonly maxAttempts: number
  readonly backoff: BackoffPolicy
  /** In order; the first match wins; built-in rules follow (job-model.md). */
  readonly rules: readonly RetryRule[]
}

/** An accepted job: everything the scheduler asks, nothing optional. Made by ingestion only. */
export interface JobRecord extends JobKey {
  readonly uid: JobUid
  readonly queue: string
  readonly type: string
  /** '' = any version. */
  readonly handlerVersion: string
  readonly priority: PriorityRank
  readonly submission: Submission
  /** Not before this wall time; 0 = at once. */
  readonly notBefore: WallMs
  readonly suspend: boolean
  readonly attemptDeadlineMs: number
  /** From the moment the job may first start; Infinity = none. */
  readonly activeDeadlineMs: number
  readonly retry: RetryPolicy
  readonly crashBudget: { readonly max: number; readonly windowMs: number }
  /** `spec.readiness: Accepted`: one status write at acceptance, by the user's choice. */
  readonly readyWhenAccepted: boolean
  /** Null: the payload is the job's own. */
  readonly payloadFrom: PayloadRef | null
  /** '' = none was asked for: `spec.runId` never asks for a run by being absent. */
  readonly runId: string
  /** '' = none. */
  readonly idempotencyKey: string
  readonly dependsOn: readonly Dependency[]
  /** '' = none: never limited by `concurrency.perKey`. */
  readonly concurrencyKey: string
  /** '' = the jobs without a key share one turn. */
  readonly fairnessKey: string
  /** After its end; null = the queue's retention. */
  readonly ttlMs: number | null
}

export interface Dependency {
  /** A job of the same namespace. */
  readonly name: string
  readonly when: 'Succeeded' | 'Finished'
}

export const TERMINAL_PHASES: ReadonlySet<Phase> = new Set<Phase>([
  'Completed',
  'Failed',
  'DeadLettered',
  'Cancelled',
])

export function isTerminal(phase: Phase): boolean {
  return TERMINAL_PHASES.has(phase)
}

/** Stored, not ended, and no attempt open. */
export function isWaiting(phase: Phase): boolean {
  return phase !== 'Running' && !isTerminal(phase)
}

const WAITING: readonly Phase[] = [
  'Pending',
  'Delayed',
  'Blocked',
  'Scheduled',
  'Retrying',
  'Suspended',
]

/**
 * Every legal move between phases. A waiting phase may follow any other waiting one. A job that
 * ended in under a second goes from a waiting phase straight to its end: that is one write instead
 * of two. Leaving a terminal phase is a replay or a discard and needs a higher epoch (W9).
 */
export function mayMove(from: Phase, to: Phase, replay = false): boolean {
  if (from === to) return true
  if (isTerminal(from)) {
    if (from === 'DeadLettered' && to === 'Cancelled') return true
    return replay && !isTerminal(to)
  }
  if (from === 'Running') return to !== 'Pending'
  return to !== 'Pending' && (to === 'Running' || isTerminal(to) || WAITING.includes(to))
}

/** The recorded epoch; 0 when the job was never written. */
export function recordedEpoch(status: QueueJobStatus): Epoch {
  return status.epoch ?? 0
}

/** The recorded epoch is open iff the phase is Running (S3). */
export function openEpoch(status: QueueJobStatus): Epoch {
  return status.phase === 'Running' ? recordedEpoch(status) : 0
}
