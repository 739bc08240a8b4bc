/**
 * A clock that moves only when told to. Tests and the simulator run services on it: `advance` fires
 * every timer that falls due, in order, so hours pass in microseconds and each run is the same.
 */
import type { Cancel, Clock, MonoMs, Random, WallMs } from './clock.ts'

interface Timer {
  readonly at: MonoMs
  readonly order: number
  readonly fn: () => void
}

export class VirtualClock implements Clock {
  #mono: MonoMs = 0
  #wall: WallMs
  #order = 0
  #timers = new Set<Timer>()

  constructor(wallStart: WallMs = Date.UTC(2026, 0, 1)) {
    this.#wall = wallStart
  }

  now(): WallMs {
    return this.#wall
  }

  monotonic(): MonoMs {
    return this.#mono
  }

  after(delayMs: number, fn: () => void): Cancel {
    const timer: Timer = { at: this.#mono + Math.max(0, delayMs), order: this.#order++, fn }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /** Moves time by `ms`, firing due timers in order of time, then of arming. */
  advance(ms: number): void {
    const end = this.#mono + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next)
      this.#wall += next.at - this.#mono
      this.#mono = next.at
      next.fn()
    }
    this.#wall += end - this.#mono
    this.#mono = end
  }

  /** As `advance`, but lets promise callbacks run between timers. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#mono + ms
    await settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.advance(next.at - this.#mono)
      await settle()
    }
    this.advance(end - this.#mono)
    await settle()
  }

  /** Steps the wall clock alone, as an administrator or NTP would. */
  stepWall(ms: number): void {
    this.#wall += ms
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  #next(end: MonoMs): Timer | undefined {
    let best: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.at > end) continue
      if (!best || timer.at < best.at || (timer.at === best.at && timer.order < best.order)) {
        best = timer
      }
    }
    return best
  }
}

/** Lets every promise callback that is ready run, however deeply they chain. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** A small deterministic generator (mulberry32): one seed, one sequence. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.uniform() * 256))
  }
}
