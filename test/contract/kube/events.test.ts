// Events as a genuine API server takes and shows them.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { KubeEvents } from '../../../src/kube/events.ts'
import type { EventNote } from '../../../src/observability/ports.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import { KeptLog } from '../../unit/kube/doubles.ts'
import { type Connection, connect, eventually, type Json, type Stored } from './connect.ts'

let kube: Connection
const logger = new KeptLog()
let events: KubeEvents
beforeAll(async () => {
  kube = await connect('kube-events')
  events = new KubeEvents({
    requests: kube.transport,
    instance: 'operator-a',
    tryTake: () => true,
    clock: realClock,
    random: realRandom,
    logger,
  })
})
afterAll(async () => {
  events.stop()
  await kube.close()
})

const noteOn = (job: Stored, note: string, more: Partial<EventNote> = {}): EventNote => ({
  kind: 'QueueJob',
  regarding: { namespace: job.namespace, name: job.name, uid: job.uid },
  reason: 'NoWorkers',
  action: 'Schedule',
  note,
  ...more,
})

const newJob = (metadata: Json = {}) =>
  kube.create('queuejobs', 'QueueJob', { type: 'a' }, metadata)

/** What `kubectl describe` looks for: core Events about this uid. */
async function shownFor(job: Stored): Promise<readonly Json[]> {
  const answer = await kube.transport.request({
    verb: 'GET',
    path: `/api/v1/namespaces/${job.namespace}/events`,
    query: { fieldSelector: `involvedObject.uid=${job.uid}` },
  })
  return (answer as { items: Json[] }).items
}

it('an Event is shown on its object, with who, what and why', async () => {
  const job = await newJob()
  events.emit(noteOn(job, 'no connected worker serves queue default'))
  await eventually('it is stored', async () => (await shownFor(job)).length === 1)
  expect((await shownFor(job))[0]).toMatchObject({
    type: 'Warning',
    reason: 'NoWorkers',
    action: 'Schedule',
    message: 'no connected worker serves queue default',
    reportingComponent: 'gopherqueue.io/operator',
    reportingInstance: 'operator-a',
    involvedObject: { kind: 'QueueJob', name: job.name, apiVersion: 'gopherqueue.io/v1alpha1' },
  })
})

it('the longest text of any script, and the longest name, are taken', async () => {
  const job = await newJob({ name: `${'a'.repeat(240)}.${'b'.repeat(12)}` })
  events.emit(noteOn(job, '👍'.repeat(1_000)))
  events.emit(noteOn(job, 'x'.repeat(5_000), { reason: 'UnknownType' }))
  await eventually('both are stored', async () => (await shownFor(job)).length === 2)
})

it('in a namespace that is gone it is dropped without a word', async () => {
  const before = events.counts.dropped
  const gone = { namespace: 'no-such', name: 'a', uid: 'u', resourceVersion: '1' } as Stored
  events.emit(noteOn(gone, 'x'))
  await eventually('it was tried', () => events.counts.dropped === before + 1)
  expect(logger.loud).toEqual([])
})
