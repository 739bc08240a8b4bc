// How long to wait before trying again.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BackoffPolicy, backoffMs, DEFAULT_BACKOFF } from '../../../src/core/backoff.ts'

const MIDDLE = 0.5
const curve = (policy: Partial<BackoffPolicy>, failures: readonly number[]) =>
  failures.map((n) => backoffMs({ ...DEFAULT_BACKOFF, jitter: 0, ...policy }, n, MIDDLE))

describe('backoffMs', () => {
  it.each<[Partial<BackoffPolicy>, readonly number[]]>([
    [{ strategy: 'Constant' }, [1000, 1000, 1000, 1000]],
    [{ strategy: 'Linear' }, [1000, 2000, 3000, 4000]],
    [{ strategy: 'Exponential' }, [1000, 2000, 4000, 8000]],
    [{ strategy: 'Exponential', multiplier: 1.5 }, [1000, 1500, 2250, 3375]],
    [{ strategy: 'Exponential', multiplier: 1 }, [1000, 1000, 1000, 1000]],
    [{ strategy: 'Exponential', maxMs: 3000 }, [1000, 2000, 3000, 3000]],
    [{ strategy: 'Linear', initialMs: 0 }, [0, 0, 0, 0]],
  ])('with %j gives %j', (policy, want) => {
    expect(curve(policy, [1, 2, 3, 4])).toEqual(want)
  })

  it('takes no failure as the first one', () => {
    expect(curve({}, [0, -1])).toEqual([1000, 1000])
  })

  it('spreads by the jitter, either way', () => {
    const policy = { ...DEFAULT_BACKOFF, jitter: 0.1 }
    expect(backoffMs(policy, 1, 0)).toBeCloseTo(900)
    expect(backoffMs(policy, 1, 0.5)).toBeCloseTo(1000)
    expect(backoffMs(policy, 1, 0.999999)).toBeCloseTo(1100, 0)
  })

  it('is a number from 0 to the maximum, however many failures there were', () => {
    const policies = fc.record({
      strategy: fc.constantFrom('Constant', 'Linear', 'Exponential' as const),
      initialMs: fc.integer({ min: 0, max: 86_400_000 }),
      maxMs: fc.integer({ min: 1000, max: 604_800_000 }),
      multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    const rolls = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 1e9 }), rolls, (policy, failures, roll) => {
        const delay = backoffMs(policy, failures, roll)
        expect(delay).toBeGreaterThanOrEqual(0)
        expect(delay).toBeLessThanOrEqual(policy.maxMs)
        expect(backoffMs(policy, failures, roll)).toBe(delay)
      }),
    )
  })

  it('never shrinks from one failure to the next with the same roll', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (n) => {
        const [now = 0, next = 0] = curve({}, [n, n + 1])
        expect(next).toBeGreaterThanOrEqual(now)
      }),
    )
  })
})
