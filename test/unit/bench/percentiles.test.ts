import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { percentile, spreadOf } from '../../../bench/percentiles.ts'

const times = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 })

describe('percentiles', () => {
  it.each([
    ['the middle of three is the median', [10, 20, 30], 50, 20],
    ['of four values half are at or below the second', [1, 2, 3, 4], 50, 2],
    ['the 99th of a hundred is the second largest', oneTo(100), 99, 99],
    ['the 99th of ten is the largest', oneTo(10), 99, 10],
    ['a single value is every percentile', [7], 1, 7],
    ['the 100th is the largest', oneTo(5), 100, 5],
  ])('%s', (_, sorted, percent, want) => {
    expect(percentile(sorted, percent)).toBe(want)
  })

  it('there is none of nothing', () => {
    expect(percentile([], 50)).toBeNaN()
    expect(spreadOf([])).toMatchObject({ count: 0, p50: Number.NaN, max: Number.NaN })
  })

  it('order does not matter, and the given values are left alone', () => {
    const values = [30, 9, 100]
    expect(spreadOf(values)).toEqual({ count: 3, p50: 30, p90: 100, p95: 100, p99: 100, max: 100 })
    expect(values).toEqual([30, 9, 100])
  })

  it('at least the named share of the values is at or below, and with any smaller value less is', () => {
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 100 }), (values, percent) => {
        const sorted = values.toSorted((one, other) => one - other)
        const found = percentile(sorted, percent)
        const share = (limit: (value: number) => boolean) => values.filter(limit).length
        expect(values).toContain(found)
        expect(share((value) => value <= found) * 100).toBeGreaterThanOrEqual(
          percent * values.length,
        )
        expect(share((value) => value < found) * 100).toBeLessThan(percent * values.length)
      }),
    )
  })
})

function oneTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}
