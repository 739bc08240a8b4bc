/**
 * One line that says how far something is, on standard error, from two seconds after its begin. On a
 * terminal it is written over; elsewhere each change is a line of its own, at most one in ten seconds.
 */
import type { Clock } from '../core/clock.ts'
import { escapeControls } from '../observability/log.ts'
import type { Output, Terminal } from './ports.ts'

const QUIET_MS = 2_000
const LINE_EVERY_MS = 10_000
const WIDTH = 79

export interface ProgressParts {
  readonly output: Output
  readonly terminal: Pick<Terminal, 'redraws'>
  readonly clock: Clock
}

export class Progress {
  readonly #parts: ProgressParts
  readonly #begun: number
  readonly #disarm: () => void
  #said = ''
  #shown = ''
  #shownAt = Number.NEGATIVE_INFINITY
  #ended = false

  constructor(parts: ProgressParts) {
    this.#parts = parts
    this.#begun = parts.clock.monotonic()
    // What was said during the quiet time is shown at its end, also when nothing new is said.
    this.#disarm = parts.clock.after(QUIET_MS, () => this.#show())
  }

  say(text: string): void {
    this.#said = escapeControls(text)
    this.#show()
  }

  /** Leaves no half of a line behind. */
  end(): void {
    this.#disarm()
    this.#ended = true
    if (this.#shown !== '' && this.#parts.terminal.redraws) this.#parts.output.note(CLEAR)
  }

  #show(): void {
    const { clock, terminal, output } = this.#parts
    const now = clock.monotonic()
    const quiet = now - this.#begun < QUIET_MS
    if (this.#ended || quiet || this.#said === '' || this.#said === this.#shown) return
    if (terminal.redraws) {
      output.note(`${CLEAR}${this.#said.slice(0, WIDTH)}`)
    } else {
      if (now - this.#shownAt < LINE_EVERY_MS) return
      output.note(`${this.#said}\n`)
    }
    this.#shown = this.#said
    this.#shownAt = now
  }
}

/** Back to the begin of the line, which is emptied. */
const CLEAR = '\r\u001b[K'
