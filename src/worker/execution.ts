/**
 * One attempt being carried out: the state of `attempt.ts` with its timers, the signal of its handler
 * and the promise of its outcome. It moves the state and nothing else; whether and when to abort is
 * said from outside.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import type { Outcome, WorkItem } from '../core/outcome.ts'
import {
  type Abort,
  abortError,
  aborted,
  acknowledged,
  type Decided,
  ended,
  isRunning,
  type Life,
  received,
  started,
  wakeAt,
  woken,
} from './attempt.ts'

export class Execution {
  readonly item: WorkItem
  readonly #clock: Clock
  readonly #controller = new AbortController()
  readonly #decided = Promise.withResolvers<Decided>()
  #life: Life
  #cancelWake: Cancel | null = null
  #handlerEnded: Promise<void> = Promise.resolve()
  /** When the handler last showed that it lives. */
  lastSign: () => MonoMs = () => 0

  constructor(options: {
    readonly item: WorkItem
    readonly requestedAt: MonoMs
    readonly receivedAt: MonoMs
    readonly clock: Clock
  }) {
    this.item = options.item
    this.#clock = options.clock
    this.#life = received(options.requestedAt, options.receivedAt)
  }

  /** Resolves with the outcome; it may be there while the handler still runs. */
  get decided(): Promise<Decided> {
    return this.#decided.promise
  }

  /** Resolves when the handler has really ended; at once when it never started. */
  get handlerEnded(): Promise<void> {
    return this.#handlerEnded
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get startedAt(): MonoMs | null {
    return isRunning(this.#life) ? this.#life.startedAt : null
  }

  /** Started and not decided. */
  get running(): boolean {
    return isRunning(this.#life)
  }

  /** Not started yet, and not decided: acknowledging, or waiting for an older epoch to end. */
  get waiting(): boolean {
    return this.#life.stage === 'received' || this.#life.stage === 'taken'
  }

  abort(abort: Abort): void {
    this.#move(aborted(this.#life, abort, this.#clock.monotonic()))
  }

  acknowledged(confirmed: boolean): void {
    this.#move(acknowledged(this.#life, confirmed, this.#clock.monotonic()))
  }

  /**
   * Runs the handler, unless the attempt was decided before.
   * @param run never rejects
   */
  start(run: () => Promise<Outcome>): void {
    this.#move(started(this.#life, this.item, this.#clock.monotonic()))
    if (!this.running) return
    this.#handlerEnded = run().then((own) => {
      this.#move(ended(this.#life, own, this.#clock.monotonic()))
    })
  }

  #move(next: Life): void {
    const before = this.#life
    if (next === before) return
    this.#life = next
    this.#rearm()
    if (next.stage === 'decided') this.#decided.resolve(next)
    // Last: listeners of the user's run inside.
    if (next.stage === 'ending') this.#controller.abort(abortError(next.abort))
  }

  #rearm(): void {
    this.#cancelWake?.()
    this.#cancelWake = null
    const at = wakeAt(this.#life)
    if (at === null) return
    const inMs = at - this.#clock.monotonic()
    this.#cancelWake = this.#clock.after(inMs, () => {
      this.#move(woken(this.#life, this.#clock.monotonic()))
    })
  }
}
