// Schedules over hours, with leaders that die at the worst moment, clocks that are set and jobs that
// take their time: no tick is lost, none is doubled, and the policies hold at every moment.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jobNameOf } from '../../src/ingestion/schedule-job.ts'
import { NOON, QUEUE, TYPE } from '../builders.ts'
import { type Fault, ScheduleWorld } from './schedule-world.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const RUNS = 40

const KEEP_ALL = { successfulJobsHistoryLimit: 1000, failedJobsHistoryLimit: 1000 }

function namesOf(ticks: readonly number[]): string[] {
  return ticks.map((tick) => jobNameOf('report', tick))
}

function every(stepMs: number, from: number, to: number): number[] {
  const ticks: number[] = []
  for (let at = from; at <= to; at += stepMs) ticks.push(at)
  return ticks
}

function expectNoneTwice(world: ScheduleWorld): void {
  expect(new Set(world.made).size).toBe(world.made.length)
}

describe('a schedule', () => {
  it('makes one job for each tick, with the status beside it, and rests in between', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply({ spec: { schedule: '*/10 * * * *', ...KEEP_ALL } })
    world.onMade = () => world.clock.after(MINUTE, () => world.endAll())
    await world.pass(HOUR + 5 * SECOND)
    expect(world.made).toEqual(namesOf(every(10 * MINUTE, NOON + 10 * MINUTE, NOON + HOUR)))
    expect(world.schedule.status).toMatchObject({
      lastTickTime: '2026-05-01T13:00:00Z',
      nextTickTime: '2026-05-01T13:10:00Z',
      active: [jobNameOf('report', NOON + HOUR)],
    })
    // First sight; each tick; each end but the last, which is still to come.
    expect(world.statusWrites).toBeLessThanOrEqual(1 + 6 + 5)
  })

  it('waits for months, beyond the 2^31 ms of a timer (B5)', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply({ spec: { schedule: '0 0 1 8 *' } })
    await world.pass(MINUTE)
    // The looks every ten seconds are let through in one step.
    world.clock.stepWall(Date.UTC(2026, 7, 1) - world.clock.now() - 5 * SECOND)
    await world.pass(11 * SECOND)
    expect(world.made).toEqual(namesOf([Date.UTC(2026, 7, 1)]))
  })

  it('keeps three completed jobs and one failed, the newest', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply({ spec: { schedule: '* * * * *' } })
    let n = 0
    world.onMade = (name) =>
      world.clock.after(10 * SECOND, () =>
        world.end(name, n++ % 3 === 0 ? 'DeadLettered' : 'Completed'),
      )
    await world.pass(30 * MINUTE + 30 * SECOND)
    const phases = [...world.jobs.values()].map(({ status }) => status.phase).sort()
    expect(phases).toEqual(['Completed', 'Completed', 'Completed', 'DeadLettered'])
    expectNoneTwice(world)
  })
})

describe('a change of leader', () => {
  const faults = fc.constantFrom<Fault | null>(
    ...(['dies-before', 'dies-after', 'answer-lost', 'busy'] as const),
    null,
  )

  it('at any moment loses no tick and doubles none, also when jobs end and go at once', async () => {
    const plans = fc.record({
      faults: fc.array(faults, { minLength: 1, maxLength: 40 }),
      racing: fc.boolean(),
      catchUp: fc.constantFrom('None', 'Last', 'All'),
      keep: fc.constantFrom(0, 1, 1000),
    })
    await fc.assert(
      fc.asyncProperty(plans, async ({ faults, racing, catchUp, keep }) => {
        const world = new ScheduleWorld()
        world.start()
        if (racing) world.start()
        const limits = { successfulJobsHistoryLimit: keep, failedJobsHistoryLimit: keep }
        world.apply({ spec: { schedule: '* * * * *', catchUp, ...limits } })
        world.onMade = (name) => world.clock.after(SECOND, () => world.end(name))
        await world.pass(30 * SECOND)
        world.faults.push(...faults)
        for (let n = 0; n < 20; n++) {
          await world.pass(MINUTE)
          // A standby takes over half a minute later.
          if (world.operators.every(({ dead }) => dead)) {
            await world.pass(25 * SECOND)
            world.start()
          }
        }
        world.faults.length = 0
        await world.pass(3 * MINUTE)
        const last = Math.floor(world.clock.now() / MINUTE) * MINUTE
        expectNoneTwice(world)
        const wanted = namesOf(every(MINUTE, NOON + MINUTE, last))
        // A leader may need several tries in a row: only `All` promises every tick then.
        if (catchUp === 'All') expect([...world.made].sort()).toEqual(wanted)
        else expect(wanted).toEqual(expect.arrayContaining(world.made))
        const missed = world.schedule.status.missed ?? 0
        expect(world.made.length + missed).toBe(wanted.length)
      }),
      { numRuns: RUNS },
    )
  })

  it('one that stands by makes nothing, and takes over where the other one stopped', async () => {
    const world = new ScheduleWorld()
    const first = world.start()
    const second = world.start(false)
    world.apply({ spec: { schedule: '* * * * *', ...KEEP_ALL } })
    await world.pass(2 * MINUTE + 10 * SECOND)
    first.leads = false
    await world.pass(40 * SECOND)
    expect(world.made).toHaveLength(2)
    second.leads = true
    for (let shard = 0; shard < 16; shard++) second.reconciler.leading(shard as never)
    await world.pass(30 * SECOND)
    expect(world.made).toEqual(namesOf(every(MINUTE, NOON + MINUTE, NOON + 3 * MINUTE)))
  })
})

