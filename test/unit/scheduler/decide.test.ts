// Who starts now, and where.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classId } from '../../../src/core/ids.ts'
import type { JobRecord } from '../../../src/core/job.ts'
import { type Decision, decide } from '../../../src/scheduler/decide.ts'
import { compareJobs } from '../../../src/scheduler/ordering.ts'
import { ReadyJobs } from '../../../src/scheduler/ready.ts'
import { type ClassView, type Lane, type LaneKey, serves } from '../../../src/scheduler/snapshot.ts'
import { aClass, aSubmittedRecord, HANDLERS, QUEUE } from '../../builders.ts'
import { manyClasses, manyJobs } from './arbitrary.ts'

function lanesOf(records: readonly JobRecord[], limit = 100): readonly Lane[] {
  const ready = new ReadyJobs()
  for (const record of records) ready.add(record)
  return ready.lanes(limit)
}

const names = (decisions: readonly Decision[]) => decisions.map(({ record }) => record.name)
const started = (records: readonly JobRecord[], classes: readonly ClassView[]) =>
  names(decide({ lanes: lanesOf(records), classes }))

const small = classId('class-a')
const large = classId('class-b')

describe('decide', () => {
  it('starts the jobs of a lane in order, as many as there are free slots', () => {
    const records = [3, 1, 2].map((n) => aSubmittedRecord(n))
    expect(started(records, [aClass({ free: 2 })])).toEqual(['job-1', 'job-2'])
  })

  it('takes the first head of all lanes first', () => {
    const records = [
      aSubmittedRecord(1),
      aSubmittedRecord(2, { type: 'report' }),
      aSubmittedRecord(3),
      aSubmittedRecord(4, { type: 'report', priority: 0 }),
    ]
    const handlers = [...HANDLERS, { type: 'report', version: '1' }]
    expect(started(records, [aClass({ handlers, free: 3 })])).toEqual(['job-4', 'job-1', 'job-2'])
  })

  it('never lets a lane without workers hold up another one', () => {
    const records = [aSubmittedRecord(1, { type: 'unknown', priority: 0 }), aSubmittedRecord(2)]
    expect(started(records, [aClass()])).toEqual(['job-2'])
  })

  it('never lets a lane whose workers are busy hold up another one', () => {
    const records = [aSubmittedRecord(1), aSubmittedRecord(2, { type: 'report' })]
    const report = aClass({ cls: large, handlers: [{ type: 'report', version: '1' }] })
    expect(started(records, [aClass({ free: 0 }), report])).toEqual(['job-2'])
  })

  it.each([
    ['another namespace', { namespace: 'other' }],
    ['another queue', { queues: new Set(['other']) }],
    ['another type', { handlers: [{ type: 'report', version: '1' }] }],
    ['no free slot', { free: 0 }],
  ])('gives nothing to workers with %s', (_says, differs) => {
    expect(started([aSubmittedRecord(1)], [aClass(differs)])).toEqual([])
  })

  it('gives a job that asks for a version to workers of that version only', () => {
    const records = [aSubmittedRecord(1, { handlerVersion: '2' })]
    const two = aClass({ cls: large, handlers: [{ type: 'email.send', version: '2' }] })
    expect(started(records, [aClass()])).toEqual([])
    expect(decide({ lanes: lanesOf(records), classes: [aClass(), two] })).toMatchObject([
      { cls: large },
    ])
  })

  it('spreads jobs to the class with the most free slots, ties to the smaller id', () => {
    const records = [1, 2, 3, 4].map((n) => aSubmittedRecord(n))
    const classes = [aClass({ cls: large, free: 3 }), aClass({ cls: small, free: 2 })]
    const decisions = decide({ lanes: lanesOf(records), classes })
    expect(decisions.map(({ cls }) => cls)).toEqual([large, small, large, small])
  })

  it('serves several queues with one class', () => {
    const records = [aSubmittedRecord(1), aSubmittedRecord(2, { queue: 'other' })]
    const both = aClass({ queues: new Set([QUEUE, 'other']), free: 1 })
    expect(started(records, [both])).toEqual(['job-1'])
  })

  it('has nothing to say without jobs or without workers', () => {
    expect(decide({ lanes: [], classes: [aClass()] })).toEqual([])
    expect(started([aSubmittedRecord(1)], [])).toEqual([])
  })
})

