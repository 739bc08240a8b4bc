/**
 * How late timers fire because the event loop is busy: a timer every half second, and by how much it
 * misses. Leases are renewed and heartbeats judged on this loop, so its lag is the first thing to look
 * at when they are late.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import type { Service } from './service.ts'

export interface LoopLagOptions {
  readonly clock: Clock
  /** Called with each measurement. */
  readonly observe: (lagMs: number) => void
}

const EVERY_MS = 500

export class LoopLag implements Service {
  readonly #options: LoopLagOptions
  #due: MonoMs
  #timer: Cancel | null = null
  #lagMs = 0
  #stopped = false

  constructor(options: LoopLagOptions) {
    this.#options = options
    this.#due = options.clock.monotonic()
  }

  /** The last measurement, or how late the coming one already is. */
  get lagMs(): number {
    const late = this.#timer === null ? 0 : this.#options.clock.monotonic() - this.#due
    return Math.max(this.#lagMs, late)
  }

  async start(): Promise<void> {
    if (this.#timer === null && !this.#stopped) this.#arm()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.()
    this.#timer = null
  }

  #arm(): void {
    const { clock, observe } = this.#options
    this.#due = clock.monotonic() + EVERY_MS
    this.#timer = clock.after(EVERY_MS, () => {
      this.#lagMs = Math.max(0, clock.monotonic() - this.#due)
      observe(this.#lagMs)
      this.#arm()
    })
  }
}
