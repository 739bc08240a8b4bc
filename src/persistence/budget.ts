/**
 * The information budget (architecture.md, rule 2): writes that only inform — why a job waits, how far
 * it is — may take 5 % of the write rate and 20 a second. The newest state of each job is kept, the
 * newest job is told first, and what is overtaken before its turn costs nothing.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import type { JobUid } from '../core/ids.ts'

export interface BudgetRates {
  /** Informing writes a second at most. */
  readonly perSecond: number
  /** Share of the write rate while the writer is busy, 0 … 1. */
  readonly share: number
}

export interface BudgetState {
  readonly tokens: number
  readonly at: MonoMs
  /** All writes at that time. */
  readonly written: number
}

/**
 * Tokens after the time that passed. An idle writer leaves room for the whole rate; a busy one for
 * its share only, and never less than one in a second, so that nothing stays untold for ever.
 */
export function refill(
  state: BudgetState,
  now: MonoMs,
  written: number,
  busy: boolean,
  rates: BudgetRates,
): BudgetState {
  const seconds = Math.max(0, now - state.at) / 1000
  const shared = Math.max(seconds, (written - state.written) * rates.share)
  const gained = busy ? Math.min(shared, seconds * rates.perSecond) : seconds * rates.perSecond
  return { tokens: Math.min(rates.perSecond, state.tokens + gained), at: now, written }
}

export interface InformerOptions {
  readonly clock: Clock
  readonly rates: BudgetRates
  /** What the status writer does now; read at each refill. */
  readonly load: { readonly written: number; readonly busy: boolean }
  readonly write: (uid: JobUid, fact: Fact) => Promise<unknown>
}

const TICK_MS = 100

/** Holds informing facts back until the budget has room. */
export class Informer {
  readonly #options: InformerOptions
  /** Insertion order: the last is the newest. */
  readonly #held = new Map<JobUid, Fact>()
  #state: BudgetState
  #timer: Cancel | null = null

  constructor(options: InformerOptions) {
    this.#options = options
    this.#state = {
      tokens: options.rates.perSecond,
      at: options.clock.monotonic(),
      written: options.load.written,
    }
  }

  inform(uid: JobUid, fact: Fact): void {
    // Switched off: what will never be told is not kept.
    if (this.#options.rates.perSecond === 0) return
    this.#held.delete(uid)
    this.#held.set(uid, fact)
    this.#timer ??= this.#options.clock.after(0, () => this.#release())
  }

  /** Writes that only inform and could be made now. */
  get tokens(): number {
    this.#refill()
    return this.#state.tokens
  }

  /** The job moved on: what was to be told is no longer so. */
  withdraw(uid: JobUid): void {
    this.#held.delete(uid)
  }

  /** Everything that asks for room in the budget, Events too: true = take one token. */
  tryTake(): boolean {
    this.#refill()
    if (this.#state.tokens < 1) return false
    this.#state = { ...this.#state, tokens: this.#state.tokens - 1 }
    return true
  }

  stop(): void {
    this.#timer?.()
    this.#timer = null
    this.#held.clear()
  }

  #refill(): void {
    const { clock, load, rates } = this.#options
    this.#state = refill(this.#state, clock.monotonic(), load.written, load.busy, rates)
  }

  #release(): void {
    this.#timer = null
    for (const [uid, fact] of [...this.#held].reverse()) {
      if (!this.tryTake()) break
      this.#held.delete(uid)
      void this.#options.write(uid, fact)
    }
    if (this.#held.size > 0) {
      this.#timer = this.#options.clock.after(TICK_MS, () => this.#release())
    }
  }
}
