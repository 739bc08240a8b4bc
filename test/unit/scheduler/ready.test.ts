// Ready jobs by queue, lane, fairness key, concurrency key and class: what is kept in order, and what is
// left when jobs go.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JobRecord } from '../../../src/core/job.ts'
import { comparePlaced, type Placed } from '../../../src/core/order.ts'
import { ReadyJobs } from '../../../src/scheduler/ready.ts'
import type { Strand } from '../../../src/scheduler/strand.ts'
import { aSubmittedRecord, NAMESPACE, NOON, QUEUE, uid } from '../../builders.ts'
import { manyJobs } from './arbitrary.ts'
import { placedOf } from './rounds.ts'

const AGING = 300_000

function readyWith(...jobs: readonly (Placed | JobRecord)[]): ReadyJobs {
  const ready = new ReadyJobs(() => ({ key: 1, queue: 1 }))
  for (const job of jobs) ready.add(placedOf(job))
  return ready
}

function strands(ready: ReadyJobs): readonly Strand[] {
  return [...new Set([...ready.jobs()].map((job) => job.stream.strand))]
}

/** Takes everything out, always the job that goes first of its strand. */
function drained(ready: ReadyJobs): readonly (readonly string[])[] {
  return strands(ready).map((strand) => {
    const names: string[] = []
    for (let job = strand.best(NOON, AGING); job; job = strand.best(NOON, AGING)) {
      names.push(job.record.name)
      ready.remove(job.record.uid)
    }
    return names
  })
}

