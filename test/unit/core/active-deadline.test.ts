// When `activeDeadlineSeconds` are over: from when the clock counts, and what it stands still for.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  activeDeadlineAt,
  clockLags,
  clockOf,
  NO_STOPS,
  type Pause,
} from '../../../src/core/active-deadline.ts'
import { rfc3339 } from '../../../src/core/clock.ts'
import type { JobRecord } from '../../../src/core/job.ts'
import { aRecord, NOON } from '../../builders.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const at = (minutes: number) => NOON + minutes * MINUTE
const text = (minutes: number) => rfc3339(at(minutes))
const pause = (from: number, to?: number): Pause =>
  to === undefined ? { startTime: text(from) } : { startTime: text(from), endTime: text(to) }

const anHour = (given: Partial<JobRecord> = {}) => aRecord({ activeDeadlineMs: HOUR, ...given })
const waiting = { phase: 'Scheduled' } as const

describe('the deadline', () => {
  const rows: readonly (readonly [string, number | null, Parameters<typeof activeDeadlineAt>])[] = [
    ['counts from the creation', at(60), [anHour(), waiting, NO_STOPS, at(1)]],
    ['counts from startAfter', at(70), [anHour({ notBefore: at(10) }), waiting, NO_STOPS, at(1)]],
    [
      'counts from the end of the last dependency',
      at(65),
      [anHour(), waiting, { pauses: [], readySince: at(5) }, at(6)],
    ],
    [
      'is not known while a dependency has not ended',
      null,
      [anHour(), waiting, { pauses: [], readySince: null }, at(6)],
    ],
    [
      'counts from what is written, after a replay',
      at(90),
      [anHour(), { ...waiting, activeTime: text(30) }, NO_STOPS, at(31)],
    ],
    [
      'is there for a running job, too',
      at(60),
      [anHour(), { phase: 'Running', activeTime: text(0) }, NO_STOPS, at(1)],
    ],
    ['is none without the field', null, [aRecord(), waiting, NO_STOPS, at(1)]],
    ['is none for a job that has ended', null, [anHour(), { phase: 'Completed' }, NO_STOPS, at(1)]],
    [
      'stands still while the job is suspended',
      null,
      [anHour({ suspend: true }), waiting, NO_STOPS, at(99)],
    ],
    [
      'stands still until the end of the suspension is written',
      null,
      [anHour(), { phase: 'Suspended', suspendedTime: text(3) }, NO_STOPS, at(99)],
    ],
    [
      'stands still while the queue is paused',
      null,
      [anHour(), waiting, { pauses: [pause(1, 2), pause(3)], readySince: 0 }, at(99)],
    ],
    [
      'is later by the pauses since it counts, and not by earlier ones',
      at(75),
      [
        anHour(),
        waiting,
        { pauses: [pause(-30, -10), pause(5, 15), pause(20, 25)], readySince: 0 },
        at(30),
      ],
    ],
    [
      'is later by the part of a pause in which it counted',
      at(65),
      [anHour(), waiting, { pauses: [pause(-30, 5)], readySince: 0 }, at(30)],
    ],
  ]
  it.each(rows)('%s', (_says, wanted, given) => {
    expect(activeDeadlineAt(...given)).toBe(wanted)
  })

  it('moves by at most the step when the clock steps', () => {
    const pauses = [pause(5, 10), pause(20, 40)]
    const before = activeDeadlineAt(anHour(), waiting, { pauses, readySince: 0 }, at(50)) ?? 0
    for (const step of [-1440, -60, 60, 1440]) {
      const after =
        activeDeadlineAt(anHour(), waiting, { pauses, readySince: 0 }, at(50 + step)) ?? 0
      expect(Math.abs(after - before)).toBeLessThanOrEqual(Math.abs(step) * MINUTE)
    }
  })
})

describe('the clock in the status', () => {
  it('is nothing for a job without such a deadline', () => {
    expect(clockOf(aRecord(), { phase: 'Suspended' }, NO_STOPS, at(1))).toEqual({})
  })

  it('is written once it runs, not before: its beginning may still be edited', () => {
    const record = anHour({ notBefore: at(10) })
    expect(clockOf(record, waiting, NO_STOPS, at(9))).toEqual({})
    expect(clockOf(record, waiting, NO_STOPS, at(11))).toEqual({ activeTime: text(10) })
  })

  it('lags when a suspension began or ended unwritten', () => {
    const suspended = { phase: 'Suspended', suspendedTime: text(1) } as const
    expect(clockLags(anHour({ suspend: true }), waiting)).toBe(true)
    expect(clockLags(anHour({ suspend: true }), suspended)).toBe(false)
    expect(clockLags(anHour(), suspended)).toBe(true)
    expect(clockLags(aRecord({ suspend: true }), waiting)).toBe(false)
    expect(clockLags(anHour({ suspend: true }), { phase: 'Running' })).toBe(false)
  })

  it('gives a job its time whole, however often it was suspended and its queue paused', () => {
    const span = fc.record({
      what: fc.constantFrom('run', 'suspend', 'pause'),
      minutes: fc.integer({ min: 1, max: 20 }),
    })
    fc.assert(
      fc.property(fc.array(span, { maxLength: 12 }), (spans) => {
        let now = 0
        let ran = 0
        let status: Parameters<typeof clockOf>[1] = { phase: 'Scheduled', activeTime: text(0) }
        const pauses: Pause[] = []
        for (const { what, minutes } of spans) {
          const stops = { pauses, readySince: 0 }
          if (what === 'run') ran += minutes
          if (what === 'pause') pauses.push(pause(now, now + minutes))
          if (what === 'suspend') {
            const held = { ...status, phase: 'Suspended' } as const
            status = {
              ...clockOf(
                anHour({ suspend: true }),
                { ...held, phase: 'Suspended' },
                stops,
                at(now),
              ),
              phase: 'Suspended',
            }
            status = {
              ...clockOf(anHour(), { ...status, phase: 'Scheduled' }, stops, at(now + minutes)),
              phase: 'Scheduled',
            }
          }
          now += minutes
        }
        const due = activeDeadlineAt(anHour(), status, { pauses, readySince: 0 }, at(now)) ?? 0
        const left = (due - at(now)) / MINUTE
        // Never less than what it has not used; a pause that a suspension overlapped may count twice.
        expect(left).toBeGreaterThanOrEqual(60 - ran)
      }),
    )
  })
})
