// A client may be older than the operator: whatever stands in an object, it is read and nothing throws.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jobSelector, selectorValue } from '../../../src/kube/client-selectors.ts'
import { actionView, jobView } from '../../../src/kube/client-views.ts'
import { isRecord, metaOf, type RawObject } from '../../../src/kube/objects.ts'

const metadata = {
  name: 'a',
  namespace: 'shop',
  uid: 'uid-1',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
  annotations: { 'gopherqueue.io/submission': 'cafe' },
}

function viewOf<T>(view: (raw: RawObject, meta: never) => T, fields: object): T {
  const raw = { metadata, ...fields }
  const meta = metaOf(raw)
  if (!meta || !isRecord(raw)) throw new Error('no object')
  return view(raw, meta as never)
}

describe('a job', () => {
  it('is read with everything that a client tells', () => {
    const spec = { queue: 'mail', type: 'email.send', priority: 'High', payload: { secret: 1 } }
    const status = {
      phase: 'Retrying',
      reason: 'BackingOff',
      message: 'attempt 2 of 3 failed',
      attempt: 2,
      attempts: 2,
      progress: { percent: 40, message: 'half way' },
      worker: { pod: 'mailer-1', podUID: 'pod-uid' },
      startTime: '2026-01-01T00:00:01Z',
      nextAttemptTime: '2026-01-01T00:00:09Z',
      error: { category: 'Temporary', code: 'SmtpDown', message: 'no answer' },
    }
    const job = viewOf(jobView, { spec, status })
    expect(job).toEqual({
      namespace: 'shop',
      name: 'a',
      uid: 'uid-1',
      resourceVersion: '7',
      createdMs: Date.UTC(2026, 0, 1),
      submission: 'cafe',
      queue: 'mail',
      type: 'email.send',
      priority: 'High',
      status: {
        phase: 'Retrying',
        reason: 'BackingOff',
        message: 'attempt 2 of 3 failed',
        attempts: 2,
        progress: { percent: 40, message: 'half way' },
        worker: 'mailer-1',
        startedMs: Date.UTC(2026, 0, 1, 0, 0, 1),
        finishedMs: null,
        nextAttemptMs: Date.UTC(2026, 0, 1, 0, 0, 9),
        error: { category: 'Temporary', code: 'SmtpDown', message: 'no answer' },
        result: undefined,
        duplicateOf: null,
      },
    })
    expect(JSON.stringify(job)).not.toContain('secret')
  })

  it('whose phase a later version added keeps it', () => {
    expect(viewOf(jobView, { status: { phase: 'Hibernating' } }).status.phase).toBe('Hibernating')
  })

  it('never throws, whatever its status is', () => {
    const keys = [
      'phase',
      'attempt',
      'error',
      'progress',
      'worker',
      'startTime',
      'duplicateOf',
      '__proto__',
    ]
    const status = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue())
    fc.assert(
      fc.property(fc.oneof(status, fc.jsonValue()), (value) => {
        const { status: read } = viewOf(jobView, { status: value, spec: value })
        expect(typeof read.phase).toBe('string')
        expect(Number.isFinite(read.attempts)).toBe(true)
        expect(({} as Record<string, unknown>).phase).toBeUndefined()
      }),
    )
  })
})

describe('an action', () => {
  it('is read with the first target that could not be changed', () => {
    const failures = [{ name: 'a', reason: 'TargetMismatch', message: 'now uid-2' }]
    const status = { phase: 'Failed', reason: 'Failed', failures }
    expect(viewOf(actionView, { status })).toMatchObject({
      phase: 'Failed',
      failure: { reason: 'TargetMismatch', message: 'now uid-2' },
    })
    expect(viewOf(actionView, {})).toMatchObject({ phase: 'Pending', failure: null })
  })
})

describe('a selector', () => {
  it('selects everything when nothing is wanted', () => {
    expect(jobSelector({})).toBe('')
    expect(jobSelector({ queue: undefined, type: 'a', phase: 'Failed' })).toBe(
      'spec.type=a,status.phase=Failed',
    )
  })

  it('keeps a value one value, whatever signs it has', () => {
    expect(selectorValue('a,b=c\\d')).toBe('a\\,b\\=c\\\\d')
    fc.assert(
      fc.property(fc.string(), (value) => {
        const bare = selectorValue(value).replace(/\\[\\,=]/g, '')
        expect(bare).not.toMatch(/[,=\\]/)
      }),
    )
  })
})
