// Time that moves only when told to, and times as Kubernetes writes them.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rfc3339, rfc3339Micro, sleep } from '../../../src/core/clock.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { NOON } from '../../builders.ts'

describe('times on the API', () => {
  it('have whole seconds, cut and in UTC', () => {
    expect(rfc3339(NOON + 999)).toBe('2026-05-01T12:00:00Z')
  })

  it('of a Lease have six digits: three are refused with 400', () => {
    expect(rfc3339Micro(NOON + 7)).toBe('2026-05-01T12:00:00.007000Z')
  })
})

describe('the virtual clock', () => {
  it('stands still until it is advanced', () => {
    const clock = new VirtualClock(NOON)
    expect([clock.now(), clock.monotonic()]).toEqual([NOON, 0])
    clock.advance(1500)
    expect([clock.now(), clock.monotonic()]).toEqual([NOON + 1500, 1500])
  })

  it('fires timers in order of time, then of arming, each at its own time', () => {
    const clock = new VirtualClock(NOON)
    const fired: [string, number][] = []
    const note = (name: string) => () => fired.push([name, clock.monotonic()])
    clock.after(20, note('c'))
    clock.after(10, note('a'))
    clock.after(10, note('b'))
    clock.advance(15)
    expect(fired).toEqual([
      ['a', 10],
      ['b', 10],
    ])
    clock.advance(5)
    expect(fired.at(-1)).toEqual(['c', 20])
    expect(clock.pendingTimers).toBe(0)
  })

  it('fires timers that a timer arms, as far as they fall due', () => {
    const clock = new VirtualClock()
    let ticks = 0
    const tick = (): void => {
      ticks += 1
      clock.after(10, tick)
    }
    clock.after(10, tick)
    clock.advance(35)
    expect(ticks).toBe(3)
  })

  it('takes a negative wait as none, and fires only when advanced', () => {
    const clock = new VirtualClock()
    let fired = false
    clock.after(-5, () => {
      fired = true
    })
    expect(fired).toBe(false)
    clock.advance(0)
    expect(fired).toBe(true)
  })

  it('does not fire what was cancelled, and cancelling again does nothing', () => {
    const clock = new VirtualClock()
    const cancel = clock.after(10, () => {
      throw new Error('fired')
    })
    cancel()
    cancel()
    clock.advance(100)
  })

  it('steps the wall clock alone: timers and the monotonic clock do not notice', () => {
    const clock = new VirtualClock(NOON)
    let at = -1
    clock.after(10, () => {
      at = clock.monotonic()
    })
    clock.stepWall(-3_600_000)
    clock.advance(10)
    expect(at).toBe(10)
    expect(clock.now()).toBe(NOON - 3_600_000 + 10)
  })

  it('lets promises run between timers when advanced so', async () => {
    const clock = new VirtualClock()
    const seen: number[] = []
    async function loop(): Promise<void> {
      for (let i = 0; i < 3; i++) {
        await sleep(clock, 10)
        seen.push(clock.monotonic())
      }
    }
    void loop()
    await clock.advanceAsync(100)
    expect(seen).toEqual([10, 20, 30])
  })
})

describe('sleep', () => {
  it('ends early and without an error when the signal is aborted, and leaves no timer', async () => {
    const clock = new VirtualClock()
    const stop = new AbortController()
    const slept = sleep(clock, 1000, stop.signal)
    stop.abort()
    await slept
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not begin when the signal is aborted already', async () => {
    const clock = new VirtualClock()
    await sleep(clock, 1000, AbortSignal.abort())
    expect(clock.pendingTimers).toBe(0)
  })

  it('takes no signal for more than one sleep', async () => {
    const clock = new VirtualClock()
    const stop = new AbortController()
    const first = sleep(clock, 10, stop.signal)
    await clock.advanceAsync(10)
    await first
    stop.abort()
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('the seeded generator', () => {
  it('gives the same sequence for the same seed, another for another', () => {
    const first = (seed: number) => {
      const random = new SeededRandom(seed)
      return Array.from({ length: 5 }, () => random.uniform())
    }
    expect(first(1)).toEqual(first(1))
    expect(first(1)).not.toEqual(first(2))
  })

  it('gives numbers in [0, 1) and bytes, evenly', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new SeededRandom(seed)
        const rolls = Array.from({ length: 200 }, () => random.uniform())
        for (const roll of rolls) {
          expect(roll).toBeGreaterThanOrEqual(0)
          expect(roll).toBeLessThan(1)
        }
        const mean = rolls.reduce((a, b) => a + b) / rolls.length
        expect(Math.abs(mean - 0.5)).toBeLessThan(0.2)
        expect(random.bytes(16)).toHaveLength(16)
      }),
    )
  })
})
