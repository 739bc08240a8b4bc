// Order, limits and fairness of issue rows 1, 4 and 5, by what handlers really do: on the whole controller,
// with handlers that ignore what they are told, jobs that are deleted or suspended while they run, and
// operators that die.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { QueueJobSpecInput } from '../../src/api/queuejob.ts'
import { jobUid } from '../../src/core/ids.ts'
import type { WorkItem } from '../../src/core/outcome.ts'
import { aJob } from '../builders.ts'
import type { WorkerPlan } from './fake-worker.ts'
import { World } from './world.ts'

/** By then the first operator leads. */
const TAKEN_OVER = 10_000

interface Run {
  readonly name: string
  readonly from: number
  readonly to: number
}

type Spec = Partial<QueueJobSpecInput>

/** A world whose handlers are timed: what ran when, by the monotonic clock. */
class TimedWorld extends World {
  readonly runs: Run[] = []
  readonly specs = new Map<string, Spec>()

  /** @param ms how long a handler runs, whatever it is told */
  startDeafWorker(plan: WorkerPlan, ms: (item: WorkItem) => number): void {
    const runMs = (item: WorkItem) => {
      const from = this.clock.monotonic()
      const length = ms(item)
      this.runs.push({ name: item.name, from, to: from + length })
      return length
    }
    this.startWorker({ ...plan, runMs, deaf: true })
  }

  add(name: string, spec: Spec = {}): void {
    this.specs.set(name, spec)
    this.submit(name, { spec })
  }

  /** A job that is there before anybody watches. */
  store(name: string, spec: Spec): void {
    this.specs.set(name, spec)
    const job = aJob({
      namespace: 'default',
      name,
      uid: jobUid(`uid-${name}`),
      resourceVersion: '500',
      creationMs: this.clock.now(),
      spec: { queue: 'default', type: 'work', ...spec },
    })
    this.api.jobs.set(`default/${name}`, job)
  }

  /** Most handlers that ran at one moment, of those that `of` names. */
  peak(of: (spec: Spec) => boolean = () => true): number {
    const runs = this.runs.filter(({ name }) => of(this.specs.get(name) ?? {}))
    const at = (moment: number) => runs.filter(({ from, to }) => from <= moment && moment < to)
    return Math.max(0, ...runs.map(({ from }) => at(from).length))
  }

  names(): readonly string[] {
    return this.runs.map(({ name }) => name)
  }

  hasEnded(name: string): boolean {
    const phase = this.api.jobs.get(`default/${name}`)?.status.phase
    return (
      phase === undefined || ['Completed', 'Failed', 'DeadLettered', 'Cancelled'].includes(phase)
    )
  }

