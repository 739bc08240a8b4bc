// The client's adapter on the genuine API server.

import { describe, expect, inject, it } from 'vitest'
import { ApiError } from '../../../src/client/errors.ts'
import { clientStore } from '../../../src/kube/client-store.ts'
import { KubeTransport } from '../../../src/kube/transport.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import { accessOf, openPlace } from './place.ts'
import { describeStore } from './store-suite.ts'

describeStore('the genuine API server', async () => {
  const place = await openPlace('client-store')
  return {
    ...place,
    setPhase: (key, phase) => place.operator.write(key, { phase }),
    remove: place.operator.remove,
    ancient: '1',
  }
})

async function errorOf(run: () => Promise<unknown>): Promise<ApiError> {
  const error = await run().then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof ApiError) return error
  throw new Error(`no ApiError: ${error}`)
}

describe('what the genuine API server refuses', () => {
  const job = (namespace: string, spec: object) => ({
    namespace,
    name: 'a',
    labels: {},
    annotations: {},
    spec: { type: 'a', ...spec },
  })

  it('is told with the field and how to look it up', async () => {
    const { store, namespace } = await openPlace('client-refused')
    const both = { startAfter: '2030-01-01T00:00:00Z', delaySeconds: 5 }
    const error = await errorOf(() => store.create(job(namespace, both)))
    expect(error).toMatchObject({ code: 'InvalidSpec', failure: 'terminal' })
    expect(error.field).toBe('spec.delaySeconds')
    expect(error.message).toContain('startAfter')
    expect(error.help).toBe('what may stand there: kubectl explain qj.spec.delaySeconds')
  })

  it('is a field that the server does not know, never dropped in silence', async () => {
    const { store, namespace } = await openPlace('client-refused')
    const error = await errorOf(() => store.create(job(namespace, { fromTheFuture: 1 })))
    expect(error).toMatchObject({ code: 'InvalidSpec', failure: 'terminal' })
    expect(error.message).toContain('fromTheFuture')
    expect(await store.get({ namespace, name: 'a' })).toBeNull()
  })

  it('is a namespace that does not exist', async () => {
    const { store } = await openPlace('client-refused')
    const error = await errorOf(() => store.create(job('client-nowhere', {})))
    expect(error).toMatchObject({
      code: 'NamespaceNotFound',
      failure: 'terminal',
      help: expect.stringContaining('kubectl create namespace client-nowhere'),
    })
  })

  it('is an object that is too large', async () => {
    const { store, namespace } = await openPlace('client-refused')
    const payload = 'x'.repeat(2 * 1_048_576)
    const error = await errorOf(() => store.create(job(namespace, { payload })))
    expect(error).toMatchObject({ failure: 'terminal' })
    expect(error.message).not.toContain('xxxxxxxx')
  })

  it('is never believed to be nothing: an unreachable server is an error, and known to be harmless', async () => {
    const access = await accessOf(inject('servers').kubeconfig)
    const time = { clock: realClock, random: realRandom }
    const nowhere = { ...access, server: 'https://127.0.0.1:1', origin: 'a test' }
    const transport = new KubeTransport({
      ...time,
      access: {
        ...nowhere,
        credentials: () => access.credentials(),
        refresh: () => access.refresh(),
      },
      version: '0',
    })
    const { store, actions } = clientStore({ ...time, transport, ...nowhere })
    const error = await errorOf(() => store.create(job('a', {})))
    expect(error).toMatchObject({ code: 'Unreachable', failure: 'waiting' })
    expect(error.help).toContain('https://127.0.0.1:1, read from a test')
    expect(await errorOf(() => actions.get({ namespace: 'a', name: 'a' }))).toMatchObject({
      code: 'Unreachable',
    })
    await transport.close()
  })
})
