// The objects that an action may be about: what is asked for, what is told, and what an error means.

import { describe, expect, it } from 'vitest'
import type { ListedTarget, TargetQuery } from '../../../src/ingestion/ports.ts'
import { errorOfAnswer, errorOfSilence } from '../../../src/kube/errors.ts'
import { KubeTargetLister } from '../../../src/kube/targets.ts'
import { ScriptedRequests } from './doubles.ts'
import { raw } from './objects.ts'
import { list } from './scripted-api.ts'

const QUERY: TargetQuery = {
  kind: 'QueueJob',
  namespace: 'mail',
  labels: {},
  fields: {},
  brief: false,
  revision: '',
}
const asked = { verb: 'GET', path: '/apis/gopherqueue.io/v1alpha1/namespaces/mail/queuejobs' }

async function listed(answers: readonly unknown[], query: Partial<TargetQuery> = {}) {
  const requests = new ScriptedRequests((_call, n) => {
    const answer = answers[Math.min(n, answers.length) - 1]
    if (answer instanceof Error) throw answer
    return answer
  })
  const found: ListedTarget[] = []
  const signal = new AbortController().signal
  const answer = await new KubeTargetLister(requests).list(
    { ...QUERY, ...query },
    (target) => found.push(target),
    signal,
  )
  return { answer, found, calls: requests.calls }
}

describe('what is asked for', () => {
  it('is the collection of the namespace, with everything that the server can select', async () => {
    const { calls } = await listed([list([], 100)], {
      labels: { app: 'shop', tier: '' },
      fields: { queue: 'outbox', type: 'email.send', phase: 'Failed' },
    })
    expect(calls[0]).toMatchObject({
      ...asked,
      query: {
        labelSelector: 'app=shop,tier=',
        fieldSelector: 'spec.queue=outbox,spec.type=email.send,status.phase=Failed',
      },
    })
  })

  it('is one name, and a name with signs stays a value (B9)', async () => {
    const { calls } = await listed([list([], 100)], { fields: { name: 'a,b=c' } })
    expect(calls[0]?.query).toMatchObject({ fieldSelector: 'metadata.name=a\\,b\\=c' })
  })

  it('is metadata only, where nothing else is needed', async () => {
    const brief = await listed([list([], 100)], { brief: true })
    expect(brief.calls[0]?.accept).toContain('as=PartialObjectMetadataList')
    expect((await listed([list([], 100)])).calls[0]?.accept).toBeUndefined()
  })

  it('is exactly an old revision on the first page, and what its token says on the others', async () => {
    const pages = [list([raw(1, 5)], 90, 'A'), list([raw(2, 6)], 90)]
    const { calls, answer } = await listed(pages, { revision: '90' })
    expect(calls.map(({ query }) => query)).toEqual([
      { limit: 250, resourceVersion: '90', resourceVersionMatch: 'Exact' },
      { limit: 250, continue: 'A' },
    ])
    expect(answer).toEqual({ kind: 'listed', revision: '90' })
  })
})

describe('what is told', () => {
  it('is each object of every page, and the revision of the list', async () => {
    const { answer, found } = await listed([
      list([raw(1, 5), raw(2, 6)], 100, 'A'),
      list([raw(3, 7)], 100),
    ])
    expect(answer).toEqual({ kind: 'listed', revision: '100' })
    expect(found.map(({ name }) => name)).toEqual(['job-1', 'job-2', 'job-3'])
  })

  it('is what can be selected by', async () => {
    const job = raw(1, 5, {
      spec: { queue: 'outbox', type: 'a' },
      status: {
        phase: 'Failed',
        reason: 'PermanentFailure',
        error: { category: 'Permanent', code: 'BadAddress' },
        completionTime: '2026-05-01T12:00:00Z',
      },
    })
    const { found } = await listed([list([job], 100)])
    expect(found).toEqual([
      expect.objectContaining({
        name: 'job-1',
        uid: 'uid-1',
        resourceVersion: '5',
        queue: 'outbox',
        phase: 'Failed',
        reason: 'PermanentFailure',
        errorCode: 'BadAddress',
        completionMs: Date.UTC(2026, 4, 1, 12),
      }),
    ])
  })

  it('is nothing made up, where a field is missing or not what it should be', async () => {
    const odd = raw(1, 5, { spec: 'x', status: { phase: 5, error: [], completionTime: 'soon' } })
    const { found } = await listed([list([odd], 100)])
    expect(found[0]).toMatchObject({
      queue: '',
      phase: '',
      reason: '',
      errorCode: '',
      completionMs: null,
    })
  })
})

describe('what an error means', () => {
  const at = (status: number, retryAfter = '') => errorOfAnswer(asked, status, retryAfter, null)
  const neverWas = errorOfAnswer(asked, 504, '', {
    reason: 'Timeout',
    message: 'Too large resource version: 999, current: 90',
  })
  it.each<[string, unknown, Partial<TargetQuery>, object]>([
    ['410: compacted', at(410), {}, { kind: 'expired' }],
    ['410 of an old revision', at(410), { revision: '90' }, { kind: 'expired' }],
    ['an old revision that never was', neverWas, { revision: '90' }, { kind: 'expired' }],
    ['a server that had no time', at(504), { revision: '90' }, { kind: 'later' }],
    ['504 of a list of now', at(504), {}, { kind: 'later' }],
    ['429 says when', at(429, '7'), {}, { kind: 'later', retryAfterMs: 7_000 }],
    ['403 is no empty list', at(403), {}, { kind: 'later' }],
    ['silence', errorOfSilence(asked, { code: 'ECONNRESET' }, false), {}, { kind: 'later' }],
    ['no list', '[]', {}, { kind: 'later' }],
    ['a bug in the transport', new TypeError('x'), {}, { kind: 'later', detail: 'x' }],
  ])('%s', async (_what, error, query, want) => {
    expect((await listed([error], query)).answer).toMatchObject(want)
  })

  it('an error behind the first page is not a shorter list', async () => {
    const { answer } = await listed([list([raw(1, 5)], 100, 'A'), at(410)])
    expect(answer).toEqual({ kind: 'expired' })
  })
})
