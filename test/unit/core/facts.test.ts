// The fact of an outcome, and which facts only inform.

import { describe, expect, it } from 'vitest'
import { onlyInforms, outcomeFact } from '../../../src/core/facts.ts'
import { aPlace, aReport, epoch, NOON, SUCCEEDED } from '../../builders.ts'
import * as facts from '../persistence/facts.ts'

describe('outcomeFact', () => {
  it('takes over the report, and its times by the clock of the operator', () => {
    const report = aReport({ startedAgoMs: 5000, durationMs: 2000, runId: 'r1' })
    expect(outcomeFact(report, aPlace(), NOON, 0.25)).toEqual({
      kind: 'outcome',
      epoch: epoch(1),
      attempt: 1,
      runId: 'r1',
      place: aPlace(),
      outcome: SUCCEEDED,
      startedAt: NOON - 5000,
      endedAt: NOON - 3000,
      roll: 0.25,
    })
  })

  it.each([
    ['that never started', { startedAgoMs: 0, durationMs: 0 }],
    ['that claims to have run longer than since its start', { startedAgoMs: 10, durationMs: 9999 }],
  ])('of an attempt %s ends now, never later', (_says, times) => {
    expect(outcomeFact(aReport(times), aPlace(), NOON, 0)).toMatchObject({ endedAt: NOON })
  })
})

describe('onlyInforms', () => {
  it.each([
    ['waiting', facts.waiting(), true],
    ['progress', facts.progress(), true],
    ['seen', facts.seen, false],
    ['refused', facts.refused(), false],
    ['running', facts.running(), false],
    ['outcome', facts.outcome(), false],
    ['lost', facts.lost(), false],
    ['overdue', facts.overdue(), false],
    ['stuck', facts.stuck(), false],
    ['cancel', facts.cancel(), false],
    ['expired', facts.expired(), false],
  ])('%s: %s', (_kind, fact, want) => {
    expect(onlyInforms(fact)).toBe(want)
  })
})
