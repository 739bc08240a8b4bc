/**
 * Whether the streams are still the ones that this process has seen (protocol T3). A stream that was
 * deleted, made anew, or put back from an older copy holds nothing that can be trusted: outcomes may
 * be missing and started messages may come again. Then both are made anew and every shard is taken
 * over again with a new term.
 */
import type { StreamState, Streams } from './ports.ts'

type Both = { readonly work: StreamState; readonly events: StreamState }

export class StreamWatch {
  readonly #streams: Streams
  #seen: Both | null = null

  constructor(streams: Streams) {
    this.#streams = streams
  }

  /** T3: makes what is missing; replaced or rolled back: both are deleted and made again. */
  async ensure(): Promise<void> {
    const found = await this.#streams.ensure()
    if (this.#seen && !continues(this.#seen, found)) {
      await this.#streams.recreate()
      this.#seen = await this.#streams.ensure()
    } else {
      this.#seen = found
    }
  }

  /** False: missing, replaced or rolled back since `ensure`. */
  async intact(): Promise<boolean> {
    if (!this.#seen) return true
    const found = await this.#streams.state()
    if (!found || !continues(this.#seen, found)) return false
    this.#seen = found
    return true
  }
}

function continues(before: Both, now: Both): boolean {
  return sameStream(before.work, now.work) && sameStream(before.events, now.events)
}

function sameStream(before: StreamState, now: StreamState): boolean {
  return before.created === now.created && now.lastSeq >= before.lastSeq
}