describe('a shard that is lost', () => {
  it('stops whoever makes up for an outage, in the middle of it', async () => {
    const world = new ScheduleWorld()
    const creationMs = NOON - 10 * HOUR
    world.apply({ creationMs, spec: { schedule: '0 * * * *', catchUp: 'All', ...KEEP_ALL } })
    const operator = world.start()
    world.onMade = () => {
      operator.leads = false
    }
    await world.pass(MINUTE)
    expect(world.made).toHaveLength(1)
    expect(world.statusWrites).toBe(0)
  })
})

describe('an outage of six hours', () => {
  it.each([
    ['None', 0],
    ['Last', 1],
    ['All', 4],
  ] as const)('is made up for with %s', async (catchUp, count) => {
    const world = new ScheduleWorld()
    const first = world.start()
    world.apply({ spec: { schedule: '30 * * * *', catchUp, maxCatchUp: 4, ...KEEP_ALL } })
    await world.pass(10 * SECOND)
    world.kill(first)
    await world.pass(6 * HOUR)
    world.start()
    await world.pass(10 * SECOND)
    const ticks = every(HOUR, NOON + 30 * MINUTE, NOON + 6 * HOUR)
    expect(world.made).toEqual(namesOf(ticks.slice(ticks.length - count)))
    expect(world.schedule.status.missed ?? 0).toBe(6 - count)
    await world.pass(HOUR)
    expect(world.made).toHaveLength(count + 1)
  })

  it('is made up for in portions of a hundred, each tick once', async () => {
    const world = new ScheduleWorld()
    const first = world.start()
    world.apply({ spec: { schedule: '* * * * *', catchUp: 'All', maxCatchUp: 1000, ...KEEP_ALL } })
    await world.pass(10 * SECOND)
    world.kill(first)
    await world.pass(6 * HOUR)
    world.start()
    await world.pass(10 * SECOND)
    expect(world.made).toEqual(namesOf(every(MINUTE, NOON + MINUTE, NOON + 6 * HOUR)))
  })
})

describe('a clock that is set', () => {
  it.each([
    ['an hour back', -HOUR],
    ['a day back', -DAY],
    ['an hour ahead', HOUR],
    ['a day ahead', DAY],
  ])('%s: no tick twice, and the schedule is off by at most the step', async (_, step) => {
    const world = new ScheduleWorld()
    world.start()
    world.apply({
      spec: { schedule: '*/30 * * * *', catchUp: 'All', maxCatchUp: 100, ...KEEP_ALL },
    })
    await world.pass(2 * HOUR + MINUTE)
    expect(world.made).toHaveLength(4)
    world.clock.stepWall(step)
    await world.pass(Math.abs(step) + 2 * HOUR)
    expectNoneTwice(world)
    const end = world.clock.now()
    expect(world.made).toEqual(namesOf(every(30 * MINUTE, NOON + 30 * MINUTE, end)))
  })

  it('ten years ahead and back: the schedule goes on at once', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply({ spec: { schedule: '0 * * * *', ...KEEP_ALL } })
    await world.pass(HOUR + MINUTE)
    world.clock.stepWall(3650 * DAY)
    await world.pass(MINUTE)
    world.clock.stepWall(-3650 * DAY)
    await world.pass(2 * HOUR)
    expect(world.made).toContain(jobNameOf('report', NOON + 2 * HOUR))
    expect(world.made).toContain(jobNameOf('report', NOON + 3 * HOUR))
    expectNoneTwice(world)
  })
})

