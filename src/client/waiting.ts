/**
 * Waiting for a job: until it has ended, or through all its phases. Both end with the job, with an
 * error of `errors.ts`, with the time that was given, or with a signal, whichever comes first, and
 * leave nothing behind.
 */
import type { Clock } from '../core/clock.ts'
import { deleted, hasEnded, timedOut } from './ending.ts'
import type { Subscriber } from './follower.ts'
import type { JobView } from './ports.ts'
import { onAbort } from './signals.ts'

/** Implemented by `feeds.ts`. */
export interface Subscriptions {
  /** @returns how to leave */
  subscribe(subscriber: Subscriber): () => void
}

export interface WaitLimits {
  readonly clock: Clock
  /** Infinity = as long as it takes. */
  readonly timeoutMs: number
  /** The wait rejects with its reason. */
  readonly signal: AbortSignal
}

/**
 * @returns the job as it ended; also when it was deleted since and its last state was seen
 * @throws JobDeletedError, WaitTimeoutError, ApiError, or the reason of the signal
 */
export function untilEnded(
  feeds: Subscriptions,
  job: JobView,
  limits: WaitLimits,
): Promise<JobView> {
  return new Promise((resolve, reject) => {
    if (hasEnded(job)) return resolve(job)
    const { signal } = limits
    if (signal.aborted) return reject(signal.reason)
    let last = job
    const undo: (() => void)[] = []
    const settle = (act: () => void) => {
      for (const each of undo) each()
      act()
    }
    undo.push(onAbort(signal, () => settle(() => reject(signal.reason))))
    if (limits.timeoutMs < Number.POSITIVE_INFINITY) {
      const expire = () => settle(() => reject(timedOut(last, limits.timeoutMs)))
      undo.push(limits.clock.after(limits.timeoutMs, expire))
    }
    const seen = (now: JobView) => {
      last = now
      if (hasEnded(now)) settle(() => resolve(now))
    }
    undo.push(
      feeds.subscribe({
        key: job,
        uid: job.uid,
        version: job.resourceVersion,
        changed: seen,
        gone: (now) => {
          if (now && hasEnded(now)) settle(() => resolve(now))
          else settle(() => reject(deleted(job, (now ?? last).status.attempts)))
        },
        failed: (error) => settle(() => reject(error)),
      }),
    )
  })
}

/** A slow reader gets the newest phases; a job in a loop of retries cannot fill the memory. */
const MAX_QUEUED = 1_000

/**
 * The job now, and again whenever phase, reason, attempts or progress are new, until it has ended.
 * @throws JobDeletedError, ApiError, or the reason of the signal
 */
export async function* throughPhases(
  feeds: Subscriptions,
  job: JobView,
  signal: AbortSignal,
): AsyncGenerator<JobView, void, void> {
  yield job
  if (hasEnded(job)) return
  const news = new Newest(job)
  signal.throwIfAborted()
  const stop = onAbort(signal, () => news.fail(signal.reason))
  const leave = feeds.subscribe({
    key: job,
    uid: job.uid,
    version: job.resourceVersion,
    changed: (now) => news.push(now),
    gone: (last) => {
      if (last && hasEnded(last)) news.push(last)
      else news.fail(deleted(job, (last ?? job).status.attempts))
    },
    failed: (error) => news.fail(error),
  })
  try {
    for (;;) {
      const now = await news.next()
      yield now
      if (hasEnded(now)) return
    }
  } finally {
    leave()
    stop()
  }
}

/** What was seen and not yet handed out. One reader. */
class Newest {
  readonly #queue: JobView[] = []
  #last: string
  #failure: { readonly error: unknown } | null = null
  #wake: (() => void) | null = null

  constructor(first: JobView) {
    this.#last = said(first)
  }

  push(job: JobView): void {
    const now = said(job)
    if (now === this.#last) return
    this.#last = now
    this.#queue.push(job)
    if (this.#queue.length > MAX_QUEUED) this.#queue.shift()
    this.#wake?.()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake?.()
  }

  async next(): Promise<JobView> {
    for (;;) {
      const job = this.#queue.shift()
      if (job) return job
      if (this.#failure) throw this.#failure.error
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

function said({ status }: JobView): string {
  const { phase, reason, attempts, progress } = status
  return JSON.stringify([phase, reason, attempts, progress])
}
