import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTerminal, isWaiting } from '../../../src/core/job.ts'
import type { Entry } from '../../../src/core/ledger.ts'
import { hasStarted } from '../../../src/core/started.ts'
import { Depths } from '../../../src/ingestion/depth.ts'
import { compareSubmission } from '../../../src/ingestion/submission.ts'
import { NAMESPACE, QUEUE } from '../../builders.ts'
import { HeldJobs, STARTED } from './held-jobs.ts'

const NONE = Number.POSITIVE_INFINITY

function theDepths(given: { readonly maxDepth?: number; readonly maxObjects?: number } = {}) {
  const jobs = new HeldJobs()
  const touched = new Set<Entry>()
  const needed = new Set<string>()
  const limits = { maxDepth: given.maxDepth ?? NONE }
  const depths = new Depths({
    maxDepth: () => limits.maxDepth,
    maxObjects: given.maxObjects ?? NONE,
    objects: () => jobs.ledger.size,
    isNeeded: ({ object }) => needed.has(object.name),
    touched: (entry) => void touched.add(entry),
  })
  jobs.watch({
    changed: (entry) => depths.changed(entry),
    removed: (entry) => depths.removed(entry),
  })
  const limit = (maxDepth: number) => {
    limits.maxDepth = maxDepth
    depths.queueChanged(NAMESPACE, QUEUE, jobs.ledger.entries())
  }
  const need = (name: string, is: boolean) => {
    if (is) needed.add(name)
    else needed.delete(name)
    if (jobs.has(name)) depths.changed(jobs.entry(name))
  }
  const held = () => jobs.names().filter((name) => depths.holdOf(jobs.entry(name)) !== null)
  return { jobs, depths, touched, needed, limits, limit, need, held }
}

describe('row 4, maxDepth', () => {
  it('holds all but the first jobs in order of submission, whoever is told of first', () => {
    const { jobs, held } = theDepths({ maxDepth: 2 })
    jobs.create('c', {}, 3)
    jobs.create('a', {}, 1)
    jobs.create('b', {}, 2)
    expect(held()).toEqual(['c'])
  })

  it('tells how many wait, and the limit', () => {
    const { jobs, depths } = theDepths({ maxDepth: 1 })
    jobs.create('a')
    jobs.create('b')
    expect(depths.holdOf(jobs.entry('b'))).toEqual({ kind: 'queue-full', waiting: 2, limit: 1 })
  })

  it.each<[string, (jobs: HeldJobs) => void]>([
    ['starts', (jobs) => jobs.start('a')],
    ['ends', (jobs) => jobs.end('a', 'Cancelled')],
    ['is deleted', (jobs) => jobs.remove('a')],
  ])('lets the next one in when one of the first %s, and tells of it', (_says, leave) => {
    const { jobs, held, touched } = theDepths({ maxDepth: 1 })
    for (const name of ['a', 'b', 'c']) jobs.create(name)
    touched.clear()
    leave(jobs)
    expect(held()).toEqual(['c'])
    expect([...touched].map(({ object }) => object.name)).toEqual(['b'])
  })

  it('never holds a job between two attempts, which counts', () => {
    const { jobs, held } = theDepths({ maxDepth: 1 })
    for (const name of ['a', 'b', 'c']) jobs.create(name)
    jobs.write('c', { phase: 'Retrying', ...STARTED })
    expect(held()).toEqual(['a', 'b'])
  })

  it('never holds a job that another one waits for, or the two would wait for each other', () => {
    const { jobs, held, need } = theDepths({ maxDepth: 1 })
    for (const name of ['a', 'b', 'c']) jobs.create(name)
    need('b', true)
    expect(held()).toEqual(['a', 'c'])
    need('b', false)
    expect(held()).toEqual(['b', 'c'])
  })

  it('is obeyed for the jobs that wait already when it is set, moved and taken away', () => {
    const { jobs, held, limit } = theDepths()
    for (const name of ['a', 'b', 'c', 'd']) jobs.create(name)
    const seen = [2, 3, 1, NONE, 1].map((maxDepth) => {
      limit(maxDepth)
      return held().join('')
    })
    expect(seen).toEqual(['cd', 'd', 'bcd', '', 'bcd'])
  })
})

