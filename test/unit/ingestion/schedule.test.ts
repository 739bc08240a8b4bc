// What is to be done about a schedule: which ticks make a job, which are missed, what is cancelled,
// where it goes on. The model test (test/model/schedules.test.ts) runs the same over time.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Phase } from '../../../src/api/conditions.ts'
import type { ScheduleObject } from '../../../src/core/resources.ts'
import {
  beyondHistory,
  expressionOf,
  MOST_AT_ONCE,
  MOST_DUE,
  type Plan,
  planOf,
} from '../../../src/ingestion/schedule.ts'
import { jobNameOf, type ScheduledJob } from '../../../src/ingestion/schedule-job.ts'
import { ticksOf } from '../../../src/ingestion/ticks.ts'
import { aSchedule, NOON, uid } from '../../builders.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

type Spec = NonNullable<Parameters<typeof aSchedule>[0]>['spec']

/** A schedule whose next tick is at `cursor`. */
function running(spec: Spec = {}, cursor = NOON, status: Partial<ScheduleObject['status']> = {}) {
  const schedule = aSchedule({ creationMs: NOON - 365 * DAY, ...(spec ? { spec } : {}) })
  return {
    ...schedule,
    status: {
      observedGeneration: 1,
      observedSchedule: expressionOf(schedule),
      nextTickTime: iso(cursor),
      ...status,
    },
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

function aScheduledJob(tick: number, phase: Phase = 'Running', n = tick): ScheduledJob {
  return {
    name: jobNameOf('report', tick),
    uid: uid(Math.floor(n / MINUTE)),
    resourceVersion: '4000',
    phase,
    endedMs: tick,
  }
}

function plan(schedule: ScheduleObject, now: number, jobs: readonly ScheduledJob[] = []): Plan {
  const { schedule: expression, timeZone = 'Etc/UTC' } = schedule.spec
  return planOf({ schedule, jobs, now, ticks: ticksOf(expression, timeZone), version: '1' })
}

function planned(...args: Parameters<typeof plan>): Extract<Plan, { kind: 'plan' }> {
  const made = plan(...args)
  if (made.kind !== 'plan') throw new Error(made.trouble.message)
  return made
}

describe('a tick', () => {
  it('makes its job when it is due, and the next one is an hour later', () => {
    expect(planned(running(), NOON + 5)).toEqual({
      ...{ kind: 'plan', cancel: [], make: [NOON], made: null, missed: 0 },
      ...{ cursor: NOON + HOUR, next: NOON + HOUR },
    })
  })

  it('is not due before its time', () => {
    expect(planned(running(), NOON - 1)).toMatchObject({ make: [], cursor: NOON, next: NOON })
  })

  it('whose job is there already makes none, and counts as made', () => {
    const jobs = [aScheduledJob(NOON)]
    expect(planned(running(), NOON + 5, jobs)).toMatchObject({
      ...{ make: [], made: NOON, missed: 0, cursor: NOON + HOUR },
    })
  })

  it('of a new schedule is after its creation', () => {
    const fresh = aSchedule({ creationMs: NOON })
    expect(planned(fresh, NOON + 1).make).toEqual([])
    expect(planned(fresh, NOON + HOUR).make).toEqual([NOON + HOUR])
  })
})

describe('an outage of three hours and a bit', () => {
  const late = NOON + 3 * HOUR + 10 * MINUTE
  const ticks = [NOON, NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]
  it.each<[string, Spec, number[]]>([
    ['Last, the default: the last one', {}, ticks.slice(-1)],
    ['None: nothing', { catchUp: 'None' }, []],
    ['All: every one, the oldest first', { catchUp: 'All' }, ticks],
    ['All up to two: the two newest', { catchUp: 'All', maxCatchUp: 2 }, ticks.slice(-2)],
    [
      'within the starting deadline',
      { catchUp: 'All', startingDeadlineSeconds: 4200 },
      ticks.slice(-2),
    ],
    ['all past the starting deadline', { startingDeadlineSeconds: 599 }, []],
    [
      'Replace: only the newest, or each would end the one before',
      { catchUp: 'All', concurrencyPolicy: 'Replace' },
      ticks.slice(-1),
    ],
    ['Forbid: one at a time', { catchUp: 'All', concurrencyPolicy: 'Forbid' }, ticks.slice(0, 1)],
  ])('%s', (_, spec, make) => {
    const forbids = spec?.concurrencyPolicy === 'Forbid'
    expect(planned(running(spec), late)).toMatchObject({
      make,
      missed: forbids ? 0 : ticks.length - make.length,
      cursor: forbids ? NOON + HOUR : NOON + 4 * HOUR,
      next: NOON + 4 * HOUR,
    })
  })

  it('of less than a minute is none: every tick is on time, whatever the policy', () => {
    for (const catchUp of ['None', 'Last', 'All'] as const) {
      const schedule = running({ schedule: '* * * * *', catchUp }, NOON)
      expect(planned(schedule, NOON + MINUTE).make).toEqual([NOON, NOON + MINUTE])
    }
  })

  it('of years is looked at no further back than a thousand ticks', () => {
    const schedule = running({ schedule: '* * * * *' }, NOON - 2 * 365 * DAY)
    expect(planned(schedule, NOON + 5)).toMatchObject({ missed: MOST_DUE - 1 })
  })

  it('is made up for in portions, and goes on where it stopped', () => {
    const schedule = running({ schedule: '* * * * *', catchUp: 'All', maxCatchUp: 250 }, NOON)
    const now = NOON + 200 * MINUTE
    const first = planned(schedule, now)
    expect(first.make).toHaveLength(MOST_AT_ONCE)
    expect(first.cursor).toBe(NOON + MOST_AT_ONCE * MINUTE)
    const rest = planned(
      { ...schedule, status: { ...schedule.status, nextTickTime: iso(first.cursor) } },
      now,
    )
    expect(rest.make[0]).toBe(first.cursor)
  })
})

describe('while a job of the schedule is active', () => {
  const active = [aScheduledJob(NOON - HOUR)]

  it('Allow makes another one', () => {
    expect(planned(running(), NOON, active)).toMatchObject({ cancel: [], make: [NOON] })
  })

  it('Replace ends it first', () => {
    const schedule = running({ concurrencyPolicy: 'Replace' })
    expect(planned(schedule, NOON, active)).toMatchObject({ cancel: active, make: [NOON] })
  })

  it('Replace ends nothing while no tick is due, and never the job of the tick itself', () => {
    const schedule = running({ concurrencyPolicy: 'Replace' })
    expect(planned(schedule, NOON - 1, active).cancel).toEqual([])
    expect(planned(schedule, NOON, [aScheduledJob(NOON)])).toMatchObject({ cancel: [], make: [] })
  })

  it('Forbid lets the tick wait', () => {
    const schedule = running({ concurrencyPolicy: 'Forbid' })
    expect(planned(schedule, NOON + 5, active)).toMatchObject({
      ...{ make: [], missed: 0, cursor: NOON, next: NOON + HOUR },
    })
  })

  it('Forbid: the tick that waits is missed when the next one takes its place', () => {
    const schedule = running({ concurrencyPolicy: 'Forbid' })
    const now = NOON + HOUR + 5
    expect(planned(schedule, now, active)).toMatchObject({ missed: 1, cursor: NOON + HOUR })
  })

  it.each<[string, Spec, number[], number]>([
    ['Last: the one that waits runs at its end', {}, [NOON], 0],
    ['None: it is missed', { catchUp: 'None' }, [], 1],
    ['past its starting deadline it is missed', { startingDeadlineSeconds: 600 }, [], 1],
  ])('Forbid and %s', (_, spec, make, missed) => {
    const schedule = running({ concurrencyPolicy: 'Forbid', ...spec })
    const ended = [aScheduledJob(NOON - HOUR, 'Completed')]
    expect(planned(schedule, NOON + 20 * MINUTE, ended)).toMatchObject({ make, missed })
  })
})

describe('a schedule that makes no job says why', () => {
  it.each<[string, Spec, object]>([
    ['suspended', { suspend: true }, { type: 'Ready', reason: 'Suspended' }],
    ['31 February (B7)', { schedule: '0 0 31 2 *' }, { type: 'Stalled', reason: 'NeverFires' }],
    [
      'no such zone (B6)',
      { timeZone: 'Mars/Phobos' },
      { type: 'Stalled', reason: 'InvalidSpec', message: expect.stringContaining('spec.timeZone') },
    ],
    [
      'no such expression',
      { schedule: '0 25 * * *' },
      { type: 'Stalled', reason: 'InvalidSpec', message: expect.stringContaining('spec.schedule') },
    ],
    [
      'a field that is not served',
      { template: { spec: { type: 'a', array: { size: 2 } } } },
      { type: 'Stalled', reason: 'NotYetSupported' },
    ],
  ])('%s', (_, spec, trouble) => {
    expect(plan(aSchedule({ spec: spec ?? {} }), NOON + DAY)).toMatchObject({
      kind: 'held',
      trouble,
    })
  })
})

describe('where it goes on', () => {
  it('an edited expression fires from now on, not for the past', () => {
    const before = running({}, NOON)
    const edited = { ...before, spec: { ...before.spec, schedule: '*/5 * * * *' } }
    expect(planned(edited, NOON + 12 * MINUTE)).toMatchObject({
      ...{ make: [], missed: 0, cursor: NOON + 15 * MINUTE },
    })
  })

  it('so does an edited time zone', () => {
    const before = running({ schedule: '0 6 * * *' }, NOON - 6 * HOUR)
    const edited = { ...before, spec: { ...before.spec, timeZone: 'America/New_York' } }
    expect(planned(edited, NOON)).toMatchObject({ make: [], cursor: NOON + 22 * HOUR })
  })

  it('another edit changes no tick', () => {
    const before = running({}, NOON)
    const edited = { ...before, generation: 2, spec: { ...before.spec, jitterSeconds: 5 } }
    expect(planned(edited, NOON + 5).make).toEqual([NOON])
  })

  it('after a suspension it begins with the next tick', () => {
    const { nextTickTime: _, ...status } = running().status
    const resumed = { ...running(), status }
    expect(planned(resumed, NOON + DAY + 1)).toMatchObject({ make: [], cursor: NOON + DAY + HOUR })
  })

  it.each([HOUR, DAY])('a clock that is put back by %d ms makes nothing twice', (step) => {
    const schedule = running({}, NOON + HOUR)
    for (let now = NOON + HOUR - step; now < NOON + HOUR; now += 10 * MINUTE) {
      expect(planned(schedule, now)).toMatchObject({ make: [], missed: 0, cursor: NOON + HOUR })
    }
  })

  it('a next tick that only a clock years ahead can have written is dropped', () => {
    const schedule = running({}, NOON + 10 * 365 * DAY)
    expect(planned(schedule, NOON + 1)).toMatchObject({ make: [], cursor: NOON + HOUR })
  })

  it('a next tick that is years away because the expression says so is kept', () => {
    const leapDay = Date.UTC(2028, 1, 29)
    const schedule = running({ schedule: '0 0 29 2 *' }, leapDay)
    expect(planned(schedule, NOON)).toMatchObject({ cursor: leapDay, next: leapDay })
  })
})

describe('a leader that died in between', () => {
  it('leaves no room for an older tick than the one that it made up for', () => {
    const schedule = running({}, NOON)
    const jobs = [aScheduledJob(NOON + 2 * HOUR)]
    expect(planned(schedule, NOON + 2 * HOUR + 30 * MINUTE, jobs)).toMatchObject({
      ...{ make: [], made: NOON + 2 * HOUR, missed: 2, cursor: NOON + 3 * HOUR },
    })
  })

  it('leaves the rest of what it was making up for', () => {
    const schedule = running({ catchUp: 'All' }, NOON)
    const jobs = [aScheduledJob(NOON), aScheduledJob(NOON + HOUR)]
    const found = planned(schedule, NOON + 3 * HOUR + 1, jobs)
    expect(found.make).toEqual([NOON + 2 * HOUR, NOON + 3 * HOUR])
    expect(found.missed).toBe(0)
  })
})

describe('the history', () => {
  const ended = (phase: Phase, ...minutes: number[]) =>
    minutes.map((n) => aScheduledJob(NOON + n * MINUTE, phase))
  const names = (jobs: readonly ScheduledJob[]) => jobs.map(({ name }) => name)

  it('keeps three completed and one failed job, the newest', () => {
    const completed = ended('Completed', 1, 2, 3, 4, 5)
    const failed = [...ended('Failed', 6), ...ended('DeadLettered', 7), ...ended('Cancelled', 8)]
    const schedule = running({}, NOON + HOUR)
    const surplus = beyondHistory(schedule, [...failed, ...completed])
    expect(names(surplus)).toEqual(names([...completed.slice(0, 2), ...failed.slice(0, 2)]))
  })

  it('keeps as many as it is told to', () => {
    const schedule = running(
      { successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 0 },
      NOON + HOUR,
    )
    const jobs = [...ended('Completed', 1), ...ended('Failed', 2), ...ended('Running', 3)]
    expect(names(beyondHistory(schedule, jobs))).toEqual(names(jobs.slice(0, 2)))
  })

  it('keeps what keeps a tick from being made again: the status is not there yet', () => {
    const schedule = running({ successfulJobsHistoryLimit: 0 }, NOON)
    expect(beyondHistory(schedule, ended('Completed', 0))).toEqual([])
  })

  it('counts the runs that actions asked for, too', () => {
    const run = { ...aScheduledJob(NOON, 'Completed'), name: 'report-run-abcdef' }
    const schedule = running({ successfulJobsHistoryLimit: 0 }, NOON)
    expect(beyondHistory(schedule, [run])).toEqual([run])
  })
})

describe('whatever is due', () => {
  const specs = fc.record({
    catchUp: fc.constantFrom('None', 'Last', 'All'),
    concurrencyPolicy: fc.constantFrom('Allow', 'Forbid', 'Replace'),
    schedule: fc.constantFrom('* * * * *', '*/7 * * * *', '0 * * * *', '30 2 * * *', '@weekly'),
    timeZone: fc.constantFrom('Etc/UTC', 'Europe/Berlin', 'Australia/Lord_Howe'),
    maxCatchUp: fc.integer({ min: 1, max: 200 }),
    startingDeadlineSeconds: fc.option(fc.integer({ min: 1, max: 7200 }), { nil: undefined }),
  })

  it('each due tick is made, missed or still to come, exactly one of them', () => {
    const lags = fc.integer({ min: -HOUR, max: 6 * HOUR })
    fc.assert(
      fc.property(specs, lags, fc.boolean(), fc.array(fc.nat(20)), (given, lag, active, made) => {
        const { startingDeadlineSeconds: deadline, ...rest } = given
        const spec = deadline === undefined ? rest : { ...rest, startingDeadlineSeconds: deadline }
        const answer = ticksOf(spec.schedule, spec.timeZone)
        if (!answer.ok) throw new Error(answer.error)
        const begin = answer.ticks.next(NOON - 1) ?? NOON
        const now = begin + lag
        const due = answer.ticks.newest(begin - 1, now, MOST_DUE)
        const there = due.filter((_, n) => made.includes(n))
        const jobs = there.map((tick) => aScheduledJob(tick, 'Completed'))
        const other = active ? [aScheduledJob(NOON - 7 * DAY)] : []
        const found = planned(running(spec, begin), now, [...jobs, ...other])
        const waiting = due.filter(
          (tick) => tick >= found.cursor && !found.make.includes(tick) && !there.includes(tick),
        )
        expect(found.make.length + found.missed + waiting.length + there.length).toBe(due.length)
        expect(found.make).toEqual([...found.make].sort((a, b) => a - b))
        for (const tick of found.make) {
          expect(due).toContain(tick)
          expect(there).not.toContain(tick)
          expect(tick).toBeLessThan(found.cursor)
        }
        if (spec.concurrencyPolicy === 'Forbid') {
          expect(found.make.length).toBeLessThanOrEqual(active ? 0 : 1)
        }
        expect(found.next).toBeGreaterThan(now)
      }),
    )
  })
})