describe('whatever waits and whoever is free', () => {
  const situations = fc.tuple(manyJobs(20), manyClasses(5))
  const decided = (records: readonly JobRecord[], classes: readonly ClassView[]) =>
    decide({ lanes: lanesOf(records), classes })
  const laneText = (key: LaneKey) =>
    [key.namespace, key.queue, key.type, key.handlerVersion].join(' ')
  const freeAfter = (each: ClassView, decisions: readonly Decision[]) =>
    each.free - decisions.filter(({ cls }) => cls === each.cls).length

  it('no class gets more than its free slots, and none a job that it does not serve', () => {
    fc.assert(
      fc.property(situations, ([records, classes]) => {
        const decisions = decided(records, classes)
        for (const each of classes) expect(freeAfter(each, decisions)).toBeGreaterThanOrEqual(0)
        for (const { record, cls } of decisions) {
          const chosen = classes.find((each) => each.cls === cls)
          expect(chosen && serves(chosen, record)).toBe(true)
        }
      }),
    )
  })

  it('no job starts twice', () => {
    fc.assert(
      fc.property(situations, ([records, classes]) => {
        const uids = decided(records, classes).map(({ record }) => record.uid)
        expect(new Set(uids).size).toBe(uids.length)
      }),
    )
  })

  it('within a lane the started jobs are the first ones, in order', () => {
    fc.assert(
      fc.property(situations, ([records, classes]) => {
        const decisions = decided(records, classes)
        for (const lane of lanesOf(records)) {
          const of = decisions.filter(({ record }) => laneText(record) === laneText(lane))
          expect(of.map(({ record }) => record)).toEqual(lane.heads.slice(0, of.length))
        }
      }),
    )
  })

  it('no slot stays free that a waiting job could use', () => {
    fc.assert(
      fc.property(situations, ([records, classes]) => {
        const decisions = decided(records, classes)
        const waiting = records.filter((one) => !decisions.some(({ record }) => record === one))
        for (const each of classes) {
          if (freeAfter(each, decisions) === 0) continue
          expect(waiting.filter((record) => serves(each, record))).toEqual([])
        }
      }),
    )
  })

  it('a job that starts goes before every waiting one that the same class could have taken', () => {
    fc.assert(
      fc.property(situations, ([records, classes]) => {
        const decisions = decided(records, classes)
        const waiting = records.filter((one) => !decisions.some(({ record }) => record === one))
        for (const { record, cls } of decisions) {
          const chosen = classes.find((each) => each.cls === cls)
          for (const other of waiting) {
            if (chosen && serves(chosen, other)) {
              expect(compareJobs(record, other)).toBeLessThan(0)
            }
          }
        }
      }),
    )
  })

  it('the answer does not depend on the order in which lanes and classes are listed', () => {
    fc.assert(
      fc.property(situations, ([records, classes]) => {
        const forward = decide({ lanes: lanesOf(records), classes })
        const backward = decide({
          lanes: lanesOf(records).toReversed(),
          classes: classes.toReversed(),
        })
        expect(backward).toEqual(forward)
      }),
    )
  })

  it('heads cut to the free slots give the same answer as all jobs', () => {
    fc.assert(
      fc.property(situations, ([records, classes]) => {
        const free = classes.reduce((sum, each) => sum + each.free, 0)
        const cut = decide({ lanes: lanesOf(records, free), classes })
        expect(cut).toEqual(decided(records, classes))
      }),
    )
  })
})
