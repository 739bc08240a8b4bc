// One conditional write of a whole status, and what each answer means for the job (protocol W1–W5).

import { describe, expect, it } from 'vitest'
import { errorOfAnswer, errorOfSilence } from '../../../src/kube/errors.ts'
import { putStatus, writeAnswerOf } from '../../../src/kube/status-write.ts'
import { ScriptedRequests } from './doubles.ts'

const target = { namespace: 'mail', name: 'job-1', uid: 'uid-1', resourceVersion: '42' }
const put = { verb: 'PUT', path: '/x' }
const about = { details: { name: 'job-1', kind: 'queuejobs' } }
const answer = (status: number, body: unknown = about, retryAfter = '') =>
  writeAnswerOf(errorOfAnswer(put, status, retryAfter, body))

describe('the request', () => {
  it('carries version and uid, names the writer, and asks for no more than the new version', async () => {
    const requests = new ScriptedRequests(() => ({ metadata: { resourceVersion: '43' } }))
    const status = { observedGeneration: 1, phase: 'Running', result: { a: null } }
    expect(await putStatus(requests, 'QueueJob', target, status)).toEqual({
      kind: 'written',
      resourceVersion: '43',
    })
    expect(requests.calls).toEqual([
      {
        verb: 'PUT',
        path: '/apis/gopherqueue.io/v1alpha1/namespaces/mail/queuejobs/job-1/status',
        query: { fieldManager: 'gopherqueue', timeout: '4s' },
        body: JSON.stringify({
          apiVersion: 'gopherqueue.io/v1alpha1',
          kind: 'QueueJob',
          metadata: target,
          status,
        }),
        accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
        deadlineMs: 4_000,
      },
    ])
  })

  it('ends well before a successor may lead: 10 s of trust and 4 s are less than a Lease of 15', async () => {
    const requests = new ScriptedRequests(() => ({ metadata: { resourceVersion: '43' } }))
    await putStatus(requests, 'QueueJob', target, {})
    expect(10_000 + (requests.calls[0]?.deadlineMs ?? Number.NaN)).toBeLessThan(15_000)
  })

  it('is not sent when its result has thousands of levels: refused, so that the result is dropped', async () => {
    const requests = new ScriptedRequests(() => ({ metadata: { resourceVersion: '43' } }))
    const result = JSON.parse(`${'['.repeat(9_000)}${']'.repeat(9_000)}`)
    expect(await putStatus(requests, 'QueueJob', target, { result })).toEqual({
      kind: 'refused',
      status: 422,
      detail: 'status: nested too deeply',
    })
    expect(requests.calls).toEqual([])
  })

  it.each([null, {}, { metadata: {} }, { metadata: { resourceVersion: 'x' } }, []])(
    'a success that says %j may have happened',
    async (body) => {
      const requests = new ScriptedRequests(() => body)
      expect(await putStatus(requests, 'QueueJob', target, {})).toMatchObject({ kind: 'unknown' })
    },
  )
})

describe('what an answer means', () => {
  it.each<[string, ReturnType<typeof answer>, Record<string, unknown>]>([
    ['409: read live', answer(409), { kind: 'conflict' }],
    ['404 of the object: gone', answer(404), { kind: 'gone' }],
    ['404 of the path: the CRD is missing, not the job', answer(404, {}), { kind: 'later' }],
    ['422: never unchanged again', answer(422), { kind: 'refused', status: 422 }],
    ['413', answer(413), { kind: 'refused', status: 413 }],
    ['400', answer(400), { kind: 'refused', status: 400 }],
    [
      '500 of etcd about size',
      answer(500, { message: 'etcdserver: request is too large' }),
      { kind: 'refused', status: 413 },
    ],
    ['401', answer(401), { kind: 'later', retryAfterMs: 5_000 }],
    ['403', answer(403), { kind: 'later', retryAfterMs: 5_000 }],
    ['429 says when', answer(429, about, '9'), { kind: 'later', retryAfterMs: 9_000 }],
    ['429 without a word', answer(429), { kind: 'later', retryAfterMs: 1_000 }],
    ['500', answer(500), { kind: 'unknown' }],
    ['502', answer(502), { kind: 'unknown' }],
    ['503', answer(503), { kind: 'unknown' }],
    ['504', answer(504), { kind: 'unknown' }],
    [
      'a reset connection',
      writeAnswerOf(errorOfSilence(put, { code: 'ECONNRESET' }, false)),
      { kind: 'unknown' },
    ],
    ['a deadline', writeAnswerOf(errorOfSilence(put, {}, true)), { kind: 'unknown' }],
    [
      'a refused connection',
      writeAnswerOf(errorOfSilence(put, { code: 'ECONNREFUSED' }, false)),
      { kind: 'later', retryAfterMs: 1_000 },
    ],
    ['a bug', writeAnswerOf(new TypeError('x')), { kind: 'unknown', detail: 'x' }],
  ])('%s', (_what, got, want) => {
    expect(got).toMatchObject(want)
  })

  it('a refusal names the field and not the object', () => {
    const body = {
      message: 'QueueJob "job-1" is invalid: {"result":"secret"}',
      details: { causes: [{ field: 'status.epoch', reason: 'FieldValueInvalid' }] },
    }
    const got = answer(422, body)
    expect(got).toMatchObject({ detail: 'PUT /x: 422 status.epoch (FieldValueInvalid)' })
  })
})