describe('jobs that take longer than their ticks are apart', () => {
  async function withJobsOf(ms: number, concurrencyPolicy: 'Allow' | 'Forbid' | 'Replace') {
    const world = new ScheduleWorld()
    world.start()
    world.apply({ spec: { schedule: '*/10 * * * *', concurrencyPolicy, ...KEEP_ALL } })
    let most = 0
    world.onMade = (name) => {
      most = Math.max(most, world.active.length)
      world.clock.after(ms, () => world.end(name))
    }
    await world.pass(2 * HOUR)
    return { world, most }
  }

  it('Allow: several at once, one for each tick', async () => {
    const { world, most } = await withJobsOf(25 * MINUTE, 'Allow')
    expect(most).toBe(3)
    expect(world.made).toHaveLength(12)
  })

  it('Forbid: never two; the newest tick that waited runs at the end, the others are missed', async () => {
    const { world, most } = await withJobsOf(25 * MINUTE, 'Forbid')
    expect(most).toBe(1)
    const { missed = 0, nextTickTime } = world.schedule.status
    const waits = Date.parse(nextTickTime ?? '') <= world.clock.now() ? 1 : 0
    expect(world.made.length + missed + waits).toBe(12)
    // 25 minutes each, one after another.
    expect(world.made).toHaveLength(5)
  })

  it('Replace: never two; every one but the last is cancelled', async () => {
    const { world, most } = await withJobsOf(25 * MINUTE, 'Replace')
    expect(most).toBe(1)
    expect(world.made).toHaveLength(12)
    const cancelled = [...world.jobs.values()].filter(({ status }) => status.phase === 'Cancelled')
    expect(cancelled).toHaveLength(11)
  })
})

describe('an edit', () => {
  it('of the expression fires from then on', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply({ spec: { schedule: '0 * * * *' } })
    await world.pass(30 * MINUTE)
    world.apply({ spec: { schedule: '*/20 * * * *' } })
    await world.pass(35 * MINUTE)
    expect(world.made).toEqual(namesOf([NOON + 40 * MINUTE, NOON + HOUR]))
  })

  it('that suspends it stops it, and what came due meanwhile is not made up for', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply({ spec: { schedule: '0 * * * *', suspend: true, catchUp: 'All' } })
    await world.pass(3 * HOUR + MINUTE)
    expect(world.made).toEqual([])
    expect(world.schedule.status).not.toHaveProperty('nextTickTime')
    world.apply({ spec: { schedule: '0 * * * *', catchUp: 'All' } })
    await world.pass(HOUR)
    expect(world.made).toEqual(namesOf([NOON + 4 * HOUR]))
    expect(world.schedule.status.missed).toBeUndefined()
  })

  it('of a template that the API server refused is tried at once', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply()
    world.refusal = { kind: 'refused', status: 422, detail: 'spec.queue: too long' }
    await world.pass(HOUR + MINUTE)
    expect(world.schedule.status.conditions).toMatchObject([
      { type: 'Stalled', reason: 'TemplateRefused', message: expect.stringContaining('too long') },
    ])
    expect(world.events.map(({ reason }) => reason)).toEqual(['TemplateRefused'])
    world.refusal = null
    world.apply({ spec: { template: { spec: { queue: QUEUE, type: TYPE, priority: 'High' } } } })
    await world.pass(SECOND)
    expect(world.made).toEqual(namesOf([NOON + HOUR]))
    expect(world.schedule.status).not.toHaveProperty('conditions')
  })

  it('is not waited for for ever: rights and policies change elsewhere, once a minute is enough', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply()
    world.refusal = { kind: 'refused', status: 403, detail: 'exceeded quota' }
    await world.pass(HOUR + 10 * MINUTE)
    expect(world.creates).toBeGreaterThan(5)
    expect(world.creates).toBeLessThanOrEqual(11)
    world.refusal = null
    await world.pass(2 * MINUTE)
    expect(world.made).toEqual(namesOf([NOON + HOUR]))
  })

  it('of something else lets the schedule be', async () => {
    const world = new ScheduleWorld()
    world.start()
    world.apply()
    await world.pass(30 * MINUTE)
    world.apply({ spec: { failedJobsHistoryLimit: 2 } })
    await world.pass(31 * MINUTE)
    expect(world.made).toEqual(namesOf([NOON + HOUR]))
  })
})

describe('a name that is taken', () => {
  it('by somebody else is said, and the next tick makes its job', async () => {
    const world = new ScheduleWorld()
    world.createForeign(jobNameOf('report', NOON + HOUR))
    world.start()
    world.apply()
    await world.pass(HOUR + MINUTE)
    expect(world.made).toEqual([])
    expect(world.schedule.status).toMatchObject({
      missed: 1,
      conditions: [{ type: 'Stalled', reason: 'NameTaken' }],
    })
    await world.pass(HOUR)
    expect(world.made).toEqual(namesOf([NOON + 2 * HOUR]))
    expect(world.schedule.status).not.toHaveProperty('conditions')
  })
})

