// Which of two jobs goes first.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareJobs } from '../../../src/scheduler/ordering.ts'
import { aRecord, NOON, uid } from '../../builders.ts'
import { jobs, manyJobs } from './arbitrary.ts'

const submitted = (creationMs: number, firstSeen: number) => ({ creationMs, firstSeen })

describe('compareJobs', () => {
  it.each([
    [
      'a higher priority goes first, however late it came',
      aRecord({ priority: 1, submission: submitted(NOON + 5000, 9) }),
      aRecord({ priority: 2, submission: submitted(NOON, 1) }),
    ],
    [
      'of one priority the earlier created goes first',
      aRecord({ submission: submitted(NOON, 9), uid: uid(2) }),
      aRecord({ submission: submitted(NOON + 1000, 1), uid: uid(1) }),
    ],
    [
      'of one second the one first seen at the lower version goes first',
      aRecord({ submission: submitted(NOON, 9), uid: uid(2) }),
      aRecord({ submission: submitted(NOON, 10), uid: uid(1) }),
    ],
    [
      'what is equal in all this is told apart by uid',
      aRecord({ uid: uid(1) }),
      aRecord({ uid: uid(2) }),
    ],
  ])('%s', (_says, first, second) => {
    expect(compareJobs(first, second)).toBeLessThan(0)
    expect(compareJobs(second, first)).toBeGreaterThan(0)
  })

  it('is 0 for the job itself only', () => {
    fc.assert(
      fc.property(jobs(1), jobs(2), (a, b) => {
        expect(compareJobs(a, { ...a })).toBe(0)
        expect(compareJobs(a, b)).not.toBe(0)
      }),
    )
  })

  it('is a total order: antisymmetric and transitive', () => {
    fc.assert(
      fc.property(jobs(1), jobs(2), jobs(3), (a, b, c) => {
        expect(Math.sign(compareJobs(a, b))).toBe(-Math.sign(compareJobs(b, a)))
        if (compareJobs(a, b) < 0 && compareJobs(b, c) < 0) {
          expect(compareJobs(a, c)).toBeLessThan(0)
        }
      }),
    )
  })

  it('sorts to one order, whatever the order before', () => {
    fc.assert(
      fc.property(
        manyJobs(12).chain((list) =>
          fc.tuple(
            fc.constant(list),
            fc.shuffledSubarray([...list], { minLength: list.length, maxLength: list.length }),
          ),
        ),
        ([list, shuffled]) => {
          expect(shuffled.toSorted(compareJobs)).toEqual(list.toSorted(compareJobs))
        },
      ),
    )
  })
})
