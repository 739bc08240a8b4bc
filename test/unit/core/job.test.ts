// The state machine of a job.

import { describe, expect, it } from 'vitest'
import { PHASES, type Phase, TERMINAL_PHASES, WAITING_PHASES } from '../../../src/api/conditions.ts'
import { isTerminal, isWaiting, mayMove, openEpoch, recordedEpoch } from '../../../src/core/job.ts'

describe('a phase', () => {
  it.each(PHASES)('%s is waiting, running or ended, and one of them only', (phase) => {
    const kinds = [isWaiting(phase), phase === 'Running', isTerminal(phase)]
    expect(kinds.filter(Boolean)).toHaveLength(1)
  })

  it('is terminal or waiting as the API says', () => {
    expect(PHASES.filter(isTerminal)).toEqual(TERMINAL_PHASES)
    expect(PHASES.filter(isWaiting)).toEqual(WAITING_PHASES)
  })
})

describe('mayMove', () => {
  const pairs = (from: readonly Phase[], to: readonly Phase[]) =>
    from.flatMap((a) => to.filter((b) => b !== a).map((b) => [a, b] as const))
  const written = WAITING_PHASES.filter((phase) => phase !== 'Pending')

  it.each(PHASES)('%s may stay', (phase) => {
    expect(mayMove(phase, phase)).toBe(true)
  })

  it.each(pairs(WAITING_PHASES, [...written, 'Running', ...TERMINAL_PHASES]))(
    'from %s to %s',
    (from, to) => {
      expect(mayMove(from, to)).toBe(true)
    },
  )

  it.each(pairs(['Running'], [...written, ...TERMINAL_PHASES]))('from %s to %s', (from, to) => {
    expect(mayMove(from, to)).toBe(true)
  })

  it.each(pairs(PHASES, ['Pending']))(
    'never from %s back to %s, what nobody has written',
    (from, to) => {
      expect(mayMove(from, to)).toBe(false)
    },
  )

  const leaving = pairs(TERMINAL_PHASES, PHASES).filter(
    ([from, to]) => !(from === 'DeadLettered' && to === 'Cancelled') && to !== 'Pending',
  )
  it.each(leaving)('from %s to %s only by a replay, and never to another end', (from, to) => {
    expect(mayMove(from, to)).toBe(false)
    expect(mayMove(from, to, true)).toBe(!isTerminal(to))
  })

  it('a dead letter may be discarded', () => {
    expect(mayMove('DeadLettered', 'Cancelled')).toBe(true)
  })
})

describe('the recorded epoch', () => {
  it('is 0 for a job that was never written', () => {
    expect(recordedEpoch({ observedGeneration: -1, phase: 'Pending' })).toBe(0)
  })

  it.each(PHASES)('is open in the phase Running only: %s (S3)', (phase) => {
    const status = { observedGeneration: 1, phase, epoch: 7 }
    expect(recordedEpoch(status)).toBe(7)
    expect(openEpoch(status)).toBe(phase === 'Running' ? 7 : 0)
  })
})
