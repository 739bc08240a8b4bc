// What the answers of the API server to the creation of a schedule's job mean.

import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import type { CreateAnswer } from '../../../src/ingestion/ports.ts'
import { jobNameOf, jobOfTick } from '../../../src/ingestion/schedule-job.ts'
import { ScheduleJobs } from '../../../src/ingestion/schedule-jobs.ts'
import { ScheduleMaker } from '../../../src/ingestion/schedule-maker.ts'
import type { ReadAnswer } from '../../../src/persistence/ports.ts'
import { aJob, aSchedule, NOON } from '../../builders.ts'

const schedule = aSchedule()
const name = jobNameOf(schedule.name, NOON)
const own = aJob({ name, tags: { schedule: schedule.uid } })

function making(answer: CreateAnswer, read: ReadAnswer = { kind: 'gone' }, known = false) {
  const jobs = new ScheduleJobs()
  if (known) jobs.changed(own)
  const maker = new ScheduleMaker({
    creator: { create: async () => answer },
    store: { readJob: async () => read },
    seen() {},
    jobs,
    clock: new VirtualClock(NOON),
  })
  return { jobs, made: maker.make(schedule, jobOfTick(schedule, NOON)) }
}

const LATER = { kind: 'later', retryAfterMs: 3_000, detail: 'busy' } as const
const REFUSED = { kind: 'refused', status: 422, detail: 'spec.type: too long' } as const
const EXISTS = { kind: 'exists' } as const

describe('the creation of a job', () => {
  it.each<[string, CreateAnswer, ReadAnswer, object]>([
    [
      'whose name its own job has is done',
      EXISTS,
      { kind: 'found', object: own },
      { kind: 'made', now: false },
    ],
    [
      'whose name had a job that is gone by now is done: twice is worse',
      EXISTS,
      { kind: 'gone' },
      { kind: 'made', now: false },
    ],
    [
      'whose name another job has is not done',
      EXISTS,
      { kind: 'found', object: aJob({ name }) },
      { kind: 'taken' },
    ],
    ['is decided later while nobody can be asked whose the name is', EXISTS, LATER, LATER],
    ['that was refused says why', REFUSED, { kind: 'gone' }, REFUSED],
    ['comes again when the server says', LATER, { kind: 'gone' }, LATER],
    [
      'without an answer comes again soon',
      { kind: 'unknown', detail: 'reset' },
      { kind: 'gone' },
      { kind: 'later', retryAfterMs: 1_000 },
    ],
    [
      'in a namespace that goes away is over',
      { kind: 'terminating' },
      { kind: 'gone' },
      { kind: 'over' },
    ],
  ])('%s', async (_, answer, read, wanted) => {
    expect(await making(answer, read).made).toMatchObject(wanted)
  })

  it('is known before the watch tells', async () => {
    const { made, jobs } = making({ kind: 'created', uid: own.uid, resourceVersion: '7000' })
    expect(await made).toEqual({ kind: 'made', now: true })
    expect(jobs.of(schedule.uid)).toMatchObject([{ name, phase: 'Pending' }])
  })

  it('asks nobody about a name that it knows as its own', async () => {
    expect(await making(EXISTS, LATER, true).made).toEqual({ kind: 'made', now: false })
  })
})

describe('the jobs of schedules', () => {
  it('are looked at when one comes, ends or goes; not for each of their versions', () => {
    const jobs = new ScheduleJobs()
    const running = {
      ...own,
      resourceVersion: '1001',
      status: { ...own.status, phase: 'Running' } as const,
    }
    const ended = {
      ...own,
      resourceVersion: '1002',
      status: { ...own.status, phase: 'Failed' } as const,
    }
    expect(jobs.changed(own)).toBe(schedule.uid)
    expect(jobs.changed(running)).toBe('')
    expect(jobs.changed(ended)).toBe(schedule.uid)
    expect(jobs.changed(running)).toBe('')
    expect(jobs.of(schedule.uid)).toMatchObject([{ phase: 'Failed' }])
    expect(jobs.removed(own.uid)).toBe(schedule.uid)
    expect(jobs.of(schedule.uid)).toEqual([])
  })

  it('are not those of nobody', () => {
    const jobs = new ScheduleJobs()
    expect(jobs.changed(aJob())).toBe('')
    expect(jobs.removed(own.uid)).toBe('')
  })
})
