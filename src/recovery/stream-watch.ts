/**
 * Whether the streams are still the ones that this process has seen (protocol T3). A stream that was
 * deleted, made anew, or put back from an older copy holds nothing that can be trusted: outcomes may
 * be missing and started messages may come again. Then both are made anew and every shard is taken
 * over again with a new term.
 *
 * What was seen holds for one connection: after each reconnect nothing is dispatched before a look
 * that began on the new connection has found the same streams.
 */
import type { Link, StreamState, Streams } from './ports.ts'

type Both = { readonly work: StreamState; readonly events: StreamState }

export class StreamWatch {
  readonly #streams: Streams
  readonly #link: Pick<Link, 'connected' | 'since'>
  #seen: Both | null = null
  /** `since` of the connection on which they were last seen; null = not seen, or found missing. */
  #seenOn: number | null = null

  constructor(streams: Streams, link: Pick<Link, 'connected' | 'since'>) {
    this.#streams = streams
    this.#link = link
  }

  /** They were seen on the connection that stands now. */
  get trusted(): boolean {
    return this.#link.connected && this.#seenOn === this.#link.since
  }

  /** T3: makes what is missing; replaced or rolled back: both are deleted and made again. */
  async ensure(): Promise<void> {
    const since = this.#link.since
    const found = await this.#streams.ensure()
    if (this.#seen && !continues(this.#seen, found)) {
      await this.#streams.recreate()
      this.#seen = await this.#streams.ensure()
    } else {
      this.#seen = found
    }
    this.#seenOn = since
  }

  /** False: missing, replaced or rolled back since `ensure`. */
  async intact(): Promise<boolean> {
    if (!this.#seen) return true
    const since = this.#link.since
    const found = await this.#streams.state()
    if (!found || !continues(this.#seen, found)) {
      this.#seenOn = null
      return false
    }
    this.#seen = found
    this.#seenOn = since
    return true
  }
}

function continues(before: Both, now: Both): boolean {
  return sameStream(before.work, now.work) && sameStream(before.events, now.events)
}

function sameStream(before: StreamState, now: StreamState): boolean {
  return before.created === now.created && now.lastSeq >= before.lastSeq
}
