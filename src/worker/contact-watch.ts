/**
 * K7: without any round trip with the NATS server for `lostAfterMs` nobody believes in the attempts
 * of this worker any more, and it aborts them itself. Shorter outages change nothing, and neither
 * does a missing operator.
 *
 * A handler that blocks the event loop for minutes looks like silence: answers of the server wait
 * unread, and timers run before sockets. So a check that comes late judges nothing, and believes in
 * silence only after the server has had time to be heard again.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import type { ServerContact } from './ports.ts'

export const CHECK_MS = 1_000
/** Longer than the interval of the pings of the connection. */
export const LISTEN_AGAIN_MS = 30_000

export class ContactWatch {
  readonly #clock: Clock
  readonly #contact: ServerContact
  readonly #lostAfterMs: number
  readonly #lost: (silentMs: number) => void
  #cancel: Cancel | null = null
  #checkedAt: MonoMs = 0
  #believeFrom: MonoMs = 0

  constructor(options: {
    readonly clock: Clock
    readonly contact: ServerContact
    readonly lostAfterMs: number
    /** Called at every check while the silence lasts; aborting twice changes nothing. */
    readonly lost: (silentMs: number) => void
  }) {
    this.#clock = options.clock
    this.#contact = options.contact
    this.#lostAfterMs = options.lostAfterMs
    this.#lost = options.lost
  }

  start(): void {
    this.#checkedAt = this.#clock.monotonic()
    this.#arm()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  #arm(): void {
    this.#cancel = this.#clock.after(CHECK_MS, () => {
      this.#check()
      this.#arm()
    })
  }

  #check(): void {
    const now = this.#clock.monotonic()
    const stalledMs = now - this.#checkedAt - CHECK_MS
    this.#checkedAt = now
    if (stalledMs > CHECK_MS) this.#believeFrom = now + LISTEN_AGAIN_MS
    if (now < this.#believeFrom) return
    const silentMs = this.#contact.silentMs()
    if (silentMs >= this.#lostAfterMs) this.#lost(silentMs)
  }
}
