// Durations, times, labels and what else people type.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../../src/cli/exit.ts'
import { msOfLocal, timeText } from '../../../src/cli/times.ts'
import {
  ageText,
  countOf,
  dependencyOf,
  durationText,
  labelOf,
  labelsOf,
  momentOf,
  phaseOf,
  priorityOf,
  secondsOf,
  timeOf,
} from '../../../src/cli/values.ts'
import { hostileText } from '../../hostile-text.ts'

const YEARS = 315_360_000

describe('a duration', () => {
  it.each([
    ['90', 90],
    ['90s', 90],
    ['15m', 900],
    ['1h30m', 5_400],
    ['2d', 172_800],
    ['1d2h3m4s', 93_784],
    ['0', 0],
    ['0s', 0],
    ['3650d', YEARS],
  ])('%s is %i seconds', (text, seconds) => expect(secondsOf(text)).toBe(seconds))

  it.each([
    '',
    'h',
    '1',
    '-1',
    '1.5h',
    '1 h',
    '30m1h',
    '1h1h',
    'PT1H',
    '1w',
    '3651d',
    '99999999999',
  ])('%j is refused or whole seconds', (text) => {
    if (text === '1') expect(secondsOf(text)).toBe(1)
    else expect(() => secondsOf(text)).toThrow(UsageError)
  })

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: YEARS }), (seconds) => {
        expect(secondsOf(durationText(seconds))).toBe(seconds)
      }),
    )
  })

  it('is a duration or a UsageError, whatever was typed', () => {
    fc.assert(
      fc.property(fc.oneof(hostileText(), fc.stringMatching(/^[0-9dhms]{0,12}$/)), (text) => {
        try {
          const seconds = secondsOf(text)
          expect(Number.isSafeInteger(seconds) && seconds >= 0 && seconds <= YEARS).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError)
        }
      }),
    )
  })

  it('is shown as an age by its two largest units', () => {
    expect([0, 45_000, 725_000, 7_260_000, 273_600_000].map(ageText)).toEqual([
      '0s',
      '45s',
      '12m5s',
      '2h1m',
      '3d4h',
    ])
  })
})

describe('a time', () => {
  it.each([
    ['2026-05-01T18:00:00Z', '2026-05-01T18:00:00Z'],
    ['2026-05-01T18:00:00+02:00', '2026-05-01T16:00:00Z'],
    ['2026-05-01T18:00', '2026-05-01T16:00:00Z'],
    ['2026-12-01 18:00:30', '2026-12-01T17:00:30Z'],
    ['2026-05-01', '2026-04-30T22:00:00Z'],
  ])('%s in Berlin is %s', (text, utc) => {
    expect(timeOf('Europe/Berlin')(text)).toBe(Date.parse(utc))
  })

  it.each(['', 'tomorrow', '18:00', '2026-13-01T00:00', '2026-05-01T25:00Z', '1'])(
    '%j is refused',
    (text) => expect(() => timeOf('Europe/Berlin')(text)).toThrow(UsageError),
  )

  it('may be said as how long ago', () => {
    const now = Date.UTC(2026, 4, 1, 12)
    expect(momentOf(now, 'UTC')('2h')).toBe(now - 7_200_000)
    expect(momentOf(now, 'UTC')('2026-05-01T10:00')).toBe(now - 7_200_000)
  })

  it('is shown with the offset that holds at that moment', () => {
    expect(timeText(Date.UTC(2026, 4, 1, 12), 'Europe/Berlin')).toBe('2026-05-01 14:00:00 +02:00')
    expect(timeText(Date.UTC(2026, 11, 1, 12), 'Europe/Berlin')).toBe('2026-12-01 13:00:00 +01:00')
    expect(timeText(Date.UTC(2026, 4, 1, 12), 'America/St_Johns')).toBe(
      '2026-05-01 09:30:00 -02:30',
    )
    expect(timeText(Date.UTC(2026, 4, 1, 12), 'UTC')).toBe('2026-05-01 12:00:00 UTC')
    expect(timeText(Number.NaN, 'UTC')).toBe('(no time)')
  })

  it('that comes twice is the first, and one that is left out is after the gap', () => {
    expect(msOfLocal('2026-10-25T02:30', 'Europe/Berlin')).toBe(Date.UTC(2026, 9, 25, 0, 30))
    expect(msOfLocal('2026-03-29T02:30', 'Europe/Berlin')).toBe(Date.UTC(2026, 2, 29, 1, 30))
  })

  it('is read back as it was shown', () => {
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns')
    const second = fc.integer({ min: 0, max: 4_000_000_000 })
    fc.assert(
      fc.property(zone, second, (name, at) => {
        const [date = '', clock = ''] = timeText(at * 1000, name).split(' ')
        const read = timeOf(name)(`${date}T${clock}`)
        expect(timeText(read, name).slice(0, 19)).toBe(`${date} ${clock}`)
      }),
    )
  })
})

describe('other values', () => {
  it('are taken in whatever case, and the nearest name is offered', () => {
    expect(phaseOf('deadlettered')).toBe('DeadLettered')
    expect(priorityOf('CRITICAL')).toBe('Critical')
    expect(() => phaseOf('Runing')).toThrow(
      expect.objectContaining({ help: 'did you mean Running?' }),
    )
  })

  it('are counts within bounds', () => {
    expect(countOf(1, 100)('100')).toBe(100)
    for (const text of ['0', '101', '1e2', ' 5', '-1', '']) {
      expect(() => countOf(1, 100)(text)).toThrow(UsageError)
    }
  })

  it('are labels, of which an action takes equality only', () => {
    expect(labelOf('team=a=b')).toEqual(['team', 'a=b'])
    expect(() => labelOf('=a')).toThrow(UsageError)
    expect(labelsOf('a=1, b==2,c=')).toEqual({ a: '1', b: '2', c: '' })
    for (const text of ['a!=1', 'a in (1,2)', 'a', '']) {
      expect(() => labelsOf(text)).toThrow(UsageError)
    }
  })

  it('are dependencies', () => {
    expect(dependencyOf('a')).toEqual({ name: 'a' })
    expect(dependencyOf('a:finished')).toEqual({ name: 'a', when: 'Finished' })
    for (const text of ['', ':Finished', 'a:b:c', 'a:Done']) {
      expect(() => dependencyOf(text)).toThrow(UsageError)
    }
  })
})