  async untilAllEnded(ms = 600_000): Promise<boolean> {
    return this.until(() => [...this.specs.keys()].every((name) => this.hasEnded(name)), ms)
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

describe('row 4, limits: concurrency.max', () => {
  it('is reached and never exceeded, whoever has slots', async () => {
    const world = new TimedWorld()
    world.api.queues.apply('default', { concurrency: { max: 7 } })
    for (const id of ['w1', 'w2', 'w3']) {
      world.startDeafWorker({ id, slots: 5 }, () => 100 + Math.floor(world.random.uniform() * 900))
    }
    world.startOperator()
    await world.pass(TAKEN_OVER)
    for (const n of numbers(100)) world.add(`job-${n}`)
    expect(await world.untilAllEnded()).toBe(true)
    expect(world.peak()).toBe(7)
  })

  it('holds for operators that die and come back', async () => {
    const world = new TimedWorld()
    world.api.queues.apply('default', { concurrency: { max: 3 } })
    world.startDeafWorker({ id: 'w1', slots: 10 }, () => 4_000)
    world.startOperator()
    await world.pass(TAKEN_OVER)
    for (const n of numbers(12)) world.add(`job-${n}`)
    for (const _ of numbers(3)) {
      await world.pass(3_000)
      world.killOperator()
      world.startOperator()
    }
    expect(await world.untilAllEnded()).toBe(true)
    expect(world.peak()).toBe(3)
  })

  it('follows an edit of the queue at once: raised, jobs start; lowered, none does until there is room', async () => {
    const world = new TimedWorld()
    world.api.queues.apply('default', { concurrency: { max: 1 } })
    world.startDeafWorker({ slots: 10 }, () => 60_000)
    world.startOperator()
    await world.pass(TAKEN_OVER)
    for (const n of numbers(9)) world.add(`job-${n}`)
    await world.pass(1_000)
    expect(world.runs).toHaveLength(1)
    world.api.queues.apply('default', { concurrency: { max: 4 } })
    await world.pass(100)
    expect(world.runs).toHaveLength(4)
    world.api.queues.apply('default', { concurrency: { max: 2 } })
    await world.pass(60_500)
    // All four ended by now, and two were let in.
    expect(world.runs).toHaveLength(6)
  })
})

describe('row 4, limits: concurrency.perKey', () => {
  it('is never exceeded, also by handlers that run on after their job was deleted or suspended (U1)', async () => {
    const act = fc.constantFrom('delete', 'suspend', 'wait', 'wait', 'restart')
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 }),
        fc.array(act, { minLength: 4, maxLength: 14 }),
        async (perKey, acts) => {
          const world = new TimedWorld()
          world.api.queues.apply('default', { concurrency: { perKey } })
          for (const id of ['w1', 'w2']) {
            world.startDeafWorker({ id, slots: 6 }, () => 2_000 + world.random.uniform() * 9_000)
          }
          world.startOperator()
          await world.pass(TAKEN_OVER)
          for (const n of numbers(24)) world.add(`job-${n}`, { concurrencyKey: `key-${n % 3}` })
          for (const what of acts) {
            await world.pass(200 + Math.floor(world.random.uniform() * 2_000))
            const running = world.runs.find(
              ({ name, to }) =>
                to > world.clock.monotonic() && world.api.jobs.has(`default/${name}`),
            )
            // What a deleted job held of its key nobody can know after a restart.
            if (what === 'restart' && !acts.includes('delete')) {
              world.killOperator()
              world.startOperator()
            } else if (running && what === 'delete') {
              world.api.delete({ namespace: 'default', name: running.name })
            } else if (running && what === 'suspend' && !world.hasEnded(running.name)) {
              world.api.edit({ namespace: 'default', name: running.name }, { suspend: true })
            }
          }
          await world.pass(120_000)
          for (const n of numbers(3)) {
            const peak = world.peak(({ concurrencyKey }) => concurrencyKey === `key-${n}`)
            expect(peak).toBeLessThanOrEqual(perKey)
          }
          for (const name of world.specs.keys()) {
            const suspended = world.api.jobs.get(`default/${name}`)?.spec.suspend === true
            expect([name, world.hasEnded(name) || suspended]).toEqual([name, true])
          }
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('row 4, limits: rateLimit', () => {
  it('in any interval no more start than the burst and what the time allows, also over a restart', async () => {
    const world = new TimedWorld()
    const [count, perSeconds, burst] = [2, 1, 5]
    world.api.queues.apply('default', { rateLimit: { count, perSeconds, burst } })
    world.startDeafWorker({ slots: 50 }, () => 10)
    world.startOperator()
    await world.pass(TAKEN_OVER)
    for (const n of numbers(60)) world.add(`job-${n}`)
    await world.pass(10_000)
    world.killOperator()
    world.startOperator()
    expect(await world.untilAllEnded()).toBe(true)
    const starts = world.runs.map(({ from }) => from)
    for (const [first, from] of starts.entries()) {
      for (const [last, to] of starts.entries()) {
        if (last < first) continue
        const most = burst + ((to - from) / 1_000 / perSeconds) * count
        expect(last - first + 1).toBeLessThanOrEqual(most + 0.1)
      }
    }
  })

  it('gives nothing for a step of the clock', async () => {
    const world = new TimedWorld()
    world.api.queues.apply('default', { rateLimit: { count: 1, perSeconds: 60 } })
    world.startDeafWorker({ slots: 50 }, () => 10)
    world.startOperator()
    await world.pass(TAKEN_OVER)
    for (const n of numbers(9)) world.add(`job-${n}`)
    await world.pass(1_000)
    world.clock.stepWall(86_400_000)
    await world.pass(1_000)
    world.clock.stepWall(-2 * 86_400_000)
    await world.pass(50_000)
    expect(world.runs).toHaveLength(1)
    await world.pass(10_000)
    expect(world.runs).toHaveLength(2)
  })
})

describe('row 5, fairness', () => {
  it('a tenant with 20,000 waiting jobs delays the first job of another by the slots already taken, not more', async () => {
    const world = new TimedWorld()
    const slots = 5
    for (const n of numbers(20_000)) {
      world.store(`noisy-${n}`, { fairnessKey: 'noisy', priority: 'Critical' })
    }
    world.startDeafWorker({ slots }, () => 1_000)
    world.startOperator()
    await world.until(() => world.runs.length > 20, 60_000)
    const before = world.runs.length
    world.add('quiet', { fairnessKey: 'quiet', priority: 'Bulk' })
    await world.until(() => world.names().includes('quiet'), 60_000)
    expect(world.names().indexOf('quiet') - before).toBeLessThanOrEqual(slots)
  })

  it('queues that share workers start in the proportion of their weights', async () => {
    const world = new TimedWorld()
    world.api.queues.apply('gold', { weight: 3 })
    world.api.queues.apply('iron', { weight: 1 })
    world.startDeafWorker({ slots: 2, queues: ['gold', 'iron'] }, () => 1_000)
    for (const n of numbers(60)) {
      for (const queue of ['gold', 'iron']) world.add(`${queue}-${n}`, { queue })
    }
    world.startOperator()
    await world.until(() => world.runs.length >= 40, 120_000)
    const gold = world
      .names()
      .slice(0, 40)
      .filter((name) => name.startsWith('gold'))
    expect(Math.abs(gold.length - 30)).toBeLessThanOrEqual(3)
  })
})

describe('row 1, order', () => {
  it('a Bulk job starts within the published bound while Critical ones keep coming', async () => {
    const world = new TimedWorld()
    world.api.queues.apply('default', { agingSeconds: 10 })
    world.startDeafWorker({ slots: 1 }, () => 1_000)
    world.startOperator()
    await world.pass(TAKEN_OVER)
    world.add('busy')
    await world.pass(100)
    const submitted = world.clock.monotonic()
    world.add('bulk', { priority: 'Bulk' })
    // Twice as many as there is time for.
    for (const n of numbers(120)) {
      world.add(`critical-${n}`, { priority: 'Critical' })
      await world.pass(500)
    }
    const bulk = world.runs.find(({ name }) => name === 'bulk')
    const waited = (bulk?.from ?? Number.POSITIVE_INFINITY) - submitted
    // Four intervals, one second of grain of creation times, and the attempt that runs then.
    expect(waited).toBeGreaterThan(38_000)
    expect(waited).toBeLessThanOrEqual(42_500)
  })

  it('a priority that is edited while the job waits counts from then on', async () => {
    const world = new TimedWorld()
    world.startDeafWorker({ slots: 1 }, () => 1_000)
    world.startOperator()
    await world.pass(TAKEN_OVER)
    for (const n of numbers(6)) world.add(`job-${n}`)
    await world.pass(100)
    world.api.edit({ namespace: 'default', name: 'job-5' }, { priority: 'Critical' })
    await world.untilAllEnded()
    expect(world.names()).toEqual(['job-0', 'job-5', 'job-1', 'job-2', 'job-3', 'job-4'])
  })
})
