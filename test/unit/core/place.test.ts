// The place of a job in words, and the estimates: none without evidence.

import { describe, expect, it } from 'vitest'
import {
  type Place,
  placeByRate,
  placeByStarts,
  spanText,
  standing,
} from '../../../src/core/place.ts'
import { NOON } from '../../builders.ts'

function aPlace(given: Partial<Place> = {}): Place {
  return { ahead: 0, atLeast: false, otherKeys: 0, turnsAhead: 0, startsPerMinute: null, ...given }
}

describe('where it stands', () => {
  it.each([
    [{}, 'it is the next one'],
    [{ ahead: 1 }, '1 job is ahead of it'],
    [{ ahead: 12 }, '12 jobs are ahead of it'],
    [{ ahead: 5000, atLeast: true }, 'at least 5000 jobs are ahead of it'],
    [{ atLeast: true }, 'at least 0 jobs are ahead of it'],
    [
      { ahead: 2, otherKeys: 1 },
      '2 jobs of its fairness key are ahead of it and 1 other key takes turns with it',
    ],
    [
      { ahead: 1, otherKeys: 3 },
      '1 job of its fairness key is ahead of it and 3 other keys take turns with it',
    ],
  ] satisfies [Partial<Place>, string][])('%j: %s', (place, want) => {
    expect(standing(aPlace(place))).toBe(want)
  })
})

describe('when it starts, by what was started lately', () => {
  it('is not estimated where nobody knows, or nothing started', () => {
    expect(placeByStarts(aPlace())).toContain('no estimate: how many start is not known')
    expect(placeByStarts(aPlace({ startsPerMinute: 0 }))).toContain('no estimate: no job of')
  })

  it('takes as many starts as jobs go before it, and its own', () => {
    const place = aPlace({ ahead: 59, startsPerMinute: 20 })
    expect(placeByStarts(place)).toContain('at 20 starts per minute it starts in about 3 min')
  })

  it('takes those of the other keys, too', () => {
    const place = aPlace({ ahead: 9, otherKeys: 3, turnsAhead: 3, startsPerMinute: 20 })
    expect(placeByStarts(place)).toContain('it starts in about 2 min')
  })
})

describe('when it starts, by the rate of its queue', () => {
  const rate = { count: 2, perMs: 60_000, burst: 2 }

  it('is with the next token for the next job', () => {
    const said = placeByRate(aPlace(), rate, NOON + 20_000, NOON)
    expect(said).toBe('it is the next one; it may start in about 20 s')
  })

  it('is one token later for each job ahead', () => {
    const said = placeByRate(aPlace({ ahead: 3 }), rate, NOON + 20_000, NOON)
    expect(said).toContain('it may start in about 110 s')
  })
})

it.each([
  [0, '1 s'],
  [1499, '1 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [7_199_000, '120 min'],
  [7_200_000, '2 h'],
  [172_800_000, '2 d'],
])('%d ms read as %s', (ms, want) => {
  expect(spanText(ms)).toBe(want)
})
