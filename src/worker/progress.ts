/**
 * Progress of one attempt, throttled: a handler may report ten thousand times a second, the wire sees
 * one note a second with the newest state (reliability B38). Every call is a sign of life.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import { cleanLine, type Redact } from './text.ts'

export const NOTE_INTERVAL_MS = 1000
/** What a note holds (api/messages.ts). */
const MAX_NOTE_MESSAGE = 512

export class Progress {
  readonly #clock: Clock
  readonly #send: (percent: number, message: string) => void
  readonly #redact: Redact
  #waiting: { readonly percent: number; readonly message: string } | null = null
  #cancel: Cancel | null = null
  #closed = false
  /** When the handler last showed that it lives. */
  lastSignAt: MonoMs

  constructor(options: {
    readonly clock: Clock
    readonly redact: Redact
    readonly send: (percent: number, message: string) => void
  }) {
    this.#clock = options.clock
    this.#send = options.send
    this.#redact = options.redact
    this.lastSignAt = options.clock.monotonic()
  }

  report(percent: number, message: string): void {
    if (this.#closed) return
    this.lastSignAt = this.#clock.monotonic()
    this.#waiting = { percent: wholePercent(percent), message }
    if (this.#cancel === null) this.#flush()
  }

  /** After the attempt has ended nothing is sent any more. */
  close(): void {
    this.#closed = true
    this.#waiting = null
    this.#cancel?.()
    this.#cancel = null
  }

  #flush(): void {
    this.#cancel = null
    const note = this.#waiting
    if (note === null) return
    this.#waiting = null
    this.#send(note.percent, cleanLine(note.message, MAX_NOTE_MESSAGE, this.#redact))
    this.#cancel = this.#clock.after(NOTE_INTERVAL_MS, () => this.#flush())
  }
}

function wholePercent(percent: number): number {
  return Number.isNaN(percent) ? 0 : Math.round(Math.min(100, Math.max(0, percent)))
}