describe('a run by action', () => {
  const request = { job: 'report-run-abcdef', action: 'run-it' }

  it('makes its job once, also of a schedule that is suspended', async () => {
    const world = new ScheduleWorld()
    const { reconciler } = world.start()
    world.apply({ spec: { suspend: true } })
    await world.pass(SECOND)
    expect(await reconciler.run(world.schedule, request)).toEqual({ kind: 'made' })
    expect(await reconciler.run(world.schedule, request)).toEqual({ kind: 'made' })
    expect(world.made).toEqual([request.job])
    await world.pass(SECOND)
    expect(world.schedule.status.active).toEqual([request.job])
  })

  it('waits for a schedule that was not seen yet, for some seconds', async () => {
    const world = new ScheduleWorld()
    const { reconciler } = world.start()
    const target = { namespace: 'mail', name: 'report', uid: 'unseen' }
    expect(await reconciler.run(target, request)).toMatchObject({ kind: 'later' })
    await world.pass(6 * SECOND)
    expect(await reconciler.run(target, request)).toEqual({ kind: 'not-found' })
  })

  it('is refused with the words of the API server, and for another schedule of the name', async () => {
    const world = new ScheduleWorld()
    const { reconciler } = world.start()
    world.apply()
    await world.pass(SECOND)
    world.refusal = { kind: 'refused', status: 403, detail: 'exceeded quota' }
    expect(await reconciler.run(world.schedule, request)).toMatchObject({
      ...{ kind: 'refused', detail: 'exceeded quota' },
    })
    const other = { ...world.schedule, uid: 'another' }
    expect(await reconciler.run(other, request)).toEqual({ kind: 'not-found' })
  })

  it('is refused when the name is taken by somebody else', async () => {
    const world = new ScheduleWorld()
    const { reconciler } = world.start()
    world.apply()
    world.createForeign(request.job)
    await world.pass(SECOND)
    expect(await reconciler.run(world.schedule, request)).toMatchObject({ kind: 'refused' })
  })
})

describe('whatever happens', () => {
  type Step =
    | { readonly kind: 'wait'; readonly ms: number }
    | { readonly kind: 'fault'; readonly fault: Fault }
    | { readonly kind: 'end' | 'delete' | 'takeover' | 'second' }
    | { readonly kind: 'step'; readonly ms: number }
    | { readonly kind: 'edit'; readonly spec: object }

  const steps = fc.array(
    fc.oneof<fc.Arbitrary<Step>[]>(
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: HOUR / 2 }) }),
      fc.record({
        kind: fc.constant('fault' as const),
        fault: fc.constantFrom<Fault>('dies-before', 'dies-after', 'answer-lost', 'busy'),
      }),
      fc.record({ kind: fc.constantFrom('end' as const, 'takeover' as const, 'second' as const) }),
      fc.record({
        kind: fc.constant('step' as const),
        ms: fc.integer({ min: -2 * HOUR, max: 2 * HOUR }),
      }),
      fc.record({
        kind: fc.constant('edit' as const),
        spec: fc.record({
          schedule: fc.constantFrom('*/5 * * * *', '*/7 * * * *', '0 * * * *'),
          catchUp: fc.constantFrom('None', 'Last', 'All'),
          suspend: fc.boolean(),
        }),
      }),
    ),
    { maxLength: 30 },
  )

  it.each(['Allow', 'Forbid', 'Replace'] as const)(
    'with %s no job is made twice, and no more are active than may be',
    async (concurrencyPolicy) => {
      await fc.assert(
        fc.asyncProperty(steps, async (plan) => {
          const world = new ScheduleWorld()
          world.start()
          const policy = { concurrencyPolicy, ...KEEP_ALL }
          world.apply({ spec: { schedule: '*/5 * * * *', ...policy } })
          let most = 0
          world.onMade = () => {
            most = Math.max(most, world.active.length)
          }
          for (const step of plan) {
            if (step.kind === 'wait') await world.pass(step.ms)
            else if (step.kind === 'fault') world.faults.push(step.fault)
            else if (step.kind === 'end') world.endAll()
            else if (step.kind === 'step') world.clock.stepWall(step.ms)
            else if (step.kind === 'edit') world.apply({ spec: { ...step.spec, ...policy } })
            else if (step.kind === 'second') world.start()
            else for (const each of world.operators) world.kill(each)
            if (world.operators.every(({ dead }) => dead)) world.start()
          }
          expectNoneTwice(world)
          // Two who both believe to lead do not see each other's last job at once.
          const racing = plan.some(({ kind }) => kind === 'second')
          if (concurrencyPolicy !== 'Allow' && !racing) expect(most).toBeLessThanOrEqual(1)
        }),
        { numRuns: RUNS },
      )
    },
  )
})