describe('row 13a, limits.maxObjects', () => {
  it('holds the newest jobs that never started, as many as there are too many', () => {
    const { jobs, depths, held } = theDepths({ maxObjects: 3 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) jobs.create(name)
    expect(held()).toEqual(['d', 'e'])
    const hold = { kind: 'cluster-full', objects: 5, limit: 3 }
    expect(depths.holdOf(jobs.entry('e'))).toEqual(hold)
  })

  it('counts jobs that have ended', () => {
    const { jobs, held } = theDepths({ maxObjects: 2 })
    for (const name of ['a', 'b', 'c']) jobs.create(name)
    jobs.end('a', 'Completed', STARTED)
    expect(held()).toEqual(['c'])
    jobs.remove('a')
    expect(held()).toEqual([])
  })

  it('is told after the depth of the queue', () => {
    const { jobs, depths } = theDepths({ maxObjects: 1, maxDepth: 1 })
    jobs.create('a')
    jobs.create('b')
    expect(depths.holdOf(jobs.entry('b'))?.kind).toBe('queue-full')
  })
})

const who = fc.nat(7).map((n) => `job-${n}`)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('create'), name: who, value: fc.nat(3) }) },
  fc.record({ does: fc.constant('start'), name: who, value: fc.nat(1) }),
  fc.record({ does: fc.constant('retry'), name: who, value: fc.nat(1) }),
  fc.record({ does: fc.constant('end'), name: who, value: fc.nat(1) }),
  fc.record({ does: fc.constant('need'), name: who, value: fc.nat(1) }),
  fc.record({ does: fc.constant('delete'), name: who, value: fc.nat(1) }),
  fc.record({ does: fc.constant('limit'), name: who, value: fc.integer({ min: 1, max: 6 }) }),
)

describe('a depth, whatever happens to jobs in whatever order', () => {
  it('holds what the objects say, and tells of every job that is held or let go', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), fc.integer({ min: 1, max: 9 }), (all, max) => {
        const world = theDepths({ maxObjects: max })
        const { jobs, depths, touched } = world
        const heldNow = () =>
          new Map([...jobs.ledger.entries()].map((entry) => [entry, depths.holdOf(entry) !== null]))
        let before = heldNow()
        for (const each of all) {
          touched.clear()
          take(world, each)
          const after = heldNow()
          expect(world.held().sort()).toEqual(expected(world, max))
          if (each.does !== 'limit') {
            for (const [entry, isHeld] of after) {
              const old = before.get(entry)
              if (old === undefined || old === isHeld || entry.object.name === each.name) continue
              expect([each, entry.object.name, touched.has(entry)]).toEqual([
                each,
                entry.object.name,
                true,
              ])
            }
          }
          before = after
        }
      }),
      { numRuns: 500 },
    )
  })
})

function take(
  { jobs, limit, need }: ReturnType<typeof theDepths>,
  { does, name, value }: { does: string; name: string; value: number },
): void {
  if (does === 'create' && !jobs.has(name)) jobs.create(name, {}, value)
  else if (does === 'limit') limit(value === 6 ? NONE : value)
  else if (does === 'need') need(name, value === 1)
  if (!jobs.has(name)) return
  const { object, attempt } = jobs.entry(name)
  const ended = isTerminal(object.status.phase)
  if (does === 'start' && !ended && !attempt) jobs.start(name)
  else if (does === 'retry' && attempt) {
    jobs.write(name, { phase: 'Retrying', epoch: attempt.epoch, ...STARTED })
  } else if (does === 'end' && !ended) jobs.end(name, 'Completed')
  else if (does === 'delete') jobs.remove(name)
}

/** From nothing but the objects. */
function expected({ jobs, needed, limits }: ReturnType<typeof theDepths>, maxObjects: number) {
  const waiting = [...jobs.ledger.entries()]
    .filter((entry) => isWaiting(entry.object.status.phase) && !entry.attempt)
    .sort(compareSubmission)
  const mayBeHeld = waiting.filter((entry) => !hasStarted(entry) && !needed.has(entry.object.name))
  const kept = waiting.length - mayBeHeld.length
  const byQueue = mayBeHeld.slice(Math.max(0, limits.maxDepth - kept))
  const excess = Math.max(0, jobs.ledger.size - maxObjects)
  const byCluster = mayBeHeld.slice(Math.max(0, mayBeHeld.length - excess))
  return [...new Set([...byQueue, ...byCluster])].map(({ object }) => object.name).sort()
}
