/**
 * Sends heartbeats; runs in the heartbeat thread (`main/beat-thread.ts`), where no handler can keep
 * it from its timer. It beats on every new basis and at the latest an interval after the last beat.
 * The main thread ticks; the age of its last tick is the lag of its event loop, and the operator may
 * judge a worker by it, but silence of the main thread never stops a heartbeat.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import { type BeatBasis, beatsOf, type RunningBasis, type Vitals } from './heartbeat.ts'
import type { BeatSink } from './ports.ts'

/** How often the main thread ticks. */
export const TICK_MS = 500

/** From the main thread to the heartbeat thread. */
export type BeatPost =
  | { readonly kind: 'basis'; readonly basis: BeatBasis }
  | { readonly kind: 'started'; readonly attempt: RunningBasis }
  | { readonly kind: 'tick' }

/** A start that no basis follows: the main thread is busy with it. */
export const START_DELAY_MS = 100

export class BeatSender {
  readonly #clock: Clock
  readonly #sink: BeatSink
  readonly #heartbeatMs: number
  readonly #usage: () => Omit<Vitals, 'loopLagMs'>
  #basis: { readonly basis: BeatBasis; readonly at: MonoMs } | null = null
  #tickAt: MonoMs | null = null
  #cancel: Cancel | null = null
  #stopped = false

  constructor(options: {
    readonly clock: Clock
    readonly sink: BeatSink
    readonly heartbeatMs: number
    readonly usage: () => Omit<Vitals, 'loopLagMs'>
  }) {
    this.#clock = options.clock
    this.#sink = options.sink
    this.#heartbeatMs = options.heartbeatMs
    this.#usage = options.usage
  }

  receive(post: BeatPost): void {
    if (this.#stopped) return
    const now = this.#clock.monotonic()
    this.#tickAt = now
    switch (post.kind) {
      case 'tick':
        return
      case 'basis':
        this.#basis = { basis: post.basis, at: now }
        this.#beat()
        return
      case 'started':
        this.#add(post.attempt, now)
        return
    }
  }

  /** Whoever listens may have missed the last one. */
  beatNow(): void {
    if (!this.#stopped) this.#beat()
  }

  /** The last beat was the last one. */
  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  #add(attempt: RunningBasis, now: MonoMs): void {
    if (this.#basis === null) return
    const { basis, at } = this.#basis
    // Ages count from the basis: this attempt is younger than it.
    const ageMs = attempt.ageMs - (now - at)
    const running = [...basis.running, { ...attempt, ageMs, lastSignMs: ageMs }]
    this.#basis = { basis: { ...basis, running }, at }
    this.#arm(START_DELAY_MS)
  }

  #arm(delayMs: number): void {
    this.#cancel?.()
    this.#cancel = this.#clock.after(delayMs, () => this.#beat())
  }

  #beat(): void {
    if (this.#basis === null) return
    this.#arm(this.#heartbeatMs)
    const now = this.#clock.monotonic()
    const { basis, at } = this.#basis
    const silentMs = this.#tickAt === null ? 0 : now - this.#tickAt
    const vitals = { ...this.#usage(), loopLagMs: Math.max(0, silentMs - TICK_MS) }
    for (const beat of beatsOf(basis, now - at, vitals)) this.#sink.publish(beat)
  }
}
