// Statuses of queues, actions and schedules against a genuine API server.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metaOf } from '../../../src/kube/objects.ts'
import {
  decodeAction,
  decodeQueue,
  decodeSchedule,
  ObjectStatusStore,
} from '../../../src/kube/resources.ts'
import { type Connection, connect, type Json } from './connect.ts'

let kube: Connection
let store: ObjectStatusStore
beforeAll(async () => {
  kube = await connect('kube-resources')
  store = new ObjectStatusStore(kube.transport)
})
afterAll(() => kube.close())

describe.each([
  {
    kind: 'Queue',
    plural: 'queues',
    decode: decodeQueue,
    spec: { paused: true },
    status: { observedGeneration: 1, waiting: 3, types: ['email.send'] },
    refused: { observedGeneration: 0 },
  },
  {
    kind: 'QueueAction',
    plural: 'queueactions',
    decode: decodeAction,
    spec: { action: 'Cancel', target: { kind: 'QueueJob', name: 'job-1' } },
    status: { observedGeneration: 1, phase: 'Running', order: 5 },
    refused: { observedGeneration: 1, phase: 'Running', order: 6 },
  },
  {
    kind: 'QueueSchedule',
    plural: 'queueschedules',
    decode: decodeSchedule,
    spec: { schedule: '@daily', template: { spec: { type: 'a' } } },
    status: { observedGeneration: 1, nextTickTime: '2026-05-02T00:00:00Z' },
    refused: { observedGeneration: 0 },
  },
] as const)('a $kind', ({ kind, plural, decode, spec, status, refused }) => {
  const read = async (name: string) => {
    const raw = await kube.read(plural, name)
    const meta = metaOf(raw)
    const decoded = meta && decode(raw, meta)
    if (decoded?.kind !== 'object') throw new Error(JSON.stringify(decoded))
    return decoded.object
  }
  const create = () => kube.create(plural, kind, spec as Json)

  it('is decoded as the server stored it', async () => {
    const made = await create()
    expect(await read(made.name)).toMatchObject({
      uid: made.uid,
      resourceVersion: made.resourceVersion,
      spec,
      status: { observedGeneration: -1 },
    })
  })

  it('gets its status, on its version only', async () => {
    const made = await create()
    const answer = await store.writeStatus(kind, made, status)
    const after = await read(made.name)
    expect(answer).toEqual({ kind: 'written', resourceVersion: after.resourceVersion })
    expect(after.status).toEqual(status)
    expect(await store.writeStatus(kind, made, status)).toEqual({ kind: 'conflict' })
  })

  it('refuses what its rules do not allow, and is gone when it is gone', async () => {
    const made = await create()
    await store.writeStatus(kind, made, status)
    const target = await read(made.name)
    const answer = await store.writeStatus(kind, target, refused)
    expect(answer).toMatchObject({ kind: 'refused', status: 422 })
    await kube.remove(plural, made.name)
    expect(await store.writeStatus(kind, target, status)).toEqual({ kind: 'gone' })
  })
})
