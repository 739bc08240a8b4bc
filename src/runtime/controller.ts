/**
 * Looks at keys until the world is as it should be: takes a key from the work queue, calls
 * `reconcile`, and turns the answer into the next look.
 *
 *   done                      nothing to do until somebody enqueues the key again
 *   requeue {afterMs}         look again then: something is under way, or a time is due
 *   thrown, or past deadline  back off, longer with each failure in a row; told to `failed`
 *
 * Bounded workers, one look at a key at a time (the queue keeps that). It knows nothing of Kubernetes
 * and keeps no state about keys but their failures, so forgetting it all loses nothing.
 *
 * A look that never ends would keep its key and its worker for ever: its signal is aborted at the
 * deadline and at the stop. One that ignores its signal is still waited for, because a second look at
 * the same key beside it is worse.
 */
import type { BackoffPolicy } from '../core/backoff.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { Service } from './service.ts'
import { WorkQueue } from './workqueue.ts'

export type Reconciled =
  | { readonly kind: 'done' }
  | { readonly kind: 'requeue'; readonly afterMs: number }

export interface ControllerOptions<K extends string | number> {
  readonly clock: Clock
  readonly random: Random
  /** Looks at once. */
  readonly workers: number
  /** For one look. Default: 60 s. */
  readonly deadlineMs?: number
  /** Default: RECONCILE_BACKOFF. */
  readonly backoff?: BackoffPolicy
  readonly reconcile: (key: K, signal: AbortSignal) => Promise<Reconciled>
  /** After each failed look: for the log. `retryInMs`: when it is looked at again. */
  readonly failed: (key: K, error: unknown, retryInMs: number) => void
  /** After each look: for metrics. */
  readonly observe?: (key: K, result: 'done' | 'requeue' | 'failed', tookMs: number) => void
}

const DEADLINE_MS = 60_000

export class Controller<K extends string | number> implements Service {
  readonly #options: ControllerOptions<K>
  readonly #queue: WorkQueue<K>
  readonly #stopper = new AbortController()
  #started = false
  #pumping = false

  constructor(options: ControllerOptions<K>) {
    this.#options = options
    const { clock, random, backoff } = options
    this.#queue = new WorkQueue<K>({
      clock,
      random,
      ...(backoff ? { backoff } : {}),
      ready: () => this.#pumpSoon(),
    })
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#queue.length
  }

  /** Keys that are looked at now. */
  get busy(): number {
    return this.#queue.processing
  }

  /** Something about the key changed. Kept until the start, ignored after the stop. */
  enqueue(key: K): void {
    this.#queue.add(key)
  }

  enqueueAfter(key: K, delayMs: number): void {
    this.#queue.addAfter(key, delayMs)
  }

  async start(): Promise<void> {
    this.#started = true
    this.#pump()
  }

  /** Drops what waits, aborts what runs, resolves when the last look has ended. */
  async stop(): Promise<void> {
    this.#queue.shutDown()
    this.#stopper.abort()
    await this.#queue.idle()
  }

  /** Not at once: whoever enqueues a key may be in the middle of a change to what a look would see. */
  #pumpSoon(): void {
    if (this.#pumping) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#started && this.#queue.processing < this.#options.workers) {
      const key = this.#queue.take()
      if (key === undefined) return
      void this.#look(key)
    }
  }

  async #look(key: K): Promise<void> {
    const { clock, observe } = this.#options
    const began = clock.monotonic()
    const result = await this.#reconcile(key)
    observe?.(key, result, clock.monotonic() - began)
    this.#queue.done(key)
    this.#pump()
  }

  async #reconcile(key: K): Promise<'done' | 'requeue' | 'failed'> {
    const { clock, reconcile, failed, deadlineMs = DEADLINE_MS } = this.#options
    const deadline = new AbortController()
    const cancel = clock.after(deadlineMs, () => deadline.abort())
    try {
      const signal = AbortSignal.any([this.#stopper.signal, deadline.signal])
      const answer = await reconcile(key, signal)
      this.#queue.forget(key)
      if (answer.kind === 'requeue') this.#queue.addAfter(key, answer.afterMs)
      return answer.kind
    } catch (error) {
      // The stop aborted it: no failure of its own, and nobody looks again here.
      if (this.#stopper.signal.aborted) return 'failed'
      failed(key, error, this.#queue.addRateLimited(key))
      return 'failed'
    } finally {
      cancel()
    }
  }
}
