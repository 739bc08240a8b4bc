/**
 * How often something happened lately, for each of many keys: a ring of short steps, so that a thousand
 * keys cost a few kilobytes and a rate falls to zero by itself when nothing happens.
 */
import type { MonoMs } from '../core/clock.ts'

const STEPS = 12

interface Ring {
  readonly counts: number[]
  /** Number of the newest step that was counted in. */
  step: number
}

export class RateWindow {
  readonly #stepMs: number
  readonly #rings = new Map<string, Ring>()

  /** @param windowMs over which is counted */
  constructor(windowMs: number) {
    this.#stepMs = windowMs / STEPS
  }

  count(key: string, now: MonoMs): void {
    let ring = this.#rings.get(key)
    if (!ring) {
      ring = { counts: new Array<number>(STEPS).fill(0), step: this.#step(now) }
      this.#rings.set(key, ring)
    }
    this.#turn(ring, now)
    const at = ring.step % STEPS
    ring.counts[at] = (ring.counts[at] ?? 0) + 1
  }

  /** Within the window. A key that counts nothing any more is forgotten. */
  of(key: string, now: MonoMs): number {
    const ring = this.#rings.get(key)
    if (!ring) return 0
    this.#turn(ring, now)
    const sum = ring.counts.reduce((a, b) => a + b, 0)
    if (sum === 0) this.#rings.delete(key)
    return sum
  }

  get size(): number {
    return this.#rings.size
  }

  #turn(ring: Ring, now: MonoMs): void {
    const step = this.#step(now)
    const passed = Math.min(STEPS, step - ring.step)
    for (let n = 1; n <= passed; n++) ring.counts[(ring.step + n) % STEPS] = 0
    ring.step = Math.max(ring.step, step)
  }

  #step(now: MonoMs): number {
    return Math.floor(now / this.#stepMs)
  }
}
