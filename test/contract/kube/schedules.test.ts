// The jobs of schedules on a genuine API server: what a tick makes is stored as the template says, once,
// and is known as the schedule's own.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobObject } from '../../../src/core/job.ts'
import type { ScheduleObject } from '../../../src/core/resources.ts'
import { jobNameOf, jobOfTick } from '../../../src/ingestion/schedule-job.ts'
import { ScheduleJobs } from '../../../src/ingestion/schedule-jobs.ts'
import { ScheduleMaker } from '../../../src/ingestion/schedule-maker.ts'
import { changeAfter } from '../../../src/ingestion/schedule-status.ts'
import { KubeObjectCreator } from '../../../src/kube/create.ts'
import { KubeStatusStore } from '../../../src/kube/jobs.ts'
import { metaOf } from '../../../src/kube/objects.ts'
import { decodeSchedule, ObjectStatusStore } from '../../../src/kube/resources.ts'
import { realClock } from '../../../src/process/clock.ts'
import { type Connection, connect, type Json } from './connect.ts'

const TICK = Date.UTC(2026, 4, 1, 12)
const PAYLOAD = { to: 'a@example.com', nothing: null, list: [1, { a: true }], text: '…' }

let kube: Connection
let store: KubeStatusStore
const seen: JobObject[] = []
beforeAll(async () => {
  kube = await connect('kube-schedules')
  store = new KubeStatusStore(kube.transport)
})
afterAll(() => kube.close())

function aMaker(): ScheduleMaker {
  return new ScheduleMaker({
    creator: new KubeObjectCreator(kube.transport),
    store,
    seen: (object) => void seen.push(object),
    jobs: new ScheduleJobs(),
    clock: realClock,
  })
}

async function scheduleNamed(name: string): Promise<ScheduleObject> {
  const raw = await kube.read('queueschedules', name)
  const meta = metaOf(raw)
  const decoded = meta && decodeSchedule(raw, meta)
  if (decoded?.kind !== 'object') throw new Error(JSON.stringify(decoded))
  return decoded.object
}

async function aSchedule(spec: Json = {}): Promise<ScheduleObject> {
  const template = {
    metadata: { labels: { team: 'a' }, annotations: { note: 'b' } },
    spec: { type: 'report.build', payload: PAYLOAD },
  }
  const made = await kube.create('queueschedules', 'QueueSchedule', {
    ...{ schedule: '0 * * * *', template },
    ...spec,
  })
  return scheduleNamed(made.name)
}

describe('the job of a tick', () => {
  it('is stored as the template says, with label and owner', async () => {
    const schedule = await aSchedule()
    const name = jobNameOf(schedule.name, TICK)
    const made = await aMaker().make(schedule, jobOfTick(schedule, TICK))
    expect(made).toEqual({ kind: 'made', now: true })
    const stored = await kube.read('queuejobs', name)
    expect(stored).toMatchObject({
      metadata: {
        labels: { team: 'a', 'gopherqueue.io/schedule': schedule.name },
        annotations: { note: 'b' },
        ownerReferences: [{ kind: 'QueueSchedule', uid: schedule.uid, controller: true }],
      },
    })
    expect((stored.spec as Json).payload).toEqual(PAYLOAD)
  })

  it('is read as the job of its schedule', async () => {
    const schedule = await aSchedule()
    await aMaker().make(schedule, jobOfTick(schedule, TICK))
    const read = await store.readJob({
      namespace: kube.namespace,
      name: jobNameOf(schedule.name, TICK),
    })
    expect(read).toMatchObject({ kind: 'found', object: { tags: { schedule: schedule.uid } } })
  })

  it('is made once, by whoever makes it', async () => {
    const schedule = await aSchedule()
    const job = jobOfTick(schedule, TICK)
    const both = await Promise.all([aMaker().make(schedule, job), aMaker().make(schedule, job)])
    expect(both).toContainEqual({ kind: 'made', now: true })
    expect(both).toContainEqual({ kind: 'made', now: false })
    expect(seen.map(({ name }) => name)).toContain(job.name)
  })

  it('may wait for its jitter', async () => {
    const schedule = await aSchedule({ jitterSeconds: 600 })
    const job = jobOfTick(schedule, TICK)
    expect(await aMaker().make(schedule, job)).toEqual({ kind: 'made', now: true })
    const { spec } = await kube.read('queuejobs', job.name)
    expect(spec).toMatchObject({ startAfter: job.spec.startAfter })
  })

  it('is not made when its name is taken by a job that somebody else made', async () => {
    const schedule = await aSchedule()
    const name = jobNameOf(schedule.name, TICK)
    await kube.create('queuejobs', 'QueueJob', { type: 'a' }, { name })
    expect(await aMaker().make(schedule, jobOfTick(schedule, TICK))).toEqual({ kind: 'taken' })
  })

  it('that the server does not take is refused with its words', async () => {
    const schedule = await aSchedule()
    const job = { ...jobOfTick(schedule, TICK), labels: { 'no label!': 'x' } }
    expect(await aMaker().make(schedule, job)).toMatchObject({
      ...{ kind: 'refused', status: 422, detail: expect.stringContaining('no label!') },
    })
  })
})

describe('the status of a schedule', () => {
  it('is taken and read back as it was written', async () => {
    const schedule = await aSchedule({ timeZone: 'Europe/Berlin' })
    const trouble = { type: 'Stalled', reason: 'TemplateRefused', message: 'no' } as const
    const looked = { cursor: TICK, lastTick: TICK, missed: 3, active: ['a'], trouble }
    const change = changeAfter(schedule, looked, TICK)
    if (!change) throw new Error('nothing to write')
    const statuses = new ObjectStatusStore(kube.transport)
    const answer = await statuses.writeStatus('QueueSchedule', schedule, change.status)
    expect(answer).toMatchObject({ kind: 'written' })
    const after = await scheduleNamed(schedule.name)
    expect(after.status).toEqual(change.status)
    expect(changeAfter(after, { ...looked, missed: 0 }, TICK + 60_000)).toBeNull()
  })
})
