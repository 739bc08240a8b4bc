/**
 * What becomes of jobs after their end: into the history, then out of the cluster. Joins the archive and
 * the reaper of persistence with metrics and log; whoever else deletes a finished job does it through
 * `deleter`, so that none goes without its end being recorded.
 */
import type { Clock } from '../core/clock.ts'
import type { JobUid, ShardId } from '../core/ids.ts'
import { isTerminal, type JobObject } from '../core/job.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import type { Queues } from '../ingestion/queues.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import { Archive } from '../persistence/archive.ts'
import type { FactSink, History, ObjectDeleter } from '../persistence/ports.ts'
import { Reaper } from '../persistence/reaper.ts'
import { finishedJob, keyEnd, retentionPolicy } from '../persistence/retention.ts'

export interface RetirementOptions {
  readonly ledger: Ledger
  readonly queues: Queues
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly sink: FactSink
  readonly deleter: ObjectDeleter
  /** Null: no history is kept. */
  readonly history: History | null
  readonly leads: (shard: ShardId) => boolean
  readonly neededByWaiting: (entry: Entry) => boolean
  readonly maxFinished: number
}

export interface Retirement {
  readonly archive: Archive
  readonly reaper: Reaper
  /** Deletes a finished job only after its end is in the history. */
  readonly deleter: ObjectDeleter
  /** False: a waiting job depends on it, or its idempotency key is still remembered. */
  mayDelete(uid: JobUid): boolean
  /** It is gone: by retention, or because somebody deleted it. */
  gone(entry: Entry): void
}

const HISTORY_AGAIN_MS = 10_000

export function buildRetirement(options: RetirementOptions): Retirement {
  const { ledger, queues, clock, metrics } = options
  const archive = new Archive({
    history: options.history,
    clock,
    observer: {
      recorded: () => metrics.count('gopherqueue_history_events_total', { result: 'recorded' }),
      lost: () => metrics.count('gopherqueue_history_events_total', { result: 'lost' }),
    },
  })
  const deletedHere = new Set<JobUid>()
  const reaper = new Reaper({
    ledger,
    clock,
    sink: options.sink,
    deleter: options.deleter,
    recorded: (job) => archive.recorded(job),
    queueOf: (namespace, queue) => queues.get(namespace, queue),
    // Without the Queues nobody knows for how long.
    leads: (shard) => queues.complete && options.leads(shard),
    needed: ({ uid }) => isNeeded(uid),
    maxFinished: options.maxFinished,
    observer: observerOf(options, (job) => deletedHere.add(job.uid)),
  })
  const isNeeded = (uid: JobUid) => {
    const entry = ledger.get(uid)
    return entry !== undefined && options.neededByWaiting(entry)
  }
  return {
    archive,
    reaper,
    deleter: recordingDeleter(options, archive),
    mayDelete(uid) {
      const entry = ledger.get(uid)
      const job = entry && finishedJob(entry.object, entry.record)
      if (!job) return true
      const policy = retentionPolicy(queues.get(job.namespace, job.queue))
      return !isNeeded(uid) && keyEnd(job, policy) <= clock.now()
    },
    gone({ uid, object, shard }) {
      reaper.gone(uid)
      const here = deletedHere.delete(uid)
      if (options.leads(shard)) archive.deleted(object, here ? 'retention' : 'request')
    },
  }
}

function observerOf({ metrics, logger }: RetirementOptions, deleted: (job: JobObject) => void) {
  const fieldsOf = ({ namespace, name, uid, spec }: JobObject) => {
    return { namespace, job: name, uid, queue: spec.queue }
  }
  return {
    deleted(job: JobObject) {
      deleted(job)
      const { namespace, spec } = job
      metrics.count('gopherqueue_jobs_deleted_total', { namespace, queue: spec.queue })
      logger.debug('a finished job was deleted after its retention', fieldsOf(job))
    },
    unrecorded(job: JobObject) {
      metrics.count('gopherqueue_history_events_total', { result: 'skipped' })
      logger.warn('a job was deleted without its history: the cluster is too full to wait', {
        ...fieldsOf(job),
        code: 'RetentionPressure',
      })
    },
    troubled(job: JobObject, answer: { readonly kind: string; readonly detail?: string }) {
      logger.warn('a finished job could not be deleted', {
        ...fieldsOf(job),
        answer: answer.kind,
        err: answer.detail ?? '',
      })
    },
    clockJumped(byMs: number) {
      logger.warn('the wall clock stepped ahead: retention believes it after an hour', { byMs })
    },
  }
}

function recordingDeleter({ ledger, deleter }: RetirementOptions, archive: Archive): ObjectDeleter {
  return {
    async delete(kind, target) {
      const entry = kind === 'QueueJob' ? ledger.get(target.uid as JobUid) : undefined
      if (entry && isTerminal(entry.object.status.phase)) {
        const recorded = await archive.recorded(entry.object)
        const detail = 'its end is not in the history yet'
        if (!recorded) return { kind: 'later', retryAfterMs: HISTORY_AGAIN_MS, detail }
      }
      return deleter.delete(kind, target)
    },
  }
}
