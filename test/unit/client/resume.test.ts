// What follows the end of a watch, row by row.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { afterEnd, NO_SETBACKS, REFUSALS, type StepEnd } from '../../../src/client/resume.ts'
import { notNow, refusal, silence } from './fake-cluster.ts'

const ended: StepEnd = { kind: 'ended' }
const expired: StepEnd = { kind: 'expired' }
const lost: StepEnd = { kind: 'failed', error: silence() }
const refused: StepEnd = { kind: 'failed', error: refusal() }

const setbacks = (failures: number, refusals = 0) => ({ failures, refusals })

describe('after the end of a watch', () => {
  it.each([
    ['a healthy watch goes on where it was', ended, true, setbacks(0), 'follow'],
    ['a lost one goes on where it was', lost, true, setbacks(3), 'follow'],
    ['one that told nothing is tried once more', ended, false, setbacks(0), 'follow'],
    ['twice without a word, the version is doubted', ended, false, setbacks(1), 'anchor'],
    ['twice lost, the version is doubted', lost, false, setbacks(1), 'anchor'],
    ['an expired version is replaced', expired, false, setbacks(0), 'anchor'],
    ['a fresh version is followed', { kind: 'anchored' } as StepEnd, false, setbacks(9), 'follow'],
    ['a first refusal may pass', refused, false, setbacks(0), 'follow'],
  ] as const)('%s', (_, end, progressed, before, want) => {
    expect(afterEnd(end, progressed, before, 0.5).kind).toBe(want)
  })

  it('the one who came late does not wait for a fresh version', () => {
    expect(afterEnd(expired, false, NO_SETBACKS, 0.5)).toMatchObject({ delayMs: 0 })
    expect(afterEnd(expired, false, setbacks(1), 0.5)).not.toMatchObject({ delayMs: 0 })
  })

  it('a refusal that stays is told', () => {
    const error = refusal()
    const end: StepEnd = { kind: 'failed', error }
    expect(afterEnd(end, false, setbacks(2, REFUSALS - 1), 0)).toEqual({ kind: 'give up', error })
  })

  it('refusals are forgotten after anything else', () => {
    const next = afterEnd(lost, false, setbacks(2, REFUSALS - 1), 0)
    expect(next).toMatchObject({ setbacks: { refusals: 0 } })
  })

  it('a fresh version alone clears no setback: it proves nothing about the watch', () => {
    expect(afterEnd({ kind: 'anchored' }, false, setbacks(4, 2), 0)).toMatchObject({
      setbacks: { failures: 4, refusals: 2 },
    })
  })

  it('waits at least as long as the server asks', () => {
    const end: StepEnd = { kind: 'failed', error: notNow(25_000) }
    expect(afterEnd(end, false, NO_SETBACKS, 0)).toMatchObject({ delayMs: 25_000 })
  })

  it('never spins and never waits for longer than ten seconds by itself', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(ended, expired, lost),
        fc.boolean(),
        fc.nat(1_000),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (end, progressed, failures, roll) => {
          const next = afterEnd(end, progressed, setbacks(failures), roll)
          if (next.kind === 'give up') throw new Error('gave up')
          const late = end.kind === 'expired' && next.setbacks.failures <= 1
          expect(next.delayMs).toBeLessThanOrEqual(10_000)
          if (!late) expect(next.delayMs).toBeGreaterThanOrEqual(100)
        },
      ),
    )
  })
})
