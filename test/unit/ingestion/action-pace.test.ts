// How fast an action works through its targets.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { paceOf, takeDue } from '../../../src/ingestion/action-pace.ts'

describe('the pace', () => {
  it('lets the first target through at once, and says nothing is due before its time', () => {
    const first = takeDue(paceOf(10, 0), 0)
    expect(first.due).toBe(1)
    expect(takeDue(first.pace, 99).due).toBe(0)
    expect(takeDue(first.pace, 100).due).toBe(1)
  })

  it('is 50 a second when nothing is asked for', () => {
    expect(paceOf(undefined, 0).intervalMs).toBe(20)
  })

  it('makes up for no more than a tenth of a second', () => {
    const { pace } = takeDue(paceOf(1000, 0), 0)
    expect(takeDue(pace, 60_000).due).toBe(101)
  })

  it('is never faster than asked for, over any time, but for that tenth', () => {
    const looks = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 2, maxLength: 60 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), looks, (rate, gaps) => {
        let pace = paceOf(rate, 0)
        let now = 0
        const taken: { at: number; due: number }[] = []
        for (const gap of gaps) {
          now += gap
          const next = takeDue(pace, now)
          pace = next.pace
          taken.push({ at: now, due: next.due })
        }
        for (const [i, { at: from }] of taken.entries()) {
          let sum = 0
          for (const { at, due } of taken.slice(i)) {
            sum += due
            expect(sum).toBeLessThanOrEqual((rate * (at - from + 100)) / 1000 + 1.000001)
          }
        }
      }),
    )
  })

  it('gets there: a look each interval takes a target each', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (rate) => {
        let pace = paceOf(rate, 0)
        let sum = 0
        for (let ms = 0; ms <= 10_000; ms += 50) {
          const next = takeDue(pace, ms)
          pace = next.pace
          sum += next.due
        }
        expect(sum).toBeGreaterThanOrEqual(Math.floor(rate * 10 * 0.99))
      }),
    )
  })
})
