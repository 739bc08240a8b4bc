// When the ticks of a schedule are: cron in a time zone, over the days on which clocks are changed.
// The reference walks through every minute and reads the local time that Intl shows; it shares nothing
// with what it checks.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ParsedTicks, type Ticks, ticksOf } from '../../../src/ingestion/ticks.ts'
import { zoneDataProblem, zoneOf } from '../../../src/ingestion/zone.ts'

const MINUTE = 60_000
const DAY = 86_400_000

function ticks(expression: string, zone = 'Etc/UTC'): Ticks {
  const answer = ticksOf(expression, zone)
  if (!answer.ok) throw new Error(answer.error)
  return answer.ticks
}

/** The next ticks after an instant, as ISO times without seconds. */
function upcoming(expression: string, zone: string, after: string, count: number): string[] {
  const found: string[] = []
  let at: number | null = Date.parse(after)
  while (found.length < count) {
    at = ticks(expression, zone).next(at)
    if (at === null) break
    found.push(new Date(at).toISOString().replace(':00.000Z', 'Z'))
  }
  return found
}

describe('the days on which clocks are changed', () => {
  it.each([
    [
      'a skipped local time runs at the first instant after the gap',
      ...['30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00Z'],
      ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'skipped quarters of an hour are one tick, together with the one that is there',
      ...['*/15 * * * *', 'Europe/Berlin', '2026-03-29T00:30Z'],
      ['2026-03-29T00:45Z', '2026-03-29T01:00Z', '2026-03-29T01:15Z'],
    ],
    [
      'a repeated local time runs once, the first time',
      ...['30 2 * * *', 'Europe/Berlin', '2026-10-24T01:00Z'],
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'every hour: none the second time, so two ticks are two hours apart',
      ...['@hourly', 'Europe/Berlin', '2026-10-24T23:00Z'],
      ['2026-10-25T00:00Z', '2026-10-25T02:00Z', '2026-10-25T03:00Z'],
    ],
    [
      'a step of half an hour, forwards',
      ...['10 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z'],
      ['2026-10-03T15:30Z', '2026-10-04T15:10Z'],
    ],
    [
      'a step of half an hour, backwards: the half hour that is repeated has its ticks once',
      ...['*/10 1 * * *', 'Australia/Lord_Howe', '2026-04-04T14:19Z'],
      [
        '2026-04-04T14:20Z',
        '2026-04-04T14:30Z',
        '2026-04-04T14:40Z',
        '2026-04-04T14:50Z',
        '2026-04-05T14:30Z',
      ],
    ],
    [
      'across midnight: a day that begins at one o’clock',
      ...['@daily', 'America/Santiago', '2026-09-05T12:00Z'],
      ['2026-09-06T04:00Z', '2026-09-07T03:00Z'],
    ],
    [
      'a day that a zone left out runs at the first instant of the next one',
      ...['0 12 * * *', 'Pacific/Apia', '2011-12-29T12:00Z'],
      ['2011-12-29T22:00Z', '2011-12-30T10:00Z', '2011-12-30T22:00Z'],
    ],
    [
      'a zone of quarters of an hour',
      ...['0 0 * * *', 'Asia/Kathmandu', '2026-01-01T00:00Z'],
      ['2026-01-01T18:15Z', '2026-01-02T18:15Z'],
    ],
  ] as const)('%s', (_, expression, zone, after, wanted) => {
    expect(upcoming(expression as string, zone as string, after as string, wanted.length)).toEqual(
      wanted,
    )
  })

  it('the newest tick is found from within the second time of a repeated hour', () => {
    const at = Date.parse('2026-10-25T01:10Z')
    const found = ticks('50 2 * * *', 'Europe/Berlin').newest(at - DAY, at, 5)
    expect(found).toEqual([Date.parse('2026-10-25T00:50Z')])
  })
})

