/**
 * The handle of one job: what `submit`, `get` and `list` give. It stands for one object, by uid: a job
 * that was deleted and created again under the name is another one, and every method says so.
 */
import type { z } from 'zod'
import type { Phase, Priority } from '../api/conditions.ts'
import { GopherQueueError } from '../core/errors.ts'
import { keyText } from '../core/ids.ts'
import { type CancelOptions, type CancelParts, type CancelReceipt, cancelJob } from './cancel.ts'
import { deleted, endingOf } from './ending.ts'
import type { JobRef } from './errors.ts'
import type { Feeds } from './feeds.ts'
import type { JobStore, JobView, StatusView } from './ports.ts'
import { throughPhases, untilEnded } from './waiting.ts'

/** A word of the API, or one that a later version of it may add. */
type Open<Known extends string> = Known | (string & {})

/** Where a job stands. */
export interface JobStatus {
  readonly phase: Open<Phase>
  /** One word of the table of reasons (docs/reasons.md); '' before anything was written. */
  readonly reason: string
  /** The reason in one sentence, for people. */
  readonly message: string
  /** Executions that were started. */
  readonly attempts: number
  /** What the handler last said; null = nothing. */
  readonly progress: { readonly percent: number; readonly message: string } | null
  /** Pod of the current or last attempt, '' for none. */
  readonly worker: string
  /** Of the current or last attempt. */
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  readonly nextAttemptAt: Date | null
  readonly error: {
    readonly category: string
    readonly code: string
    readonly message: string
  } | null
  /** As it is stored, unchecked; undefined = none. */
  readonly result: unknown
}

export interface ResultOptions {
  /** Then WaitTimeoutError; the job goes on. Default: no limit. */
  readonly timeoutMs?: number | undefined
  /** Ends the wait with the reason of the signal. */
  readonly signal?: AbortSignal | undefined
}

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined
}

/** What all handles of one connection share. */
export interface JobParts extends CancelParts {
  readonly store: JobStore
  readonly feeds: Feeds
  /** Aborted when the connection is closed. */
  readonly closing: AbortSignal
}

/** A key that is held by a job that is itself a duplicate: never more than this in a row. */
const MAX_DUPLICATES = 5

export class Job<Result = unknown> implements JobRef {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly queue: string
  readonly type: string
  readonly priority: Open<Priority>
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

  /** As last seen by this handle; `status()` asks the API server. */
  get phase(): Open<Phase> {
    return this.#seen.status.phase
  }

  /** Where the job stands now. @throws JobDeletedError, ApiError */
  async status(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<JobStatus> {
    const job = await this.#parts.store.get(this, options.signal)
    if (job?.uid !== this.uid) throw deleted(this, this.#seen.status.attempts)
    this.#seen = job
    return statusOf(job.status)
  }

  /**
   * The result, once the job has succeeded. A thousand waits in one namespace share one watch.
   *
   * @throws JobFailedError, JobCancelledError, JobDeletedError, InvalidResultError: how it ended
   * @throws WaitTimeoutError, ApiError, or the signal's reason: it may not have ended
   */
  async result(options: ResultOptions = {}): Promise<Result> {
    const { clock } = this.#parts
    const timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY
    const until = clock.monotonic() + timeoutMs
    let job = this.#seen
    for (let followed = 0; ; followed++) {
      const ended = await this.#untilEnded(job, until - clock.monotonic(), options.signal)
      if (followed === 0) this.#seen = ended
      const ending = endingOf(ended, this.#output)
      if (ending.kind === 'result') return ending.value
      if (ending.kind === 'error') throw ending.error
      if (followed === MAX_DUPLICATES) throw endless(this)
      job = await this.#find(ending.of, options.signal)
    }
  }

  /**
   * The status now, and again at each new phase, attempt or progress, until the job has ended.
   * @throws JobDeletedError, ApiError, or the signal's reason
   */
  async *watch(options: WatchOptions = {}): AsyncGenerator<JobStatus, void, void> {
    const job = await this.#parts.store.get(this, options.signal)
    if (job?.uid !== this.uid) throw deleted(this, this.#seen.status.attempts)
    for await (const seen of throughPhases(this.#parts.feeds, job, this.#signals(options.signal))) {
      this.#seen = seen
      yield statusOf(seen.status)
    }
  }

  /**
   * Cancels the job: waiting, it never starts; running, its handler's signal is aborted. A job that
   * has ended stays as it is.
   * @throws ForbiddenError (the verb `cancel` is missing), ActionFailedError, ApiError
   */
  cancel(options: CancelOptions = {}): Promise<CancelReceipt> {
    return cancelJob(this.#parts, this, options)
  }

  #untilEnded(job: JobView, timeoutMs: number, signal: AbortSignal | undefined): Promise<JobView> {
    const { clock, feeds } = this.#parts
    return untilEnded(feeds, job, { clock, timeoutMs, signals: this.#signals(signal) })
  }

  async #find(ref: JobRef, signal: AbortSignal | undefined): Promise<JobView> {
    const job = await this.#parts.store.get(ref, signal)
    if (job?.uid !== ref.uid) throw deleted(ref, 0)
    return job
  }

  #signals(signal: AbortSignal | undefined): readonly AbortSignal[] {
    return signal ? [signal, this.#parts.closing] : [this.#parts.closing]
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
