/**
 * A queue of keys to look at, with client-go's contract: it says *that* something about a key changed,
 * never what, so any number of changes is one look, and a look at the world as it is then.
 *
 *                 add                take                 done
 *   (idle) ──────────────▶ waiting ────────▶ processing ────────▶ (idle)
 *      │                      ▲                 │  add              or
 *      └─▶ delayed ───due─────┘                 └──▶ dirty ──done──▶ waiting
 *
 * Promises:
 * - a key is taken by one worker at a time; an `add` meanwhile is kept, and becomes one more turn;
 * - keys are taken in the order in which they were added; a key that waits keeps its place;
 * - of several delays of one key the earliest counts; an `add` does not cancel a delay;
 * - `addRateLimited` waits longer with each failure of the key until `forget`;
 * - after `shutDown` nothing is added or taken: what waited is dropped (unlike client-go, which hands
 *   it out first: here each key stands in etcd and the next leader lists it). What is being processed
 *   goes on, and `idle` resolves when the last one is done.
 */
import { type BackoffPolicy, backoffMs } from '../core/backoff.ts'
import type { Cancel, Clock, MonoMs, Random } from '../core/clock.ts'

/** The first retry at once for a person, the last one slow enough for an API server. */
export const RECONCILE_BACKOFF: BackoffPolicy = {
  strategy: 'Exponential',
  initialMs: 50,
  maxMs: 60_000,
  multiplier: 2,
  jitter: 0.2,
}

export interface WorkQueueOptions {
  readonly clock: Clock
  readonly random: Random
  /** Default: RECONCILE_BACKOFF. */
  readonly backoff?: BackoffPolicy
  /** A key can be taken. Called again for each one, never from inside `take`. */
  readonly ready?: () => void
}

interface Delay {
  readonly due: MonoMs
  readonly cancel: Cancel
}

export class WorkQueue<K extends string | number> {
  readonly #options: WorkQueueOptions
  readonly #order = new Fifo<K>()
  /** Members of `#order`. */
  readonly #waiting = new Set<K>()
  readonly #processing = new Set<K>()
  /** Added while being processed. */
  readonly #dirty = new Set<K>()
  readonly #delays = new Map<K, Delay>()
  readonly #failures = new Map<K, number>()
  #shut = false
  #idle: (() => void)[] = []

  constructor(options: WorkQueueOptions) {
    this.#options = options
  }

  /** Keys that can be taken now. */
  get length(): number {
    return this.#waiting.size
  }

  get processing(): number {
    return this.#processing.size
  }

  get delayed(): number {
    return this.#delays.size
  }

  add(key: K): void {
    if (this.#shut) return
    if (this.#processing.has(key)) {
      this.#dirty.add(key)
      return
    }
    if (this.#waiting.has(key)) return
    this.#waiting.add(key)
    this.#order.push(key)
    this.#options.ready?.()
  }

  /** As `add`, in `delayMs`. An earlier delay of the key stays, a later one is replaced. */
  addAfter(key: K, delayMs: number): void {
    if (this.#shut) return
    if (delayMs <= 0) {
      this.add(key)
      return
    }
    const { clock } = this.#options
    const due = clock.monotonic() + delayMs
    const planned = this.#delays.get(key)
    if (planned && planned.due <= due) return
    planned?.cancel()
    const cancel = clock.after(delayMs, () => {
      this.#delays.delete(key)
      this.add(key)
    })
    this.#delays.set(key, { due, cancel })
  }

  /** Counts a failure of the key and adds it after the delay that is returned. */
  addRateLimited(key: K): number {
    if (this.#shut) return 0
    const failures = this.failures(key) + 1
    this.#failures.set(key, failures)
    const { backoff = RECONCILE_BACKOFF, random } = this.#options
    const delayMs = backoffMs(backoff, failures, random.uniform())
    this.addAfter(key, delayMs)
    return delayMs
  }

  failures(key: K): number {
    return this.#failures.get(key) ?? 0
  }

  /** The key is well, or of no interest any more: its failures count no longer. */
  forget(key: K): void {
    this.#failures.delete(key)
  }

  /** The key that waited longest, now being processed until `done`; undefined: none waits. */
  take(): K | undefined {
    const key = this.#order.shift()
    if (key === undefined) return undefined
    this.#waiting.delete(key)
    this.#processing.add(key)
    return key
  }

  done(key: K): void {
    if (!this.#processing.delete(key)) return
    if (this.#dirty.delete(key)) this.add(key)
    if (this.#processing.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  shutDown(): void {
    this.#shut = true
    for (const { cancel } of this.#delays.values()) cancel()
    this.#delays.clear()
    this.#order.clear()
    this.#waiting.clear()
    this.#dirty.clear()
    this.#failures.clear()
  }

  /** Resolves when nothing is being processed. */
  idle(): Promise<void> {
    if (this.#processing.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }
}

/** An array that is shifted by moving its head: `Array.shift` copies, a Set scans what was deleted. */
class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    // Half of it is empty: copying the rest costs less than one step per item that left.
    if (this.#head >= 64 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#head = 0
  }
}
