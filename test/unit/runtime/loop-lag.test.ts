// The lag of the event loop, on a clock whose timers can be late.

import { describe, expect, it } from 'vitest'
import type { Cancel, Clock } from '../../../src/core/clock.ts'
import { LoopLag } from '../../../src/runtime/loop-lag.ts'

/** Fires its one timer when told, however late. */
class LateClock implements Clock {
  #now = 0
  #timer: { readonly at: number; readonly fn: () => void } | null = null

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  after(delayMs: number, fn: () => void): Cancel {
    const timer = { at: this.#now + delayMs, fn }
    this.#timer = timer
    return () => {
      if (this.#timer === timer) this.#timer = null
    }
  }

  pass(ms: number): void {
    this.#now += ms
  }

  fire(): void {
    const timer = this.#timer
    this.#timer = null
    timer?.fn()
  }

  get armed(): boolean {
    return this.#timer !== null
  }
}

function lag() {
  const clock = new LateClock()
  const seen: number[] = []
  return { clock, seen, lag: new LoopLag({ clock, observe: (ms) => seen.push(ms) }) }
}

describe('the lag', () => {
  it('is what a timer fires too late', async () => {
    const t = lag()
    await t.lag.start()
    t.clock.pass(500)
    t.clock.fire()
    t.clock.pass(730)
    t.clock.fire()
    expect(t.seen).toEqual([0, 230])
    expect(t.lag.lagMs).toBe(230)
  })

  it('of a loop that is busy right now is seen before its timer fires', async () => {
    const t = lag()
    await t.lag.start()
    t.clock.pass(4500)
    expect(t.lag.lagMs).toBe(4000)
  })

  it('is nothing before the start and after the stop, and no timer is left', async () => {
    const t = lag()
    t.clock.pass(9000)
    expect(t.lag.lagMs).toBe(0)
    await t.lag.start()
    await t.lag.start()
    await t.lag.stop()
    await t.lag.start()
    expect(t.clock.armed).toBe(false)
  })
})
