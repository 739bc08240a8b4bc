/**
 * The handle of one job (`surface.ts`). It stands for one object, by uid; what it reads under the name
 * and with another uid is a job that was deleted.
 */
import type { z } from 'zod'
import { GopherQueueError } from '../core/errors.ts'
import { keyText } from '../core/ids.ts'
import { type CancelParts, cancelJob } from './cancel.ts'
import { deleted, endingOf } from './ending.ts'
import type { JobRef } from './errors.ts'
import { explain } from './explain.ts'
import type { Feeds } from './feeds.ts'
import type { EvidenceStore, JobStore, JobView, StatusView } from './ports.ts'
import { linked, underSignals } from './signals.ts'
import type {
  CancelOptions,
  CancelReceipt,
  Job,
  JobExplanation,
  JobStatus,
  ResultOptions,
  WatchOptions,
} from './surface.ts'
import { throughPhases, untilEnded } from './waiting.ts'

/** What all handles of one connection share. */
export interface JobParts extends CancelParts {
  readonly store: JobStore
  readonly evidence: EvidenceStore
  readonly feeds: Feeds
  /** Aborted when the connection is closed. */
  readonly closing: AbortSignal
}

/** A key that is held by a job that is itself a duplicate: never more than this in a row. */
const MAX_DUPLICATES = 5

export class JobHandle<Result> implements Job<Result> {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly queue: string
  readonly type: string
  readonly priority: string
  readonly createdAt: Date
  readonly #parts: JobParts
  readonly #output: z.ZodType<Result>
  #seen: JobView

  constructor(parts: JobParts, output: z.ZodType<Result>, seen: JobView) {
    this.#parts = parts
    this.#output = output
    this.#seen = seen
    this.namespace = seen.namespace
    this.name = seen.name
    this.uid = seen.uid
    this.queue = seen.queue
    this.type = seen.type
    this.priority = seen.priority
    this.createdAt = new Date(seen.createdMs)
  }

  get phase(): string {
    return this.#seen.status.phase
  }

  status(options: WatchOptions = {}): Promise<JobStatus> {
    return this.#under(options, async (signal) => {
      this.#seen = await this.#find(this, signal)
      return statusOf(this.#seen.status)
    })
  }

  explain(options: WatchOptions = {}): Promise<JobExplanation> {
    const { evidence, clock } = this.#parts
    return this.#under(options, async (signal) => {
      const explained = await explain(evidence, this, () => clock.now(), signal)
      if (explained?.uid !== this.uid) throw deleted(this, this.#seen.status.attempts)
      const { phase, reason, message, advice, until } = explained
      return { phase, reason, message, advice, until: until === 0 ? null : new Date(until) }
    })
  }

  result(options: ResultOptions = {}): Promise<Result> {
    const { clock } = this.#parts
    const until = clock.monotonic() + (options.timeoutMs ?? Number.POSITIVE_INFINITY)
    return this.#under(options, async (signal) => {
      let job = this.#seen
      for (let followed = 0; ; followed++) {
        const ended = await this.#untilEnded(job, until - clock.monotonic(), signal)
        if (followed === 0) this.#seen = ended
        const ending = endingOf(ended, this.#output)
        if (ending.kind === 'result') return ending.value
        if (ending.kind === 'error') throw ending.error
        if (followed === MAX_DUPLICATES) throw endless(this)
        job = await this.#find(ending.of, signal)
      }
    })
  }

  async *watch(options: WatchOptions = {}): AsyncGenerator<JobStatus, void, void> {
    const { signal, release } = linked([options.signal, this.#parts.closing])
    try {
      signal.throwIfAborted()
      const job = await this.#find(this, signal)
      for await (const seen of throughPhases(this.#parts.feeds, job, signal)) {
        this.#seen = seen
        yield statusOf(seen.status)
      }
    } finally {
      release()
    }
  }

  cancel(options: CancelOptions = {}): Promise<CancelReceipt> {
    return this.#under(options, (signal) => cancelJob(this.#parts, this, { ...options, signal }))
  }

  #under<T>(options: WatchOptions, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return underSignals([options.signal, this.#parts.closing], run)
  }

  #untilEnded(job: JobView, timeoutMs: number, signal: AbortSignal): Promise<JobView> {
    const { clock, feeds } = this.#parts
    return untilEnded(feeds, job, { clock, timeoutMs, signal })
  }

  /** That very job. @throws JobDeletedError */
  async #find(ref: JobRef, signal: AbortSignal): Promise<JobView> {
    const job = await this.#parts.store.get(ref, signal)
    if (job?.uid === ref.uid) return job
    throw deleted(ref, ref.uid === this.uid ? this.#seen.status.attempts : 0)
  }
}

function endless(job: JobRef): GopherQueueError {
  return new GopherQueueError(
    'Duplicate',
    `job ${keyText(job)} is a duplicate of a duplicate, ${MAX_DUPLICATES} times over: no job that ran holds its idempotency key`,
    {
      help: `see it: kubectl -n ${job.namespace} get qj ${job.name} -o jsonpath={.status.duplicateOf}`,
    },
  )
}

function statusOf(status: StatusView): JobStatus {
  const { phase, reason, message, attempts, progress, worker, error, result } = status
  return {
    phase,
    reason,
    message,
    attempts,
    progress,
    worker,
    startedAt: dateOf(status.startedMs),
    finishedAt: dateOf(status.finishedMs),
    nextAttemptAt: dateOf(status.nextAttemptMs),
    error,
    result,
  }
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}
