// Ready jobs in lanes: what the same workers can take, in order.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JobRecord } from '../../../src/core/job.ts'
import { compareJobs } from '../../../src/scheduler/ordering.ts'
import { ReadyJobs } from '../../../src/scheduler/ready.ts'
import type { LaneKey } from '../../../src/scheduler/snapshot.ts'
import { aRecord, aSubmittedRecord, uid } from '../../builders.ts'
import { manyJobs } from './arbitrary.ts'

function readyWith(...records: readonly JobRecord[]): ReadyJobs {
  const ready = new ReadyJobs()
  for (const record of records) ready.add(record)
  return ready
}

const names = (ready: ReadyJobs, limit = 100) =>
  ready.lanes(limit).map((lane) => lane.heads.map((record) => record.name))

const laneText = (key: LaneKey) =>
  [key.namespace, key.queue, key.type, key.handlerVersion].join(' ')

describe('ReadyJobs', () => {
  it('gives the jobs of one lane in order of submission', () => {
    const ready = readyWith(aSubmittedRecord(3), aSubmittedRecord(1), aSubmittedRecord(2))
    expect(names(ready)).toEqual([['job-1', 'job-2', 'job-3']])
  })

  it('gives no more than the first of each lane when asked for one', () => {
    const ready = readyWith(
      aSubmittedRecord(1),
      aSubmittedRecord(2),
      aSubmittedRecord(3, { type: 'report' }),
    )
    expect(names(ready, 1)).toEqual([['job-1'], ['job-3']])
    expect(ready.size).toBe(3)
  })

  it.each(['namespace', 'queue', 'type', 'handlerVersion'] as const)(
    'keeps jobs that differ in %s in lanes of their own',
    (field) => {
      const ready = readyWith(aSubmittedRecord(1), aSubmittedRecord(2, { [field]: 'other' }))
      expect(names(ready)).toEqual([['job-1'], ['job-2']])
    },
  )

  it('forgets a removed job and the lane that it leaves empty', () => {
    const ready = readyWith(aSubmittedRecord(1), aSubmittedRecord(2, { type: 'report' }))
    ready.remove(uid(1))
    ready.remove(uid(1))
    expect(names(ready)).toEqual([['job-2']])
    expect(ready.size).toBe(1)
  })

  it('moves a job whose priority changed', () => {
    const ready = readyWith(aSubmittedRecord(1), aSubmittedRecord(2))
    ready.update(aSubmittedRecord(2, { priority: 0 }))
    expect(names(ready)).toEqual([['job-2', 'job-1']])
  })

  it('moves a job to another lane when it now asks for a version', () => {
    const ready = readyWith(aSubmittedRecord(1), aSubmittedRecord(2))
    ready.add(aSubmittedRecord(2, { handlerVersion: '2' }))
    expect(names(ready)).toEqual([['job-1'], ['job-2']])
    expect(ready.size).toBe(2)
  })

  it('does not take in a job by an update', () => {
    const ready = new ReadyJobs()
    ready.update(aRecord())
    expect(ready.size).toBe(0)
  })

  it('counts the jobs of the queue that go before one, whatever their type', () => {
    const ready = readyWith(
      aSubmittedRecord(1),
      aSubmittedRecord(2, { type: 'report' }),
      aSubmittedRecord(3),
      aSubmittedRecord(4, { queue: 'other' }),
      aSubmittedRecord(5, { priority: 0 }),
    )
    expect(ready.ahead(aSubmittedRecord(3))).toBe(3)
    expect(ready.ahead(aSubmittedRecord(5, { priority: 0 }))).toBe(0)
  })

  it('holds what was added and not removed, each in its lane, each lane in order', () => {
    fc.assert(
      fc.property(manyJobs(25), fc.infiniteStream(fc.boolean()), (records, keep) => {
        const ready = readyWith(...records)
        const kept = records.filter((record) => {
          const stays = keep.next().value
          if (!stays) ready.remove(record.uid)
          return stays
        })
        const lanes = ready.lanes(100)
        expect(new Set(lanes.map(laneText)).size).toBe(lanes.length)
        for (const lane of lanes) {
          const want = kept.filter((record) => laneText(record) === laneText(lane))
          expect(lane.heads).toEqual(want.sort(compareJobs))
        }
        expect(lanes.flatMap((lane) => lane.heads)).toHaveLength(kept.length)
      }),
    )
  })

  it('takes a hundred thousand jobs and gives the first of them', () => {
    const ready = new ReadyJobs()
    const first = aSubmittedRecord(0)
    for (let n = 100_000; n > 0; n--) ready.add({ ...first, ...aNumbered(first, n) })
    expect(names(ready, 2)).toEqual([['job-1', 'job-2']])
    for (let n = 1; n < 100_000; n++) ready.remove(uid(n))
    expect(names(ready)).toEqual([['job-100000']])
  })
})

function aNumbered(record: JobRecord, n: number): Partial<JobRecord> {
  return {
    uid: uid(n),
    name: `job-${n}`,
    submission: { ...record.submission, firstSeen: n },
  }
}
