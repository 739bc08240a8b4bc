/**
 * Whether the server of a session still answers. A frozen server keeps its sockets open and takes
 * what is sent to it, so only an answered ping says anything.
 *
 * One ping is on the way at a time. When the next one is due and the last is unanswered, the server is
 * `silent`; unanswered for longer, it is `dead`, and the session is given up. Everything is judged on
 * the monotonic clock, and an answer counts from when its ping was sent: a process that was stopped
 * and reads old bytes afterwards learns nothing about now.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'

export interface PulseOptions {
  readonly clock: Clock
  readonly everyMs: number
  /** Resolves with the server's answer; its rejection means nothing, the session says why it ended. */
  readonly ping: () => Promise<void>
  /** The server was alive when this ping was sent. */
  readonly alive: (sentAt: MonoMs) => void
  readonly silent: () => void
  readonly dead: () => void
}

/** A ping is given so many intervals, and at least so long: a slow server is not a dead one. */
const DEAD_AFTER_INTERVALS = 3
const DEAD_AFTER_AT_LEAST_MS = 20_000

/** Pings until it is stopped. Returns the stop. */
export function startPulse(options: PulseOptions): () => void {
  const pulse = new Pulse(options)
  pulse.start()
  return () => pulse.stop()
}

class Pulse {
  readonly #options: PulseOptions
  #cancel: Cancel = () => {}
  #unansweredSince: MonoMs | null = null
  #stopped = false

  constructor(options: PulseOptions) {
    this.#options = options
  }

  start(): void {
    this.#cancel = this.#options.clock.after(this.#options.everyMs, () => this.#due())
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
  }

  #due(): void {
    const { clock, everyMs, silent, dead } = this.#options
    if (this.#unansweredSince === null) {
      this.#ping(clock.monotonic())
    } else {
      const patience = Math.max(DEAD_AFTER_INTERVALS * everyMs, DEAD_AFTER_AT_LEAST_MS)
      silent()
      if (clock.monotonic() - this.#unansweredSince >= patience) {
        this.stop()
        dead()
      }
    }
    if (!this.#stopped) this.start()
  }

  #ping(sentAt: MonoMs): void {
    this.#unansweredSince = sentAt
    this.#options.ping().then(
      () => {
        if (this.#stopped) return
        this.#unansweredSince = null
        this.#options.alive(sentAt)
      },
      () => {},
    )
  }
}