describe('expressions', () => {
  const JANUARY = '2026-01-01T00:00Z'
  it.each([
    ['nicknames', '@yearly', '2027-01-01T00:00Z'],
    ['names of months and days', '0 6 * FEB MON', '2026-02-02T06:00Z'],
    ['names in any case', '0 6 * feb mon', '2026-02-02T06:00Z'],
    ['lists, ranges and steps', '5,10-20/5 3 * * *', '2026-01-01T03:05Z'],
    ['a step of everything', '*/20 * * * *', '2026-01-01T00:20Z'],
    ['Sunday as 0', '0 0 * * 0', '2026-01-04T00:00Z'],
    ['Sunday as 7', '0 0 * * 7', '2026-01-04T00:00Z'],
    ['day of month or day of week', '0 0 13 * FRI', '2026-01-02T00:00Z'],
    ['a question mark is any', '0 0 ? * MON', '2026-01-05T00:00Z'],
    ['the last day of a month', '0 0 L 2 *', '2026-02-28T00:00Z'],
    ['the weekday nearest to a day', '0 0 1W 2 *', '2026-02-02T00:00Z'],
    ['the second Friday', '0 0 * * FRI#2', '2026-01-09T00:00Z'],
    ['the last Friday', '0 0 * * FRI#L', '2026-01-30T00:00Z'],
    ['a leap day', '0 0 29 2 *', '2028-02-29T00:00Z'],
    ['several blanks', '0  0  1  1  *', '2027-01-01T00:00Z'],
  ])('%s', (_, expression, wanted) => {
    expect(upcoming(expression, 'Etc/UTC', JANUARY, 1)).toEqual([wanted])
  })

  it('the leap day after a century without one', () => {
    expect(upcoming('0 0 29 2 *', 'Etc/UTC', '2096-03-01T00:00Z', 1)).toEqual(['2104-02-29T00:00Z'])
  })

  it.each(['0 0 31 2 *', '0 0 30 2 *', '0 0 31 2,4,6,9,11 *', '0 0 31W 2 *'])(
    '%s has no tick, and the search for it ends (B7)',
    (expression) => {
      expect(ticks(expression, 'Europe/Berlin').next(0)).toBeNull()
      expect(ticks(expression, 'Europe/Berlin').newest(0, Date.parse(JANUARY), 10)).toEqual([])
    },
  )

  it.each([
    ['seconds', '0 0 12 * * *'],
    ['four fields', '0 12 * *'],
    ['a minute that is none', '60 * * * *'],
    ['a day that is none', '0 0 32 * *'],
    ['a step of nothing', '*/0 * * * *'],
    ['a range that runs backwards', '0 0 * * FRI-MON'],
    ['a step from one number', '5/10 * * * *'],
    ['words', 'every day at noon please'],
    ['a sixth Friday', '0 0 * * FRI#6'],
    ['a list with nothing in it', `${','.repeat(240)} * * * *`],
    ['an event', '@reboot'],
    ['one time', '2026-01-01T00:00:00Z'],
  ])('%s is refused, with what is wrong (B7)', (_, expression) => {
    const answer = ticksOf(expression, 'Etc/UTC')
    expect(answer).toMatchObject({ ok: false, field: 'spec.schedule' })
    expect(answer.ok ? '' : answer.error).not.toBe('')
  })

  it.each(['Mars/Phobos', 'Europe/Berlim', '+0100', '-5'])(
    'time zone %s is refused (B6)',
    (zone) => {
      expect(ticksOf('@daily', zone)).toMatchObject({ ok: false, field: 'spec.timeZone' })
    },
  )

  it('are parsed once, and forgotten when there are too many', () => {
    const parsed = new ParsedTicks(2)
    const first = parsed.of('@daily', 'UTC')
    expect(parsed.of('@daily', 'UTC')).toBe(first)
    parsed.of('@hourly', 'UTC')
    parsed.of('@weekly', 'UTC')
    expect(parsed.of('@daily', 'UTC')).not.toBe(first)
  })
})

describe('the time-zone data of the platform (B48)', () => {
  it('is there', () => expect(zoneDataProblem()).toBe(''))

  it('that lacks a zone, or has no summer, is named', () => {
    expect(zoneDataProblem(() => null)).toContain('Europe/Berlin')
    expect(zoneDataProblem(() => zoneOf('Etc/UTC'))).toContain('0 minutes from UTC')
  })
})

/** Zones, and a moment near a change of each. */
const CHANGES = [
  ['Europe/Berlin', '2026-03-29T01:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00Z'],
  ['America/New_York', '2026-03-08T07:00Z'],
  ['America/New_York', '2026-11-01T06:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ['Africa/Casablanca', '2026-02-15T02:00Z'],
  ['Africa/Casablanca', '2026-03-22T02:00Z'],
  ['America/Santiago', '2026-04-05T03:00Z'],
  ['Pacific/Apia', '2011-12-30T10:00Z'],
  ['Asia/Kathmandu', '2026-06-01T00:00Z'],
  ['Etc/UTC', '2026-12-31T23:30Z'],
] as const

interface Minute {
  readonly at: number
  readonly minute: number
  readonly hour: number
  readonly day: number
  readonly month: number
  readonly weekday: number
}

/** Local minutes in the order of their ticks, by the rule of resources.md. */
function localMinutes(zone: string, from: number, to: number): readonly Minute[] {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    hourCycle: 'h23',
    ...({ year: 'numeric', month: '2-digit', day: '2-digit' } as const),
    ...({ hour: '2-digit', minute: '2-digit' } as const),
  })
  const found: Minute[] = []
  let highest = Number.NEGATIVE_INFINITY
  for (let at = from; at <= to; at += MINUTE) {
    const parts = Object.fromEntries(
      format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
    )
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts
    const shown = Date.UTC(year, month - 1, day, hour, minute)
    // What the clock jumped over comes now; what it showed before does not come again.
    const first = highest === Number.NEGATIVE_INFINITY ? shown : highest + MINUTE
    for (let local = first; local <= shown; local += MINUTE) {
      const date = new Date(local)
      found.push({
        at,
        minute: date.getUTCMinutes(),
        hour: date.getUTCHours(),
        day: date.getUTCDate(),
        month: date.getUTCMonth() + 1,
        weekday: date.getUTCDay(),
      })
    }
    highest = Math.max(highest, shown)
  }
  return found
}

