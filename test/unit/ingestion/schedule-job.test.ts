import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jobNameOf, jobOfRun, jobOfTick, tickOf } from '../../../src/ingestion/schedule-job.ts'
import { aSchedule, NAMESPACE, NOON, QUEUE, TYPE } from '../../builders.ts'

const LONGEST = 's'.repeat(52)

describe('the job of a tick', () => {
  it('is called after its schedule and the unix minute, within 63 characters', () => {
    expect(jobNameOf('report', NOON)).toBe(`report-${NOON / 60_000}`)
    expect(jobNameOf(LONGEST, Date.UTC(2199, 11, 31)).length).toBeLessThanOrEqual(63)
    expect(tickOf('report', jobNameOf('report', NOON))).toBe(NOON)
  })

  it.each(['report-run-abcdef', 'report', 'report-', 'report-12a', 'other-29626560x'])(
    '%s is no name of a tick of report',
    (name) => expect(tickOf('report', name)).toBeNull(),
  )

  it('says what the template says, and whose it is', () => {
    const schedule = aSchedule({
      spec: {
        template: {
          metadata: {
            labels: { team: 'a', 'gopherqueue.io/schedule': 'mine' },
            annotations: { note: 'b' },
          },
          spec: { queue: QUEUE, type: TYPE, payload: { a: [1, null] }, priority: 'High' },
        },
      },
    })
    expect(jobOfTick(schedule, NOON)).toEqual({
      namespace: NAMESPACE,
      name: jobNameOf('report', NOON),
      labels: { team: 'a', 'gopherqueue.io/schedule': 'report' },
      annotations: { note: 'b' },
      owner: { kind: 'QueueSchedule', name: 'report', uid: schedule.uid },
      spec: expect.objectContaining({ queue: QUEUE, type: TYPE, payload: { a: [1, null] } }),
    })
  })
})

describe('jitter', () => {
  it('delays by less than it may, the same for whoever makes the job, another for each tick', () => {
    const delays = new Set<number>()
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3600 }), fc.nat(1000), (jitterSeconds, n) => {
        const schedule = aSchedule({ spec: { jitterSeconds } })
        const tick = NOON + n * 60_000
        const job = jobOfTick(schedule, tick)
        const delay = Date.parse(job.spec.startAfter ?? '') - tick
        expect(delay).toBeGreaterThanOrEqual(0)
        expect(delay).toBeLessThanOrEqual(jitterSeconds * 1000)
        expect(jobOfTick({ ...schedule, resourceVersion: '9' }, tick)).toEqual(job)
        delays.add(delay)
      }),
    )
    expect(delays.size).toBeGreaterThan(20)
  })

  it('comes on top of a delay of the template, and never before its time', () => {
    const of = (spec: object) =>
      jobOfTick(
        aSchedule({ spec: { jitterSeconds: 60, template: { spec: { type: TYPE, ...spec } } } }),
        NOON,
      ).spec
    const delayed = of({ delaySeconds: 600 })
    expect(delayed.delaySeconds).toBeUndefined()
    expect(Date.parse(delayed.startAfter ?? '')).toBeGreaterThanOrEqual(NOON + 600_000)
    expect(of({ startAfter: '2027-01-01T00:00:00Z' }).startAfter).toBe('2027-01-01T00:00:00Z')
    expect(of({ startAfter: '2020-01-01T00:00:00Z' }).startAfter).not.toBe('2020-01-01T00:00:00Z')
  })

  it('is none unless it is asked for', () => {
    expect(jobOfTick(aSchedule(), NOON).spec.startAfter).toBeUndefined()
  })
})

describe('a run by action', () => {
  it('has the name that it is given, the label of its action, and no jitter', () => {
    const schedule = aSchedule({ spec: { jitterSeconds: 3600, suspend: true } })
    const job = jobOfRun(schedule, { job: 'report-run-abcdef', action: 'run-it' })
    expect(job).toMatchObject({
      name: 'report-run-abcdef',
      labels: { 'gopherqueue.io/action': 'run-it', 'gopherqueue.io/schedule': 'report' },
      owner: { uid: schedule.uid },
    })
    expect(job.spec.startAfter).toBeUndefined()
  })
})