describe('ReadyJobs', () => {
  it('gives the jobs of one strand in order of submission, Critical first', () => {
    const ready = readyWith(
      aSubmittedRecord(3),
      aSubmittedRecord(1),
      aSubmittedRecord(2),
      aSubmittedRecord(4, { priority: 0 }),
    )
    expect(drained(ready)).toEqual([['job-4', 'job-1', 'job-2', 'job-3']])
  })

  it.each(['namespace', 'queue', 'type', 'handlerVersion', 'fairnessKey'] as const)(
    'keeps jobs that differ in %s in strands of their own',
    (field) => {
      const ready = readyWith(aSubmittedRecord(1), aSubmittedRecord(2, { [field]: 'other' }))
      expect(drained(ready)).toEqual([['job-1'], ['job-2']])
    },
  )

  it('keeps jobs of different concurrency keys in one order', () => {
    const ready = readyWith(
      aSubmittedRecord(1, { concurrencyKey: 'b' }),
      aSubmittedRecord(2, { concurrencyKey: 'a' }),
      aSubmittedRecord(3),
      aSubmittedRecord(4, { concurrencyKey: 'b' }),
    )
    expect(drained(ready)).toEqual([['job-1', 'job-2', 'job-3', 'job-4']])
  })

  it('moves a job whose priority or whose asked version was edited', () => {
    const ready = readyWith(aSubmittedRecord(1), aSubmittedRecord(2))
    ready.add(placedOf(aSubmittedRecord(2, { priority: 0 })))
    expect(ready.size).toBe(2)
    expect(drained(readyWith(...ready.jobs()))).toEqual([['job-2', 'job-1']])
    ready.add(placedOf(aSubmittedRecord(2, { handlerVersion: '2' })))
    expect(drained(ready)).toEqual([['job-1'], ['job-2']])
  })

  it('keeps a job in its place when another version of it changes nothing about that', () => {
    const ready = readyWith(aSubmittedRecord(1))
    const before = ready.get(uid(1))
    ready.add(placedOf(aSubmittedRecord(1, { runId: 'again' })))
    expect(ready.get(uid(1))).toBe(before)
    expect(ready.get(uid(1))?.record.runId).toBe('again')
  })

  it('does not give a fairness key a new turn because of an edit', () => {
    const ready = readyWith(aSubmittedRecord(1, { fairnessKey: 'a' }))
    ready.add(placedOf(aSubmittedRecord(2, { fairnessKey: 'b' })))
    const turn = ready.get(uid(1))?.stream.strand.turn
    ready.add(placedOf(aSubmittedRecord(1, { fairnessKey: 'a', priority: 0 })))
    expect(ready.get(uid(1))?.stream.strand.turn).toBe(turn)
  })

  it('does not look at a parked stream until its key has room, also when jobs come and go', () => {
    const a = { concurrencyKey: 'a' }
    const ready = readyWith(aSubmittedRecord(1, a), aSubmittedRecord(2, a), aSubmittedRecord(3))
    const stream = ready.get(uid(1))?.stream
    const queue = ready.queue(NAMESPACE, QUEUE)
    if (!stream || !queue) throw new Error('there are jobs')
    ready.park(stream)
    ready.park(stream)
    ready.add(placedOf(aSubmittedRecord(4, a)))
    ready.remove(uid(1))
    expect(stream.strand.best(NOON, AGING)?.record.name).toBe('job-3')
    ready.unpark(queue, (key) => key !== 'a')
    expect(stream.strand.best(NOON, AGING)?.record.name).toBe('job-3')
    ready.unpark(queue, (key) => key === 'a')
    expect(drained(ready)).toEqual([['job-2', 'job-3', 'job-4']])
    expect(queue.parked.size).toBe(0)
  })

  it('forgets a parked key with its last job', () => {
    const ready = readyWith(aSubmittedRecord(1, { concurrencyKey: 'a' }), aSubmittedRecord(2))
    const stream = ready.get(uid(1))?.stream
    if (stream) ready.park(stream)
    ready.remove(uid(1))
    expect(ready.queue(NAMESPACE, QUEUE)?.parked.size).toBe(0)
  })

  it('counts the jobs that go before one', () => {
    const ready = readyWith(
      aSubmittedRecord(1),
      aSubmittedRecord(2, { concurrencyKey: 'a' }),
      aSubmittedRecord(3),
      aSubmittedRecord(5, { priority: 0 }),
    )
    const [strand] = strands(ready)
    const third = ready.get(uid(3))
    if (!strand || !third) throw new Error('there are jobs')
    expect(strand.countBefore(third, NOON, AGING, 100)).toBe(3)
    expect(strand.countBefore(third, NOON, AGING, 2)).toBe(2)
  })

  it('holds what was added and not removed, each strand in order, and nothing else', () => {
    fc.assert(
      fc.property(manyJobs(25), fc.infiniteStream(fc.boolean()), (jobs, keep) => {
        const ready = readyWith(...jobs)
        const kept = jobs.filter(({ record }) => {
          const stays = keep.next().value
          if (!stays) ready.remove(record.uid)
          return stays
        })
        expect(ready.size).toBe(kept.length)
        const order = new Map(
          kept
            .toSorted((a, b) => comparePlaced(a, b, NOON, AGING))
            .map(({ record }, place) => [record.name, place]),
        )
        const all = drained(ready)
        for (const names of all) {
          const places = names.map((name) => order.get(name) ?? -1)
          expect(places).toEqual(places.toSorted((a, b) => a - b))
        }
        expect(all.flat().sort()).toEqual(kept.map(({ record }) => record.name).sort())
        for (const { record } of jobs) {
          expect(ready.queue(record.namespace, record.queue)).toBe(undefined)
        }
      }),
    )
  })

  it('takes a hundred thousand jobs and gives the first of them', () => {
    const ready = readyWith()
    const first = aSubmittedRecord(0)
    for (let n = 100_000; n > 0; n--) {
      const submission = { ...first.submission, firstSeen: n }
      const record = {
        ...first,
        uid: uid(n),
        name: `job-${n}`,
        submission,
        concurrencyKey: `${n % 9}`,
      }
      ready.add(placedOf(record))
    }
    const [strand] = strands(ready)
    expect(strand?.best(NOON, AGING)?.record.name).toBe('job-1')
    for (let n = 1; n < 100_000; n++) ready.remove(uid(n))
    expect(drained(ready)).toEqual([['job-100000']])
  })
})