const tables = CHANGES.map(([zone, moment]) => {
  const middle = Date.parse(moment)
  const [from, to] = [middle - 1.5 * DAY, middle + 1.5 * DAY]
  return { zone, from, to, minutes: localMinutes(zone, from, to) }
})

function tableAt(n: number): (typeof tables)[number] {
  const table = tables[n]
  if (!table) throw new Error(`no table ${n}`)
  return table
}

interface Field {
  readonly text: string
  readonly has: (value: number) => boolean
}

const anything: Field = { text: '*', has: () => true }

function field(min: number, max: number): fc.Arbitrary<Field> {
  const value = fc.integer({ min, max })
  return fc.oneof(
    fc.constant(anything),
    fc.uniqueArray(value, { minLength: 1, maxLength: 4 }).map((values) => ({
      text: values.join(','),
      has: (each: number) => values.includes(each),
    })),
    fc.integer({ min: 2, max: max - min }).map((step) => ({
      text: `*/${step}`,
      has: (each: number) => (each - min) % step === 0,
    })),
    fc.tuple(value, value).map(([a, b]) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      return { text: `${low}-${high}`, has: (each: number) => each >= low && each <= high }
    }),
  )
}

const crons = fc.record({
  minute: field(0, 59),
  hour: field(0, 23),
  day: fc.oneof({ weight: 3, arbitrary: fc.constant(anything) }, field(1, 31)),
  weekday: fc.oneof({ weight: 3, arbitrary: fc.constant(anything) }, field(0, 6)),
})

function expected(
  cron: { minute: Field; hour: Field; day: Field; weekday: Field },
  minutes: readonly Minute[],
): number[] {
  const matching = minutes.filter((each) => {
    const day = cron.day.has(each.day)
    const weekday = cron.weekday.has(each.weekday)
    const both = cron.day.text === '*' || cron.weekday.text === '*'
    return (
      cron.minute.has(each.minute) &&
      cron.hour.has(each.hour) &&
      (both ? day && weekday : day || weekday)
    )
  })
  return [...new Set(matching.map(({ at }) => at))]
}

describe('for every expression, in every zone', () => {
  const cases = fc.record({ cron: crons, table: fc.nat(tables.length - 1) })

  it('the ticks are those of a walk through every minute, forwards and backwards', () => {
    fc.assert(
      fc.property(cases, ({ cron, table }) => {
        const { zone, from, to, minutes } = tableAt(table)
        const { minute, hour, day, weekday } = cron
        const text = `${minute.text} ${hour.text} ${day.text} * ${weekday.text}`
        // The walk does not know what its first hours repeat.
        const begin = from + 0.5 * DAY
        const wanted = expected(cron, minutes).filter((at) => at > begin)
        const found: number[] = []
        const all = ticks(text, zone)
        let next = all.next(begin)
        for (; next !== null && next <= to; next = all.next(next)) found.push(next)
        expect(found, text).toEqual(wanted)
        expect(all.newest(begin, to, 10_000), text).toEqual(wanted)
      }),
      { numRuns: 150 },
    )
  })

  it('the next tick and the newest one meet at any instant', () => {
    const offset = fc.integer({ min: 0, max: 2 * DAY })
    fc.assert(
      fc.property(cases, offset, fc.integer({ min: 1, max: 20 }), ({ cron, table }, ms, most) => {
        const { minute, hour, day, weekday } = cron
        const { zone, from } = tableAt(table)
        const all = ticks(`${minute.text} ${hour.text} ${day.text} * ${weekday.text}`, zone)
        const at = from + 0.5 * DAY + ms
        const newest = all.newest(from, at, most)
        expect(newest.length).toBeLessThanOrEqual(most)
        for (const [i, tick] of newest.entries()) {
          expect(tick).toBeLessThanOrEqual(at)
          expect(all.next(tick - 1)).toBe(tick)
          const following = all.next(tick)
          if (i + 1 < newest.length) expect(following).toBe(newest[i + 1])
          else expect(following === null || following > at).toBe(true)
        }
      }),
      { numRuns: 150 },
    )
  })
})
