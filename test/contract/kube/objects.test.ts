// What the operator creates and deletes itself, against a genuine API server.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_CONTROLLER_NAME, LABELS } from '../../../src/api/conditions.ts'
import { KubeObjectCreator } from '../../../src/kube/create.ts'
import { KubeObjectDeleter } from '../../../src/kube/delete.ts'
import { type Connection, connect, eventually, transportAs } from './connect.ts'

let kube: Connection
let creator: KubeObjectCreator
let deleter: KubeObjectDeleter
beforeAll(async () => {
  kube = await connect('kube-objects')
  creator = new KubeObjectCreator(kube.transport)
  deleter = new KubeObjectDeleter(kube.transport)
})
afterAll(() => kube.close())

const plain = { labels: {}, annotations: {}, owner: null }
const aQueue = (name: string, namespace = kube.namespace) => ({
  ...plain,
  namespace,
  name,
  spec: { controllerName: DEFAULT_CONTROLLER_NAME },
})

describe('an object that the operator makes', () => {
  it('has the labels, the spec and the field manager it was given', async () => {
    const labels = { [LABELS.implicit]: 'true' }
    const answer = await creator.create('Queue', { ...aQueue('default'), labels })
    const stored = await kube.read('queues', 'default')
    expect(stored).toMatchObject({
      metadata: { labels, managedFields: [{ manager: 'gopherqueue' }] },
      spec: { controllerName: DEFAULT_CONTROLLER_NAME },
    })
    const { uid, resourceVersion } = stored.metadata as Record<string, string>
    expect(answer).toEqual({ kind: 'created', uid, resourceVersion })
  })

  it('exists when it is made again, and is left as it is', async () => {
    await creator.create('Queue', aQueue('twice'))
    const before = await kube.read('queues', 'twice')
    const again = { ...aQueue('twice'), labels: { other: 'label' } }
    expect(await creator.create('Queue', again)).toEqual({ kind: 'exists' })
    expect(await kube.read('queues', 'twice')).toEqual(before)
  })

  it('is owned by the schedule that it is made for', async () => {
    const schedule = await kube.create('queueschedules', 'QueueSchedule', {
      schedule: '@daily',
      template: { spec: { type: 'a' } },
    })
    const owner = { kind: 'QueueSchedule', name: schedule.name, uid: schedule.uid } as const
    const job = { ...plain, namespace: kube.namespace, name: 'tick-1', owner, spec: { type: 'a' } }
    expect(await creator.create('QueueJob', job)).toMatchObject({ kind: 'created' })
    const stored = await kube.read('queuejobs', 'tick-1')
    expect(stored.metadata).toMatchObject({
      ownerReferences: [
        { apiVersion: 'gopherqueue.io/v1alpha1', kind: 'QueueSchedule', uid: schedule.uid },
      ],
    })
  })

  it.each([
    { why: 'its name is against the rules', name: 'two.labels', wantStatus: 422 },
    { why: 'its name is no name', name: 'Not_A_Name', wantStatus: 422 },
  ])('is refused when $why', async ({ name, wantStatus }) => {
    const answer = await creator.create('Queue', aQueue(name))
    expect(answer).toMatchObject({ kind: 'refused', status: wantStatus })
  })

  it('is refused to whoever may not create it', async () => {
    const transport = await transportAs('nobody')
    const answer = await new KubeObjectCreator(transport).create('Queue', aQueue('forbidden'))
    expect(answer).toMatchObject({ kind: 'refused', status: 403 })
    await transport.close()
  })

  it('is not made in a namespace that ends, or that is not there', async () => {
    expect(await creator.create('Queue', aQueue('default', 'never-made'))).toEqual({
      kind: 'terminating',
    })
    const ending = await connect('kube-objects-ending')
    // Something that holds the namespace in its end.
    await ending.create('queues', 'Queue', {}, { finalizers: ['example.com/held'], name: 'held' })
    await kube.transport.request({ verb: 'DELETE', path: '/api/v1/namespaces/kube-objects-ending' })
    const answer = await creator.create('Queue', aQueue('default', 'kube-objects-ending'))
    expect(answer).toEqual({ kind: 'terminating' })
    await ending.edit('queues', 'held', { metadata: { finalizers: null } })
    await ending.close()
  })

  it('may be there although nobody heard of it', async () => {
    const transport = await transportAs('admin', { onCall: () => 'lose-answer' })
    const answer = await new KubeObjectCreator(transport).create('Queue', aQueue('unheard'))
    expect(answer).toMatchObject({ kind: 'unknown' })
    await transport.close()
    expect(await creator.create('Queue', aQueue('unheard'))).toEqual({ kind: 'exists' })
  })
})

describe('a deletion', () => {
  const aJob = () => kube.create('queuejobs', 'QueueJob', { type: 'a' })
  const isGone = (name: string) =>
    kube.read('queuejobs', name).then(
      () => false,
      () => true,
    )

  it('takes the version that was looked at, once', async () => {
    const job = await aJob()
    expect(await deleter.delete('QueueJob', job)).toEqual({ kind: 'deleted' })
    await eventually('the job is gone', () => isGone(job.name))
    expect(await deleter.delete('QueueJob', job)).toEqual({ kind: 'gone' })
  })

  it('spares a job that was edited meanwhile', async () => {
    const job = await aJob()
    await kube.edit('queuejobs', job.name, { spec: { ttlSecondsAfterFinished: 60 } })
    expect(await deleter.delete('QueueJob', job)).toEqual({ kind: 'conflict' })
    expect(await isGone(job.name)).toBe(false)
  })

  it('spares another job of the same name', async () => {
    const job = await kube.create('queuejobs', 'QueueJob', { type: 'a' }, { name: 'same' })
    await kube.remove('queuejobs', 'same')
    const other = await kube.create('queuejobs', 'QueueJob', { type: 'a' }, { name: 'same' })
    const target = { ...other, uid: job.uid }
    expect(await deleter.delete('QueueJob', target)).toEqual({ kind: 'conflict' })
    expect(await isGone('same')).toBe(false)
  })

  it('is refused to whoever may not delete', async () => {
    const transport = await transportAs('nobody')
    const answer = await new KubeObjectDeleter(transport).delete('QueueJob', await aJob())
    expect(answer).toMatchObject({ kind: 'refused', status: 403 })
    await transport.close()
  })

  it('may have happened although nobody heard of it', async () => {
    const transport = await transportAs('admin', { onCall: () => 'lose-answer' })
    const job = await aJob()
    const answer = await new KubeObjectDeleter(transport).delete('QueueJob', job)
    expect(answer).toMatchObject({ kind: 'unknown' })
    await transport.close()
  })
})
