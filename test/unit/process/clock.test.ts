// Real time, on Vitest's timers: they keep Node's habit of firing at once beyond 2^31 − 1 ms.

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { realClock, realRandom } from '../../../src/process/clock.ts'

const NODE_LIMIT = 2 ** 31 - 1
const YEAR = 365 * 86_400_000

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'],
    now: Date.UTC(2026, 0, 1),
  })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('after', () => {
  it('shows the habit that it is there for: Node fires a longer timer at once', () => {
    const fired = vi.fn()
    setTimeout(fired, NODE_LIMIT + 1)
    vi.advanceTimersByTime(10)
    expect(fired).toHaveBeenCalledTimes(1)
  })

  it.each([0, 1, 1500, NODE_LIMIT, NODE_LIMIT + 1, 3 * NODE_LIMIT + 7, YEAR])(
    'fires once after %d ms and not a millisecond before',
    (delayMs) => {
      const fired = vi.fn()
      realClock.after(delayMs, fired)
      if (delayMs > 0) {
        vi.advanceTimersByTime(delayMs - 1)
        expect(fired).not.toHaveBeenCalled()
      }
      vi.advanceTimersByTime(1)
      expect(fired).toHaveBeenCalledTimes(1)
      vi.advanceTimersByTime(YEAR)
      expect(fired).toHaveBeenCalledTimes(1)
    },
  )

  it('takes a negative delay as none', () => {
    const fired = vi.fn()
    realClock.after(-5, fired)
    vi.advanceTimersByTime(1)
    expect(fired).toHaveBeenCalledTimes(1)
  })

  it('waits for ever for Infinity', () => {
    const fired = vi.fn()
    realClock.after(Number.POSITIVE_INFINITY, fired)
    vi.advanceTimersByTime(3 * YEAR)
    expect(fired).not.toHaveBeenCalled()
  })

  it('refuses a delay that is no number instead of firing at once', () => {
    expect(() => realClock.after(Number.NaN, () => undefined)).toThrow(RangeError)
  })

  it('never fires once cancelled, in whichever piece of a long wait', () => {
    fc.assert(
      fc.property(fc.nat(4 * NODE_LIMIT), fc.nat(4 * NODE_LIMIT), (delayMs, passedMs) => {
        const fired = vi.fn()
        const cancel = realClock.after(delayMs + passedMs + 1, fired)
        vi.advanceTimersByTime(passedMs)
        cancel()
        cancel()
        vi.advanceTimersByTime(5 * NODE_LIMIT)
        expect(fired).not.toHaveBeenCalled()
      }),
      { numRuns: 50 },
    )
  })
})

describe('the clocks', () => {
  it('reads wall time from the system and moves on with it', () => {
    expect(realClock.now()).toBe(Date.UTC(2026, 0, 1))
    vi.advanceTimersByTime(1000)
    expect(realClock.now()).toBe(Date.UTC(2026, 0, 1) + 1000)
  })

  it('keeps the monotonic clock when somebody sets the wall clock', () => {
    const before = realClock.monotonic()
    vi.setSystemTime(Date.UTC(2020, 0, 1))
    expect(realClock.monotonic()).toBe(before)
  })
})

describe('random', () => {
  it('draws from [0, 1)', () => {
    const drawn = Array.from({ length: 1000 }, () => realRandom.uniform())
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true)
    expect(new Set(drawn).size).toBeGreaterThan(990)
  })

  it('gives as many bytes as asked, other ones each time', () => {
    expect(realRandom.bytes(16)).toHaveLength(16)
    expect(realRandom.bytes(0)).toHaveLength(0)
    expect(realRandom.bytes(16)).not.toEqual(realRandom.bytes(16))
  })
})
