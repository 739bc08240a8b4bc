// A QueueJob of the API server as a record: what is read, what is left behind, and what is named
// instead of being believed.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jobUid } from '../../../src/core/ids.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { errorOfAnswer, errorOfSilence } from '../../../src/kube/errors.ts'
import { parseExact } from '../../../src/kube/exact-json.ts'
import {
  decodeJob,
  KubePayloadReader,
  KubeStatusStore,
  MAX_INLINE_PAYLOAD,
} from '../../../src/kube/jobs.ts'
import type { KubeCall } from '../../../src/kube/transport.ts'
import { ScriptedRequests } from './doubles.ts'
import { meta, raw } from './objects.ts'

type Json = Record<string, unknown>

const SPEC = { queue: 'outbox', type: 'email.send', priority: 'Normal', readiness: 'Completed' }
const STATUS = { observedGeneration: -1, phase: 'Pending' }

/** A stored job as the server sends it. */
const stored = (spec: Json = {}, status: Json | null = STATUS, more: Json = {}) =>
  raw(1, 42, { spec: { ...SPEC, ...spec }, ...(status && { status }) }, more)

const decode = (object: unknown) => decodeJob(object as Json, meta(object))

function accepted(object: unknown): JobObject {
  const decoded = decode(object)
  if (decoded.kind !== 'object') throw new Error(decoded.object.problem)
  return decoded.object
}

function problem(object: unknown): string {
  const decoded = decode(object)
  if (decoded.kind !== 'unreadable') throw new Error('it was read')
  return decoded.object.problem
}

describe('a job', () => {
  it('is identity, tags, spec, payload and status', () => {
    expect(accepted(stored({ payload: { a: 1 }, retry: { maxAttempts: 5 } }))).toEqual({
      namespace: 'mail',
      name: 'job-1',
      uid: 'uid-1',
      resourceVersion: '42',
      generation: 1,
      creationMs: Date.UTC(2026, 4, 1, 12),
      deleting: false,
      tags: {
        traceparent: '',
        tracestate: '',
        correlationId: '',
        restored: false,
        gitOps: false,
        schedule: '',
      },
      spec: { ...SPEC, retry: { maxAttempts: 5 } },
      payload: { kind: 'inline', json: '{"a":1}' },
      status: STATUS,
    })
  })

  it('that nobody has written yet is Pending, also without a status', () => {
    expect(accepted(stored({}, null)).status).toEqual(STATUS)
  })

  it('leaves behind what only other programs need (B29)', () => {
    const decoded = accepted(
      stored({}, STATUS, {
        generateName: 'job-',
        finalizers: ['example.com/hold'],
        ownerReferences: [{ uid: 'x' }],
        managedFields: [{ fieldsV1: { big: 'x'.repeat(10_000) } }],
        labels: { team: 'a' },
        annotations: { note: 'b' },
        deletionTimestamp: '2026-05-01T12:00:00Z',
      }),
    )
    expect(JSON.stringify(decoded).length).toBeLessThan(600)
    expect(decoded.deleting).toBe(true)
  })

  it('keeps fields of a status that a newer version wrote, and drops unknown ones of a spec (B33)', () => {
    const decoded = accepted(stored({ later: 1 }, { ...STATUS, later: { a: 1 } }))
    expect(decoded.status).toEqual({ ...STATUS, later: { a: 1 } })
    expect(decoded.spec).toEqual(SPEC)
  })
})

