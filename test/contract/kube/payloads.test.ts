// Payloads in ConfigMaps and Secrets of the genuine API server: only what is labelled, only with rights.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PayloadRef } from '../../../src/core/job.ts'
import { KubePayloadSource } from '../../../src/kube/payloads.ts'
import { type Connection, connect, type Json, transportAs } from './connect.ts'

const NAMESPACE = 'kube-payloads'
const LABELLED = { 'gopherqueue.io/payload': 'true' }
const { signal } = new AbortController()

let kube: Connection
beforeAll(async () => {
  kube = await connect(NAMESPACE)
  const text = JSON.stringify({ to: 'zoë@example.org', n: 1.5 })
  await made('configmaps', 'ConfigMap', 'order', LABELLED, { data: { input: text } })
  await made('configmaps', 'ConfigMap', 'bytes', LABELLED, {
    binaryData: { input: Buffer.from(text).toString('base64'), blob: '/w==' },
  })
  await made('configmaps', 'ConfigMap', 'private', {}, { data: { input: text } })
  await made('secrets', 'Secret', 'order', LABELLED, { stringData: { input: text } })
  await made('secrets', 'Secret', 'password', {}, { stringData: { input: text } })
})
afterAll(() => kube.close())

async function made(plural: string, kind: string, name: string, labels: Json, content: Json) {
  await kube.transport.request({
    verb: 'POST',
    path: `/api/v1/namespaces/${NAMESPACE}/${plural}`,
    body: { apiVersion: 'v1', kind, metadata: { name, labels }, ...content },
  })
}

const read = (kind: PayloadRef['kind'], name: string, key = 'input') =>
  new KubePayloadSource(kube.transport).read(NAMESPACE, { kind, name, key }, signal)

describe('a labelled object', () => {
  it.each<[PayloadRef['kind'], string]>([
    ['ConfigMap', 'order'],
    ['ConfigMap', 'bytes'],
    ['Secret', 'order'],
  ])('%s %s gives the text of its key', async (kind, name) => {
    const answer = await read(kind, name)
    expect(answer.kind === 'found' && JSON.parse(answer.text)).toEqual({
      to: 'zoë@example.org',
      n: 1.5,
    })
  })

  it('without the key is missing it, also for a key that every object of JavaScript has', async () => {
    expect(await read('ConfigMap', 'order', 'other')).toMatchObject({ kind: 'missing' })
    expect(await read('Secret', 'order', 'constructor')).toMatchObject({ kind: 'missing' })
  })

  it('whose bytes are no text is not given out', async () => {
    expect(await read('ConfigMap', 'bytes', 'blob')).toMatchObject({ kind: 'forbidden' })
  })
})

it.each<[PayloadRef['kind'], string]>([
  ['ConfigMap', 'private'],
  ['Secret', 'password'],
])('%s %s, which nobody labelled as a payload, is not given out', async (kind, name) => {
  const answer = await read(kind, name)
  expect(answer).toMatchObject({ kind: 'forbidden' })
  expect(answer.kind === 'forbidden' && answer.detail).toContain('gopherqueue.io/payload')
})

it('an object that is not there is missing', async () => {
  expect(await read('ConfigMap', 'nothing')).toMatchObject({ kind: 'missing' })
})

it('a worker without the right is told which one it lacks', async () => {
  const nobody = await transportAs('nobody')
  const from: PayloadRef = { kind: 'Secret', name: 'order', key: 'input' }
  const answer = await new KubePayloadSource(nobody).read(NAMESPACE, from, signal)
  expect(answer).toMatchObject({ kind: 'forbidden' })
  expect(answer.kind === 'forbidden' && answer.detail).toContain(
    `kubectl -n ${NAMESPACE} create role payloads --verb=get --resource=secrets --resource-name=order`,
  )
  await nobody.close()
})

it('a server that does not answer is unreachable', async () => {
  const aborted = AbortSignal.abort()
  const from: PayloadRef = { kind: 'ConfigMap', name: 'order', key: 'input' }
  const answer = await new KubePayloadSource(kube.transport).read(NAMESPACE, from, aborted)
  expect(answer).toMatchObject({ kind: 'unreachable' })
})
