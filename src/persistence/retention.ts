/**
 * How long finished jobs stay (job-model.md section 5, resources.md). Pure: what a job and its queue
 * say, and what follows from it. `retention-book.ts` keeps the jobs in order, `reaper.ts` carries it out.
 *
 *   age      its own ttlSecondsAfterFinished, else the queue's default, else spec.retention of the queue
 *   count    each queue keeps its newest 500 completed, 500 failed, 10,000 dead-lettered jobs
 *   cluster  above limits.maxFinishedObjects the oldest of all queues go first
 *
 * Three kinds of job do not go when their time is over. One that a GitOps tool manages is trimmed and
 * stays: the tool would create it, and so run it, again. One with an idempotency key is trimmed, and
 * goes when the key may be used again. One that a waiting job depends on goes after that has started.
 */
import { QUEUE_BUILT_IN } from '../api/queue.ts'
import type { WallMs } from '../core/clock.ts'
import type { JobKey, JobUid } from '../core/ids.ts'
import { isTerminal, type JobObject, type JobRecord } from '../core/job.ts'
import type { QueueObject } from '../core/resources.ts'

export const SHELVES = ['succeeded', 'failed', 'deadLettered'] as const
/** What is kept together: a cancelled job counts as failed. */
export type Shelf = (typeof SHELVES)[number]

export interface RetentionPolicy {
  readonly ageMs: Readonly<Record<Shelf, number>>
  readonly most: Readonly<Record<Shelf, number>>
  /** How long an idempotency key is remembered after its job ended. */
  readonly keyMs: number
}

/** A job that has ended, as far as its retention goes. */
export interface FinishedJob extends JobKey {
  readonly uid: JobUid
  readonly queue: string
  readonly shelf: Shelf
  readonly endedAt: WallMs
  /** Of the job, or its queue's default; null = the queue's retention. */
  readonly ttlMs: number | null
  /** A GitOps tool manages it, and it does not say itself how long it stays. */
  readonly staysForGood: boolean
  readonly hasKey: boolean
  /** There is something that trimming takes away. */
  readonly trimmable: boolean
}

const SECOND = 1000

/** @param queue null = there is none: the built-in policy */
export function retentionPolicy(queue: Pick<QueueObject, 'spec'> | null): RetentionPolicy {
  const { retention, idempotencyWindowSeconds } = queue?.spec ?? {}
  const built = QUEUE_BUILT_IN.retention
  return {
    ageMs: {
      succeeded: SECOND * (retention?.succeededSeconds ?? built.succeededSeconds),
      failed: SECOND * (retention?.failedSeconds ?? built.failedSeconds),
      deadLettered: SECOND * (retention?.deadLetteredSeconds ?? built.deadLetteredSeconds),
    },
    most: {
      succeeded: retention?.maxSucceeded ?? built.maxSucceeded,
      failed: retention?.maxFailed ?? built.maxFailed,
      deadLettered: retention?.maxDeadLettered ?? built.maxDeadLettered,
    },
    keyMs: SECOND * (idempotencyWindowSeconds ?? QUEUE_BUILT_IN.idempotencyWindowSeconds),
  }
}

/** Null: it has not ended, or is being deleted already. */
export function finishedJob(object: JobObject, record: JobRecord): FinishedJob | null {
  const { status, tags } = object
  if (!isTerminal(status.phase) || object.deleting) return null
  return {
    namespace: object.namespace,
    name: object.name,
    uid: object.uid,
    queue: record.queue,
    shelf: shelfOf(status.phase),
    endedAt: endOf(object),
    ttlMs: record.ttlMs,
    staysForGood: tags.gitOps && record.ttlMs === null,
    hasKey: record.idempotencyKey !== '',
    trimmable: [status.result, status.history, status.progress].some((part) => part !== undefined),
  }
}

function shelfOf(phase: JobObject['status']['phase']): Shelf {
  if (phase === 'Completed') return 'succeeded'
  return phase === 'DeadLettered' ? 'deadLettered' : 'failed'
}

function endOf({ status, creationMs }: JobObject): WallMs {
  const ended = status.completionTime === undefined ? Number.NaN : Date.parse(status.completionTime)
  return Number.isNaN(ended) ? creationMs : ended
}

/** When its time is over. */
export function ageEnd(job: FinishedJob, policy: RetentionPolicy): WallMs {
  return job.endedAt + (job.ttlMs ?? policy.ageMs[job.shelf])
}

/** Until then its key is remembered by the object; 0 = it has none. */
export function keyEnd(job: FinishedJob, policy: RetentionPolicy): WallMs {
  return job.hasKey ? job.endedAt + policy.keyMs : 0
}
