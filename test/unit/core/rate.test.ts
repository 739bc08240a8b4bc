import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { afterStart, afterStarts, FULL, nextStartAt } from '../../../src/core/rate.ts'

const anyLimit = fc.record({
  count: fc.integer({ min: 1, max: 50 }),
  perMs: fc.constantFrom(1_000, 7_000, 60_000),
  burst: fc.integer({ min: 1, max: 20 }),
})

describe('row 4, limits: the rate', () => {
  it('lets a whole burst start at once after a pause, and then one in each part of the period', () => {
    const limit = { count: 2, perMs: 1_000, burst: 3 }
    let full = FULL
    const at: number[] = []
    for (let now = 0; at.length < 6; now += 1) {
      while (now >= nextStartAt(limit, full)) {
        full = afterStart(limit, full, now)
        at.push(now)
      }
    }
    expect(at).toEqual([0, 0, 0, 500, 1_000, 1_500])
  })

  it('in any interval of length T at most burst + T × count / perMs start', () => {
    const waits = fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 80 })
    fc.assert(
      fc.property(anyLimit, waits, (limit, each) => {
        let [now, full] = [0, FULL]
        const starts: number[] = []
        for (const wait of each) {
          now += wait
          // As many as are allowed, and no more than a cycle could want.
          for (let n = 0; n < 5 && now >= nextStartAt(limit, full); n++) {
            full = afterStart(limit, full, now)
            starts.push(now)
          }
        }
        for (const [first, from] of starts.entries()) {
          for (const [last, to] of starts.entries()) {
            if (last < first) continue
            const most = limit.burst + ((to - from) * limit.count) / limit.perMs
            expect(last - first + 1).toBeLessThanOrEqual(most + 1e-6)
          }
        }
      }),
    )
  })

  it('never holds longer than one token takes', () => {
    fc.assert(
      fc.property(anyLimit, fc.integer({ min: 1, max: 100 }), (limit, count) => {
        let [now, full] = [0, FULL]
        for (let n = 0; n < count; n++) {
          const next = Math.max(now, nextStartAt(limit, full))
          expect(next - now).toBeLessThanOrEqual(limit.perMs / limit.count + 1e-6)
          now = next
          full = afterStart(limit, full, now)
        }
      }),
    )
  })

  it('is the same from the starts that are told as from those that were seen', () => {
    const limit = { count: 3, perMs: 1_000, burst: 2 }
    const starts = [0, 10, 500, 4_000, 4_000]
    let full = FULL
    for (const at of starts) full = afterStart(limit, full, at)
    expect(afterStarts(limit, FULL, starts)).toBe(full)
  })
})
