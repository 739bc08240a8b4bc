/**
 * Cuts a watch stream into lines as its bytes arrive. A line that lies in one chunk is decoded in
 * place; only the rest at a chunk's end is kept, and never more than `maxBytes` of it.
 */
import { isUtf8 } from 'node:buffer'

const NEWLINE = 0x0a

export type LineProblem = 'line too long' | 'not UTF-8'

export class LineCutter {
  readonly #maxBytes: number
  #rest: Buffer[] = []
  #restBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes of a line whose end has not come: not 0 at the end of a stream = a cut line. */
  get pending(): number {
    return this.#restBytes
  }

  /**
   * Hands each complete line to `line` until that returns false.
   * @returns what is wrong with the stream, or null
   */
  push(chunk: Buffer, line: (text: string) => boolean): LineProblem | null {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const bytes = this.#complete(chunk.subarray(from, end))
      from = end + 1
      if (bytes.length > this.#maxBytes) return 'line too long'
      if (!isUtf8(bytes)) return 'not UTF-8'
      if (bytes.length > 0 && !line(bytes.toString('utf8'))) return null
    }
    if (from < chunk.length) {
      this.#rest.push(chunk.subarray(from))
      this.#restBytes += chunk.length - from
    }
    return this.#restBytes > this.#maxBytes ? 'line too long' : null
  }

  #complete(tail: Buffer): Buffer {
    if (this.#restBytes === 0) return tail
    const whole = Buffer.concat([...this.#rest, tail])
    this.#rest = []
    this.#restBytes = 0
    return whole
  }
}
