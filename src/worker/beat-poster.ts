/**
 * When the main thread tells the heartbeat thread how things are: 50 ms after a change, so that a
 * burst of starts is one heartbeat (protocol K5); at once when a leader asks (T4); and every interval,
 * so that signs of life get through although nothing starts or ends.
 *
 * A start is told at once and by itself, before the handler runs: a handler that never yields would
 * keep the debounced post waiting for as long as it runs, and its attempt would look lost.
 */
import type { Cancel, Clock } from '../core/clock.ts'
import type { BeatBasis, RunningBasis } from './heartbeat.ts'

export const DEBOUNCE_MS = 50

/** Where the basis goes: the heartbeat thread, or a `BeatSender` in the same thread. */
export interface BeatPort {
  post(basis: BeatBasis): void
  /** Listed from the next heartbeat on, which comes soon; the next basis lists it, too. */
  started(attempt: RunningBasis): void
}

/** What a post is for: a change, or everything that is known. */
export type Extent = 'regular' | 'change'

export class BeatPoster {
  readonly #clock: Clock
  readonly #port: BeatPort
  readonly #intervalMs: number
  readonly #basis: (extent: Extent) => BeatBasis
  #debounce: Cancel | null = null
  #interval: Cancel | null = null
  #running = false

  constructor(options: {
    readonly clock: Clock
    readonly port: BeatPort
    readonly intervalMs: number
    readonly basis: (extent: Extent) => BeatBasis
  }) {
    this.#clock = options.clock
    this.#port = options.port
    this.#intervalMs = options.intervalMs
    this.#basis = options.basis
  }

  start(): void {
    this.#running = true
    this.now()
  }

  /** The running set changed. */
  changed(): void {
    if (!this.#running) return
    this.#debounce ??= this.#clock.after(DEBOUNCE_MS, () => this.#post('change'))
  }

  /** A handler is about to run. */
  started(attempt: RunningBasis): void {
    if (!this.#running) return
    this.#port.started(attempt)
    this.changed()
  }

  now(): void {
    if (!this.#running) return
    this.#interval?.()
    this.#interval = this.#clock.after(this.#intervalMs, () => this.now())
    this.#post('regular')
  }

  #post(extent: Extent): void {
    this.#debounce?.()
    this.#debounce = null
    this.#port.post(this.#basis(extent))
  }

  /** One last beat, then silence. */
  stop(): void {
    this.now()
    this.#running = false
    this.#debounce?.()
    this.#interval?.()
  }
}