describe('the payload', () => {
  const payloadOf = (text: string) => {
    const whole = JSON.stringify(stored({ payload: 'HERE' })).replace('"HERE"', () => text)
    return accepted(parseExact(whole)).payload
  }

  it.each([
    '{"b":1,"a":[null,true,{"c":null}]}',
    '"text"',
    '0',
    'false',
    '[]',
    '{"n":9007199254740993,"m":-12345678901234567890}',
    '{"__proto__":{"x":1},"constructor":2,"then":3}',
    '{"ü":"\\u0000 € 👍"}',
  ])('%s is kept as the same JSON', (text) => {
    expect(payloadOf(text)).toEqual({ kind: 'inline', json: text })
  })

  it('that is absent or null is absent', () => {
    expect(accepted(stored()).payload).toEqual({ kind: 'absent' })
    expect(payloadOf('null')).toEqual({ kind: 'absent' })
  })

  it.each([
    ['a', MAX_INLINE_PAYLOAD - 2],
    ['€', Math.floor((MAX_INLINE_PAYLOAD - 2) / 3)],
  ])('of %s is kept up to 2 KiB of bytes, and beyond only its size is', (letter, most) => {
    expect(payloadOf(JSON.stringify(letter.repeat(most))).kind).toBe('inline')
    const over = JSON.stringify(letter.repeat(most + 1))
    expect(payloadOf(over)).toEqual({ kind: 'stored', bytes: Buffer.byteLength(over) })
  })

  it.each([1_001, 9_000])('nested %i levels deep is known as such (B17)', (levels) => {
    const deep = `${'['.repeat(levels)}${']'.repeat(levels)}`
    const whole = JSON.stringify(stored({ payload: 'HERE' })).replace('"HERE"', deep)
    expect(accepted(JSON.parse(whole)).payload).toEqual({ kind: 'too-deep' })
  })

  it('nested 1,000 levels deep is kept', () => {
    const deep = `${'['.repeat(1_000)}${']'.repeat(1_000)}`
    expect(payloadOf(deep)).toEqual({ kind: 'inline', json: deep })
  })
})

describe('what our schema does not take is unreadable, with the path and never the value', () => {
  const SECRET = 'secret-of-a-user'
  it.each<[string, Json | undefined, Json | undefined, RegExp]>([
    ['a missing type', { type: undefined }, undefined, /^spec\.type: /],
    ['a wrong type', { queue: { a: SECRET } }, undefined, /^spec\.queue: /],
    ['a hostile queue name', { queue: `${SECRET}.>` }, undefined, /^spec\.queue: /],
    ['a number beyond 2^53', { delaySeconds: 2 ** 60 }, undefined, /^spec\.delaySeconds: /],
    ['a fraction', { attemptDeadlineSeconds: 1.5 }, undefined, /^spec\.attemptDeadlineSeconds: /],
    ['a value of a later version', { priority: SECRET }, undefined, /^spec\.priority: /],
    [
      'a nested one',
      { retry: { rules: [{ action: SECRET }] } },
      undefined,
      /^spec\.retry\.rules\.0\.action: /,
    ],
    ['a phase of a later version', {}, { ...STATUS, phase: SECRET }, /^status\.phase: /],
    ['a status without a phase', {}, { observedGeneration: 1 }, /^status\.phase: /],
    ['an epoch that is text', {}, { ...STATUS, epoch: SECRET }, /^status\.epoch: /],
    ['several', { type: 5, queue: 5 }, undefined, /^spec\.queue: .* \(and 1 more\)$/],
  ])('%s', (_what, spec, status, want) => {
    const text = problem(stored(spec, status ?? STATUS))
    expect(text).toMatch(want)
    expect(text).not.toContain(SECRET)
  })

  it.each([
    ['no spec', raw(1, 42), /^spec: /],
    ['a spec that is text', raw(1, 42, { spec: 'x' }), /^spec: /],
    ['a spec that is a list', raw(1, 42, { spec: [] }), /^spec: /],
    ['a status that is text', stored({}, STATUS, {}), null],
  ])('%s', (_what, object, want) => {
    if (want) expect(problem(object)).toMatch(want)
    else expect(problem({ ...object, status: 'x' })).toMatch(/^status: /)
  })

  it('any spec and any status are read or named; nothing is thrown', () => {
    const value = fc.anything({ withNullPrototype: true, maxDepth: 3 })
    fc.assert(
      fc.property(value, value, (spec, status) => {
        const decoded = decode({ ...raw(1, 42), spec, status })
        if (decoded.kind === 'unreadable') {
          expect(decoded.object.problem).toMatch(/^(spec|status)/)
          expect(decoded.object.problem.length).toBeLessThan(600)
        }
      }),
    )
  })
})

