// The status store and the payload reader against a genuine API server (protocol W1–W5).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import { UNWRITTEN_STATUS } from '../../../src/api/queuejob.ts'
import { jobUid } from '../../../src/core/ids.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { KubePayloadReader, KubeStatusStore } from '../../../src/kube/jobs.ts'
import { type Connection, connect, type Json, type Stored, transportAs } from './connect.ts'

let kube: Connection
let store: KubeStatusStore
beforeAll(async () => {
  kube = await connect('kube-jobs')
  store = new KubeStatusStore(kube.transport)
})
afterAll(() => kube.close())

const RUNNING: QueueJobStatus = {
  observedGeneration: 1,
  phase: 'Running',
  reason: 'Running',
  epoch: 4_294_967_297,
  attempt: 1,
  startTime: '2026-05-01T12:00:00Z',
  worker: { pod: 'worker-1', podUID: 'uid', boot: 'boot0001', node: 'node', class: 'c' },
}

const newJob = (spec: Json = {}, metadata: Json = {}) =>
  kube.create('queuejobs', 'QueueJob', { type: 'email.send', ...spec }, metadata)

const write = (target: Stored, next: QueueJobStatus, before: QueueJobStatus = UNWRITTEN_STATUS) =>
  store.writeStatus(target, before, next)

const statusOf = async ({ name }: Stored) => (await kube.read('queuejobs', name)).status

/** Writes and gives the target of the next write. */
async function written(target: Stored, next: QueueJobStatus): Promise<Stored> {
  const answer = await write(target, next)
  if (answer.kind !== 'written') throw new Error(JSON.stringify(answer))
  return { ...target, resourceVersion: answer.resourceVersion }
}

async function found(target: Stored): Promise<JobObject> {
  const answer = await store.readJob(target)
  if (answer.kind !== 'found') throw new Error(JSON.stringify(answer))
  return answer.object
}

describe('a status is written', () => {
  it('and the version of the answer is the one that is stored', async () => {
    const job = await newJob()
    const after = await written(job, RUNNING)
    expect(after.resourceVersion).not.toBe(job.resourceVersion)
    expect(await found(job)).toMatchObject({
      resourceVersion: after.resourceVersion,
      status: RUNNING,
    })
  })

  it('on the version of the answer, without reading in between', async () => {
    const job = await newJob()
    const after = await written(await written(job, RUNNING), { ...RUNNING, attempt: 2 })
    expect((await found(job)).resourceVersion).toBe(after.resourceVersion)
  })

  it('as a whole: what the next one lacks is gone, at any depth', async () => {
    const job = await newJob()
    const result = { a: 1, deep: { b: 2 } }
    const full = await written(job, { ...RUNNING, result, message: 'x' })
    const next: QueueJobStatus = {
      observedGeneration: 1,
      phase: 'Completed',
      epoch: RUNNING.epoch ?? 0,
      worker: { pod: 'worker-1' },
      result: { deep: {} },
    }
    await written(full, next)
    expect(await statusOf(job)).toEqual(next)
  })

  it('with a result that holds null, as a handler may return it', async () => {
    const job = await newJob()
    const result = { a: null, list: [null, { b: null }] }
    await written(job, { ...RUNNING, phase: 'Completed', result })
    expect((await found(job)).status.result).toEqual(result)
  })

  it('with every digit of a long integer in a result that was read before', async () => {
    const job = await newJob()
    const text = JSON.stringify({ observedGeneration: 1, phase: 'Completed', result: 'N' })
    await kube.transport.request({
      verb: 'PATCH',
      path: `${kube.path('queuejobs', job.name)}/status`,
      contentType: 'application/merge-patch+json',
      body: `{"status":${text.replace('"N"', '{"n":9007199254740993}')}}`,
    })
    const read = await found(job)
    await written({ ...job, resourceVersion: read.resourceVersion }, { ...read.status, attempt: 1 })
    const stored = await kube.transport.requestText({
      verb: 'GET',
      path: kube.path('queuejobs', job.name),
    })
    expect(stored).toContain('9007199254740993')
  })

  it('and nothing else of the object changes, nor who owns its fields', async () => {
    const spec = { payload: { a: 1 }, retry: { maxAttempts: 2 } }
    const job = await newJob(spec, {
      labels: { team: 'a' },
      annotations: { note: 'b' },
      finalizers: ['example.com/hold'],
    })
    const before = await kube.read('queuejobs', job.name)
    await written(job, RUNNING)
    const after = await kube.read('queuejobs', job.name)
    expect(after.spec).toEqual(before.spec)
    const metadata = before.metadata as Json
    expect(after.metadata).toMatchObject({
      generation: metadata.generation,
      labels: metadata.labels,
      annotations: metadata.annotations,
      finalizers: metadata.finalizers,
    })
    const owners = (object: Json) =>
      ((object.metadata as Json).managedFields as Json[])
        .map((entry) => `${entry.manager} ${entry.subresource} ${JSON.stringify(entry.fieldsV1)}`)
        .sort()
    expect(owners(after)).toEqual([...owners(before), 'gopherqueue status {"f:status":{}}'].sort())
    await kube.edit('queuejobs', job.name, { metadata: { finalizers: null } })
  })

  it('while the job is being deleted, too: a finalizer of somebody else may hold it (B29)', async () => {
    const job = await newJob({}, { finalizers: ['example.com/hold'] })
    await kube.remove('queuejobs', job.name)
    const deleting = await found(job)
    expect(deleting.deleting).toBe(true)
    await written({ ...job, resourceVersion: deleting.resourceVersion }, RUNNING)
    await kube.edit('queuejobs', job.name, { metadata: { finalizers: null } })
  })
})

