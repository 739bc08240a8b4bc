/**
 * Creates one object exactly once, although answers get lost.
 *
 *   TRY ─ created ──────────────────────────────▶ done
 *    │ ├─ exists, nothing unknown before ──▶ a chosen name is taken; a made one is made anew ─▶ TRY
 *    │ ├─ exists, after an unknown outcome ─▶ LOOK: ours ─▶ done; another's ─▶ taken
 *    │ ├─ not now (429, unreachable) ───────▶ wait ─▶ TRY
 *    │ ├─ unknown (timeout, reset, 5xx) ────▶ wait ─▶ TRY with the same name
 *    │ └─ refused ─▶ error; after an unknown outcome first LOOK (the lost one may have used up a quota)
 *    └─ deadline ─▶ the last error, or `unknown` when one outcome was
 *
 * The name is what makes a repetition safe: the API server holds at most one object of it. One hole
 * remains, and is closed by not repeating: an object that may be gone again before the repetition (a
 * job that is deleted seconds after its end) would be created, and run, twice.
 */
import { backoffMs } from '../core/backoff.ts'
import { type Clock, type Random, sleep } from '../core/clock.ts'
import { ApiError } from './errors.ts'
import type { Created } from './ports.ts'

export interface Creation<T> {
  /** The first name, and others if that one is taken; a name of the caller's has no others. */
  readonly name: string
  readonly anotherName: (() => string) | null
  readonly create: (name: string, signal: AbortSignal | undefined) => Promise<Created<T>>
  readonly find: (name: string, signal: AbortSignal | undefined) => Promise<T | null>
  /** Whether what was found under the name is what this creation made. */
  readonly own: (found: T) => boolean
  /** False: after an unknown outcome it is only looked for, never created again. */
  readonly repeatable: boolean
}

export interface CreateLimits {
  readonly clock: Clock
  readonly random: Random
  /** For all tries together. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

export type CreateEnd<T> =
  | { readonly kind: 'created'; readonly object: T }
  | { readonly kind: 'taken'; readonly name: string }
  | { readonly kind: 'unknown'; readonly name: string; readonly cause: unknown }

const PACE = {
  strategy: 'Exponential',
  initialMs: 100,
  maxMs: 5_000,
  multiplier: 2,
  jitter: 0.5,
} as const

/** More names in a row cannot be taken by chance. */
const MAX_NAMES = 5

/** @throws ApiError when the API server refused it, or could not be reached within the time */
export function createOnce<T>(creation: Creation<T>, limits: CreateLimits): Promise<CreateEnd<T>> {
  return new Attempt(creation, limits).run()
}

type Step<T> = CreateEnd<T> | 'again'

class Attempt<T> {
  readonly #creation: Creation<T>
  readonly #limits: CreateLimits
  readonly #until: number
  #name: string
  #names = 1
  #failures = 0
  /** The outcome of an earlier try is not known. */
  #uncertain = false

  constructor(creation: Creation<T>, limits: CreateLimits) {
    this.#creation = creation
    this.#limits = limits
    this.#until = limits.clock.monotonic() + limits.timeoutMs
    this.#name = creation.name
  }

  async run(): Promise<CreateEnd<T>> {
    for (;;) {
      this.#limits.signal?.throwIfAborted()
      try {
        const step =
          this.#uncertain && !this.#creation.repeatable ? await this.#await() : await this.#try()
        if (step !== 'again') return step
      } catch (error) {
        this.#limits.signal?.throwIfAborted()
        if (!(error instanceof ApiError)) throw error
        this.#uncertain ||= error.failure === 'transient'
        const over = error.failure === 'terminal' || !(await this.#pause(error.retryAfterMs))
        if (over) return this.#giveUp(error)
      }
    }
  }

  async #try(): Promise<Step<T>> {
    const answer = await this.#creation.create(this.#name, this.#limits.signal)
    if (answer.kind === 'created') return answer
    if (this.#uncertain) return this.#look()
    return this.#rename() ? 'again' : { kind: 'taken', name: this.#name }
  }

  #rename(): boolean {
    const { anotherName } = this.#creation
    if (!anotherName || this.#names >= MAX_NAMES) return false
    this.#names++
    this.#name = anotherName()
    return true
  }

  /** After an unknown outcome: what is there under the name? */
  async #look(): Promise<CreateEnd<T>> {
    const found = await this.#creation.find(this.#name, this.#limits.signal)
    if (found === null) return { kind: 'unknown', name: this.#name, cause: undefined }
    if (this.#creation.own(found)) return { kind: 'created', object: found }
    return { kind: 'taken', name: this.#name }
  }

  /** Not to be sent again: the lost request may still be on its way, so it is looked for until the end. */
  async #await(): Promise<Step<T>> {
    const found = await this.#look()
    return found.kind === 'unknown' && (await this.#pause(0)) ? 'again' : found
  }

  async #giveUp(cause: ApiError): Promise<CreateEnd<T>> {
    if (!this.#uncertain) throw cause
    const unknown = { kind: 'unknown', name: this.#name, cause } as const
    const found = await this.#look().catch(() => unknown)
    return found.kind === 'unknown' ? unknown : found
  }

  /** False: the time is over. */
  async #pause(atLeastMs: number): Promise<boolean> {
    const { clock, random, signal } = this.#limits
    this.#failures++
    const delay = Math.max(atLeastMs, backoffMs(PACE, this.#failures, random.uniform()))
    if (clock.monotonic() + delay >= this.#until) return false
    await sleep(clock, delay, signal)
    return true
  }
}
