// Queues, actions and schedules: decoded through their schemas, and their statuses written.

import { describe, expect, it } from 'vitest'
import type { Decode } from '../../../src/kube/objects.ts'
import { collectionPath, objectPath } from '../../../src/kube/paths.ts'
import {
  decodeAction,
  decodeQueue,
  decodeSchedule,
  ObjectStatusStore,
} from '../../../src/kube/resources.ts'
import { ScriptedRequests } from './doubles.ts'
import { meta, raw } from './objects.ts'

type Json = Record<string, unknown>

function read<T>(decode: Decode<T>, parts: Json) {
  const object = raw(1, 42, parts)
  return decode(object, meta(object))
}

describe.each([
  {
    kind: 'Queue',
    decode: decodeQueue as Decode<unknown>,
    spec: { controllerName: 'gopherqueue.io/default', paused: true },
    unwritten: { observedGeneration: -1 },
    broken: { paused: 'yes' },
    path: 'spec.paused',
  },
  {
    kind: 'QueueAction',
    decode: decodeAction as Decode<unknown>,
    spec: { action: 'Cancel', target: { kind: 'QueueJob', name: 'job-1' } },
    unwritten: { observedGeneration: -1, phase: 'Pending' },
    broken: { action: 'Explode' },
    path: 'spec.action',
  },
  {
    kind: 'QueueSchedule',
    decode: decodeSchedule as Decode<unknown>,
    spec: {
      schedule: '@daily',
      template: {
        spec: { queue: 'q', type: 'a', priority: 'Normal', readiness: 'Completed' },
      },
    },
    unwritten: { observedGeneration: -1 },
    broken: { schedule: 'whenever' },
    path: 'spec.schedule',
  },
])('a $kind', ({ decode, spec, unwritten, broken, path }) => {
  it('is identity, spec and status', () => {
    expect(read(decode, { spec, status: { ...unwritten, observedGeneration: 3 } })).toMatchObject({
      kind: 'object',
      object: {
        namespace: 'mail',
        name: 'job-1',
        uid: 'uid-1',
        resourceVersion: '42',
        spec,
        status: { ...unwritten, observedGeneration: 3 },
      },
    })
  })

  it('that nobody has written yet has the status that the CRD gives it', () => {
    expect(read(decode, { spec })).toMatchObject({ object: { status: unwritten } })
  })

  it('keeps what a newer version wrote into its status (B33)', () => {
    const decoded = read(decode, { spec, status: { ...unwritten, later: 1 } })
    expect(decoded).toMatchObject({ object: { status: { later: 1 } } })
  })

  it('that our schema does not take is named by its field', () => {
    const decoded = read(decode, { spec: { ...spec, ...broken } })
    expect(decoded.kind).toBe('unreadable')
    expect(decoded).toMatchObject({ object: { name: 'job-1', uid: 'uid-1' } })
    expect(JSON.stringify(decoded)).toContain(`"problem":"${path}: `)
  })

  it('with a broken status is named, too', () => {
    const decoded = read(decode, { spec, status: { ...unwritten, observedGeneration: 'x' } })
    expect(JSON.stringify(decoded)).toContain('"problem":"status.observedGeneration: ')
  })
})

it('statuses are written to the object of their kind', async () => {
  const requests = new ScriptedRequests(() => ({ metadata: { resourceVersion: '43' } }))
  const target = { namespace: 'mail', name: 'outbox', uid: 'u', resourceVersion: '42' }
  const store = new ObjectStatusStore(requests)
  const written = { kind: 'written', resourceVersion: '43' }
  expect(await store.writeStatus('Queue', target, { observedGeneration: 1 })).toEqual(written)
  const action = { observedGeneration: 1, phase: 'Running', order: 5 } as const
  expect(await store.writeStatus('QueueAction', target, action)).toEqual(written)
  expect(await store.writeStatus('QueueSchedule', target, { observedGeneration: 1 })).toEqual(
    written,
  )
  expect(requests.calls.map(({ path }) => path)).toEqual(
    ['queues', 'queueactions', 'queueschedules'].map(
      (plural) => `/apis/gopherqueue.io/v1alpha1/namespaces/mail/${plural}/outbox/status`,
    ),
  )
})

describe('paths', () => {
  it('of a collection are those of one namespace or of all', () => {
    expect(collectionPath('QueueJob')).toBe('/apis/gopherqueue.io/v1alpha1/queuejobs')
    expect(collectionPath('Queue', 'mail')).toBe(
      '/apis/gopherqueue.io/v1alpha1/namespaces/mail/queues',
    )
  })

  it.each(['../secrets', 'a/b', 'a?watch=true', 'a#b', 'a b', '%2e%2e'])(
    'a name such as %j cannot leave its place (B9)',
    (name) => {
      const path = objectPath('Queue', { namespace: name, name })
      const { pathname, search, hash } = new URL(`https://kube${path}`)
      expect(pathname.split('/')).toHaveLength(8)
      expect([search, hash]).toEqual(['', ''])
    },
  )
})

describe('the payload of a QueueAction', () => {
  const spec = { action: 'Replay', target: { kind: 'QueueJob', name: 'job-1' } }
  const payloadOf = (payload: unknown) => {
    const decoded = read(decodeAction, { spec: { ...spec, payload } })
    return decoded.kind === 'object' ? decoded.object : null
  }

  it('is kept apart from the spec, as that of a job', () => {
    expect(payloadOf({ to: 'b' })).toMatchObject({
      spec,
      payload: { kind: 'inline', json: '{"to":"b"}' },
    })
    expect(payloadOf({ to: 'b' })?.spec).not.toHaveProperty('payload')
    expect(payloadOf(undefined)?.payload).toEqual({ kind: 'absent' })
  })

  it('stays out of the cache when it is large', () => {
    expect(payloadOf('x'.repeat(5_000))?.payload).toEqual({ kind: 'stored', bytes: 5_002 })
  })
})