describe('tags', () => {
  const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const tagsOf = (annotations: Json, labels: Json = {}) =>
    accepted(stored({}, STATUS, { annotations, labels })).tags
  const key = (name: string) => `gopherqueue.io/${name}`

  it('are read from the annotations of the job', () => {
    const tags = tagsOf(
      {
        [key('traceparent')]: TRACE,
        [key('tracestate')]: 'vendor=a,other=b',
        [key('correlation-id')]: 'order 4711',
      },
      { 'velero.io/restore-name': 'nightly' },
    )
    expect(tags).toEqual({
      traceparent: TRACE,
      tracestate: 'vendor=a,other=b',
      correlationId: 'order 4711',
      restored: true,
      gitOps: false,
      schedule: '',
    })
  })

  const SCHEDULE = {
    apiVersion: 'gopherqueue.io/v1alpha1',
    kind: 'QueueSchedule',
    name: 'report',
    uid: 'uid-7',
    controller: true,
  }
  it.each([
    ['its owner', [{ kind: 'Other', uid: 'uid-1' }, SCHEDULE], {}, 'uid-7'],
    ['not a label, which anybody may set', [], { [key('schedule')]: 'report' }, ''],
    ['not an owner that does not control it', [{ ...SCHEDULE, controller: false }], {}, ''],
    ['not a kind of somebody else', [{ ...SCHEDULE, apiVersion: 'example.com/v1' }], {}, ''],
    ['not an owner without a uid', [{ ...SCHEDULE, uid: 7 }], {}, ''],
    ['not what is no list', 'QueueSchedule', {}, ''],
  ])('tell the schedule of the job: %s', (_, ownerReferences, labels, wanted) => {
    const more = { labels, ownerReferences }
    expect(accepted(stored({}, STATUS, more)).tags.schedule).toBe(wanted)
  })

  it.each([
    ['Argo CD', { 'argocd.argoproj.io/tracking-id': 'a' }, {}, true],
    ['Flux, a Kustomization', {}, { 'kustomize.toolkit.fluxcd.io/name': 'a' }, true],
    ['Flux, a HelmRelease', {}, { 'helm.toolkit.fluxcd.io/name': 'a' }, true],
    ['Helm', {}, { 'app.kubernetes.io/managed-by': 'Helm' }, true],
    ['another manager', {}, { 'app.kubernetes.io/managed-by': 'me' }, false],
    ['a name of an application alone', {}, { 'app.kubernetes.io/instance': 'a' }, false],
  ])('tell whether a GitOps tool manages the job: %s', (_, annotations, labels, managed) => {
    expect(tagsOf(annotations, labels).gitOps).toBe(managed)
  })

  it.each([
    '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01',
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    `${TRACE}\r\nNats-Msg-Id: forged`,
    'x'.repeat(300),
    'trace',
  ])('a malformed traceparent (%j) counts as absent, and its state with it (B31)', (text) => {
    const tags = tagsOf({ [key('traceparent')]: text, [key('tracestate')]: 'a=b' })
    expect(tags).toMatchObject({ traceparent: '', tracestate: '' })
  })

  it('a traceparent of a later version of the standard passes', () => {
    const later = `01${TRACE.slice(2)}-more`
    expect(tagsOf({ [key('traceparent')]: later }).traceparent).toBe(later)
  })

  it.each(['a\nb', 'ü', 'x'.repeat(257), 5, null, { a: 1 }])(
    'a malformed correlation id (%j) counts as absent',
    (value) => {
      expect(tagsOf({ [key('correlation-id')]: value }).correlationId).toBe('')
    },
  )

  it('a tracestate beyond 512 characters is dropped, not cut', () => {
    const tags = tagsOf({ [key('traceparent')]: TRACE, [key('tracestate')]: 'x'.repeat(513) })
    expect(tags).toMatchObject({ traceparent: TRACE, tracestate: '' })
  })
})

