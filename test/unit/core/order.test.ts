// Which of two jobs goes first inside one fairness key (decision 0017).

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PriorityRank } from '../../../src/core/job.ts'
import {
  compareInClass,
  comparePlaced,
  effectiveRank,
  type Placed,
  readySince,
} from '../../../src/core/order.ts'
import { aRecord, aSubmittedRecord, NOON, uid } from '../../builders.ts'

const AGING = 300_000
const HOUR = 3_600_000

const placed = (n: number, given: Partial<Placed> = {}): Placed => ({
  record: aSubmittedRecord(n),
  rank: 2,
  since: NOON,
  ...given,
})

const rank = fc.integer({ min: 0, max: 4 }).map((value) => value as PriorityRank)
const anyPlaced = fc
  .record({
    n: fc.integer({ min: 1, max: 4 }),
    firstSeen: fc.integer({ min: 1, max: 3 }),
    rank,
    since: fc.integer({ min: -4, max: 4 }).map((step) => NOON + (step * AGING) / 2),
  })
  .map(({ n, firstSeen, ...rest }) => ({
    ...rest,
    record: aRecord({ uid: uid(n), submission: { creationMs: NOON, firstSeen } }),
  }))
const anyTime = fc.integer({ min: -2 * HOUR, max: 2 * HOUR }).map((ms) => NOON + ms)
const anyAging = fc.constantFrom(1_000, AGING, Number.POSITIVE_INFINITY)

describe('row 1, order: the class', () => {
  it.each([
    ['a waiting time below the interval changes nothing', 4, AGING - 1, 4],
    ['one interval lifts by one class', 4, AGING, 3],
    ['four intervals lift Bulk to Critical', 4, 4 * AGING, 0],
    ['nobody rises above Critical', 1, 100 * AGING, 0],
    ['a clock that stepped back ages nobody', 3, -HOUR, 3],
  ] as const)('%s', (_says, base, waited, want) => {
    expect(effectiveRank(base, NOON, NOON + waited, AGING)).toBe(want)
  })

  it('never changes where ageing is switched off', () => {
    expect(effectiveRank(4, NOON, NOON + 1_000 * HOUR, Number.POSITIVE_INFINITY)).toBe(4)
  })

  it('of Bulk after four intervals lets only those go first that could start before it', () => {
    fc.assert(
      fc.property(anyPlaced, fc.integer({ min: 0, max: HOUR }), (other, later) => {
        const bulk = placed(9, { rank: 4 })
        const now = bulk.since + 4 * AGING + later
        if (other.since > bulk.since) expect(comparePlaced(bulk, other, now, AGING)).toBeLessThan(0)
      }),
    )
  })
})

describe('row 1, order: inside a class', () => {
  it('whoever could start earlier goes first', () => {
    const early = placed(2, { since: NOON - 1 })
    expect(comparePlaced(early, placed(1), NOON, AGING)).toBeLessThan(0)
  })

  it('what was created in one second goes in the order in which it was seen', () => {
    expect(comparePlaced(placed(1), placed(2), NOON, AGING)).toBeLessThan(0)
    expect(comparePlaced(placed(2), placed(1), NOON, AGING)).toBeGreaterThan(0)
  })

  it('a job could start from the latest of its creation, its start time and its back-off', () => {
    const record = aRecord({ notBefore: NOON + 5_000 })
    expect(readySince(aRecord(), {})).toBe(NOON)
    expect(readySince(record, {})).toBe(NOON + 5_000)
    expect(readySince(record, { nextAttemptTime: '2026-05-01T12:00:09Z' })).toBe(NOON + 9_000)
    expect(readySince(record, { nextAttemptTime: 'soon' })).toBe(NOON + 5_000)
  })
})

describe('the order is total', () => {
  it('a job is equal to itself alone', () => {
    fc.assert(
      fc.property(anyPlaced, anyPlaced, anyTime, anyAging, (a, b, now, aging) => {
        expect(comparePlaced(a, { ...a }, now, aging)).toBe(0)
        if (a.record.uid !== b.record.uid) expect(comparePlaced(a, b, now, aging)).not.toBe(0)
      }),
    )
  })

  it('it is the same from both sides, and goes on from one to the next', () => {
    fc.assert(
      fc.property(anyPlaced, anyPlaced, anyPlaced, anyTime, anyAging, (a, b, c, now, aging) => {
        const compare = (x: Placed, y: Placed) => Math.sign(comparePlaced(x, y, now, aging))
        expect(compare(a, b)).toBe(0 - compare(b, a))
        if (compare(a, b) < 0 && compare(b, c) < 0) expect(compare(a, c)).toBe(-1)
      }),
    )
  })

  it('jobs of one class keep their order at all times: a heap of them never has to be made anew', () => {
    fc.assert(
      fc.property(anyPlaced, anyPlaced, anyTime, anyAging, (a, other, now, aging) => {
        const b = { ...other, rank: a.rank }
        expect(Math.sign(comparePlaced(a, b, now, aging))).toBe(Math.sign(compareInClass(a, b)))
      }),
    )
  })
})