describe('a status is not written', () => {
  it('over a version that somebody wrote: conflict, and nothing changed', async () => {
    const job = await newJob()
    await written(job, RUNNING)
    expect(await write(job, { ...RUNNING, attempt: 9 })).toEqual({ kind: 'conflict' })
    expect(await statusOf(job)).toEqual(RUNNING)
  })

  it('over an edit of the user that the writer has not seen', async () => {
    const job = await newJob()
    await kube.edit('queuejobs', job.name, { spec: { suspend: true } })
    expect(await write(job, RUNNING)).toEqual({ kind: 'conflict' })
  })

  it('by two writers of one version: one wins', async () => {
    const job = await newJob()
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => write(job, { ...RUNNING, attempt: n + 1 })),
    )
    expect(answers.filter(({ kind }) => kind === 'written')).toHaveLength(1)
    expect(answers.filter(({ kind }) => kind === 'conflict')).toHaveLength(7)
  })

  it('to another life of the name, also if the version were right; the read tells the uid (W4)', async () => {
    const first = await newJob({}, { name: 'reborn' })
    await kube.remove('queuejobs', 'reborn')
    const second = await newJob({}, { name: 'reborn' })
    expect(await write(first, RUNNING)).toEqual({ kind: 'conflict' })
    const mixed = { ...second, uid: first.uid }
    expect(await write(mixed, RUNNING)).toEqual({ kind: 'conflict' })
    expect(await statusOf(second)).toEqual(UNWRITTEN_STATUS)
    expect((await found(first)).uid).toBe(second.uid)
  })

  it('to a job that is gone', async () => {
    const job = await newJob()
    await kube.remove('queuejobs', job.name)
    expect(await write(job, RUNNING)).toEqual({ kind: 'gone' })
    expect(await store.readJob(job)).toEqual({ kind: 'gone' })
  })

  it('against a rule of the CRD: refused, with the field and without the object (W5)', async () => {
    const job = await newJob({ payload: 'secret' })
    const after = await written(job, RUNNING)
    const answer = await write(after, { ...RUNNING, epoch: 5 })
    expect(answer).toMatchObject({ kind: 'refused', status: 422 })
    expect(JSON.stringify(answer)).toContain('status.epoch (FieldValueInvalid)')
    expect(JSON.stringify(answer)).not.toContain('secret')
    expect(await statusOf(job)).toEqual(RUNNING)
  })

  it.each([
    ['etcd takes', 1_700_000],
    ['the API server takes', 3_500_000],
  ])('larger than %s: refused, never unchanged again (W5)', async (_what, size) => {
    const job = await newJob()
    const answer = await write(job, { ...RUNNING, result: 'x'.repeat(size) })
    expect(answer).toMatchObject({ kind: 'refused', status: 413 })
    expect(await statusOf(job)).toEqual(UNWRITTEN_STATUS)
  })

  it('without the right: later, with the reason, and a read is not "gone"', async () => {
    const transport = await transportAs('nobody')
    const powerless = new KubeStatusStore(transport)
    const job = await newJob()
    // The allowed twin first: the same write as the admin succeeds.
    const after = await written(job, RUNNING)
    const answer = await powerless.writeStatus(after, RUNNING, { ...RUNNING, attempt: 2 })
    expect(answer).toMatchObject({ kind: 'later' })
    expect(await powerless.readJob(job)).toMatchObject({ kind: 'later' })
    expect(await statusOf(job)).toEqual(RUNNING)
    await transport.close()
  })
})