const KEY = { namespace: 'mail', name: 'job-1' }
const OBJECT_PATH = '/apis/gopherqueue.io/v1alpha1/namespaces/mail/queuejobs/job-1'
const get: Pick<KubeCall, 'verb' | 'path'> = { verb: 'GET', path: OBJECT_PATH }
const notFound = errorOfAnswer(get, 404, '', { details: { name: 'job-1', kind: 'queuejobs' } })

const answering = (answer: unknown) =>
  new ScriptedRequests(() => {
    if (answer instanceof Error) throw answer
    return answer
  })

describe('reading one job', () => {
  it('asks the server itself, past every cache', async () => {
    const requests = answering(stored())
    const answer = await new KubeStatusStore(requests).readJob(KEY)
    expect(answer).toMatchObject({ kind: 'found', object: { uid: 'uid-1', spec: SPEC } })
    expect(requests.calls[0]).toMatchObject(get)
    expect(requests.calls[0]?.query).toBeUndefined()
  })

  it.each<[string, unknown, Json]>([
    ['a missing one is gone', notFound, { kind: 'gone' }],
    [
      'a missing CRD is not a missing job',
      errorOfAnswer(get, 404, '', { details: {} }),
      { kind: 'later', retryAfterMs: 5_000 },
    ],
    ['403 is not a missing job', errorOfAnswer(get, 403, '', null), { kind: 'later' }],
    ['429 says when', errorOfAnswer(get, 429, '7', null), { kind: 'later', retryAfterMs: 7_000 }],
    ['silence', errorOfSilence(get, { code: 'ECONNRESET' }, false), { kind: 'later' }],
    ['no JSON', '<html>', { kind: 'later' }],
    ['no object', '[]', { kind: 'later' }],
    ['a version that our schema does not take', stored({ type: 5 }), { kind: 'later' }],
    ['a bug in the transport', new TypeError('x'), { kind: 'later', detail: 'x' }],
  ])('%s', async (_what, answer, want) => {
    expect(await new KubeStatusStore(answering(answer)).readJob(KEY)).toMatchObject(want)
  })
})

describe('reading one payload', () => {
  const read = (answer: unknown) =>
    new KubePayloadReader(answering(answer)).readPayload(KEY, jobUid('uid-1'))

  it('gives the same JSON as the object holds, with every digit', async () => {
    const text = JSON.stringify(stored({ payload: { n: 'N' } })).replace('"N"', '9007199254740993')
    expect(await read(text)).toEqual({ kind: 'found', json: '{"n":9007199254740993}' })
  })

  it.each<[string, unknown, Json]>([
    ['no payload', stored(), { kind: 'found', json: null }],
    ['null', stored({ payload: null }), { kind: 'found', json: null }],
    ['a missing job', notFound, { kind: 'gone' }],
    ['another life of the name', stored({}, STATUS, { uid: 'uid-2' }), { kind: 'gone' }],
    ['503', errorOfAnswer(get, 503, '3', null), { kind: 'later', retryAfterMs: 3_000 }],
  ])('%s', async (_what, answer, want) => {
    expect(await read(answer)).toEqual(want)
  })
})

describe('reading the payload that an action brings along', () => {
  it('asks for the action, and takes it for another one by its uid', async () => {
    const requests = answering(stored({ payload: { to: 'b' } }))
    const reader = new KubePayloadReader(requests)
    expect(await reader.readActionPayload(KEY, 'uid-1')).toEqual({
      kind: 'found',
      json: '{"to":"b"}',
    })
    expect(requests.calls[0]?.path).toContain('/queueactions/')
    expect(await reader.readActionPayload(KEY, 'uid-2')).toEqual({ kind: 'gone' })
  })
})