describe('a job is read', () => {
  it('as it was stored, defaults of the server included', async () => {
    const job = await newJob(
      { payload: { b: 1, a: [null] }, startAfter: '2026-05-01T12:00:00+02:00' },
      { annotations: { 'gopherqueue.io/correlation-id': 'order 4711' } },
    )
    expect(await found(job)).toMatchObject({
      uid: job.uid,
      generation: 1,
      deleting: false,
      tags: { correlationId: 'order 4711' },
      spec: {
        queue: 'default',
        type: 'email.send',
        priority: 'Normal',
        readiness: 'Completed',
        startAfter: '2026-05-01T12:00:00+02:00',
      },
      payload: { kind: 'inline', json: '{"a":[null],"b":1}' },
      status: UNWRITTEN_STATUS,
    })
  })

  it('of a namespace that does not exist is gone', async () => {
    expect(await store.readJob({ namespace: 'no-such', name: 'a' })).toEqual({ kind: 'gone' })
  })
})

describe('a payload is read', () => {
  const reader = () => new KubePayloadReader(kube.transport)

  it('with every byte and digit, when it is too large for the cache', async () => {
    const text = `{"long":12345678901234567,"n":"${'ü👍'.repeat(2_000)}"}`
    const body = JSON.stringify({
      apiVersion: 'gopherqueue.io/v1alpha1',
      kind: 'QueueJob',
      metadata: { name: 'large-payload' },
      spec: { type: 'a', payload: 'HERE' },
    }).replace('"HERE"', () => text)
    await kube.transport.request({ verb: 'POST', path: kube.path('queuejobs'), body })
    const key = { namespace: kube.namespace, name: 'large-payload' }
    const read = await store.readJob(key)
    expect(read).toMatchObject({
      kind: 'found',
      object: { payload: { kind: 'stored', bytes: Buffer.byteLength(text) } },
    })
    const uid = read.kind === 'found' ? read.object.uid : jobUid('')
    expect(await reader().readPayload(key, uid)).toEqual({ kind: 'found', json: text })
    expect(await reader().readPayload(key, jobUid('another'))).toEqual({ kind: 'gone' })
  })

  it('that is absent is null, and of a missing job gone', async () => {
    const job = await newJob()
    expect(await reader().readPayload(job, job.uid)).toEqual({ kind: 'found', json: null })
    await kube.remove('queuejobs', job.name)
    expect(await reader().readPayload(job, job.uid)).toEqual({ kind: 'gone' })
  })
})
