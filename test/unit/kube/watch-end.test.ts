// What follows the end of a watch or a list: always another watch or another list, sooner or later.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  badAnswer,
  errorOfAnswer,
  errorOfSilence,
  type KubeError,
} from '../../../src/kube/errors.ts'
import { afterList, afterWatch, backoff, type WatchEnd } from '../../../src/kube/watch-end.ts'

const asked = { verb: 'GET', path: '/apis/x' }
const refusal = (status: number, retryAfter = ''): KubeError =>
  errorOfAnswer(asked, status, retryAfter, { message: 'no' })

const clean: WatchEnd = { kind: 'clean' }
const refused = (code: number, error: KubeError | null = refusal(code)): WatchEnd => ({
  kind: 'refused',
  code,
  error,
})

describe('the end of a watch', () => {
  it.each<[string, WatchEnd, 'watch' | 'list']>([
    ['closed by the server', clean, 'watch'],
    ['silent', { kind: 'silent' }, 'watch'],
    ['cut', { kind: 'lost', problem: 'ECONNRESET' }, 'watch'],
    ['garbled', { kind: 'garbled', problem: 'a cut line' }, 'watch'],
    ['HTTP 500', refused(500), 'watch'],
    ['HTTP 429', refused(429), 'watch'],
    ['HTTP 401', refused(401), 'watch'],
    ['HTTP 403', refused(403), 'watch'],
    ['an ERROR event without a code', refused(0, null), 'watch'],
    ['410 Gone', refused(410), 'list'],
    ['an ERROR event with 410', refused(410, null), 'list'],
    ['404: the CRD is gone', refused(404), 'list'],
    ['a wish for a list', { kind: 'relist' }, 'list'],
  ])('%s is followed by a %s', (_what, end, step) => {
    expect(afterWatch(end, true, 0, 0.5).step).toBe(step)
  })

  it.each<[string, WatchEnd]>([
    ['a refusal', refused(500)],
    ['a cut', { kind: 'lost', problem: 'ECONNRESET' }],
    ['a garbled stream', { kind: 'garbled', problem: 'a cut line' }],
  ])('%s three times in a row without progress: the version is doubted', (_what, end) => {
    let failures = 0
    const steps = []
    for (let i = 0; i < 3; i++) {
      const next = afterWatch(end, false, failures, 0.5)
      failures = next.failures
      steps.push(next.step)
    }
    expect(steps).toEqual(['watch', 'watch', 'list'])
  })

  it('progress begins the count anew', () => {
    expect(afterWatch(refused(500), true, 7, 0.5)).toMatchObject({ step: 'watch', failures: 1 })
  })

  it('a server that says when is not asked before', () => {
    const next = afterWatch(refused(429, refusal(429, '17')), true, 0, 0)
    expect(next.delayMs).toBe(17_000)
  })

  it('a wish for a list is no failure and does not wait', () => {
    expect(afterWatch({ kind: 'relist' }, false, 5, 0.5)).toEqual({
      step: 'list',
      delayMs: 0,
      failures: 0,
      problem: '',
    })
  })
})

describe('the end of a list', () => {
  it.each<[string, unknown]>([
    ['HTTP 500', refusal(500)],
    ['410 in the middle', refusal(410)],
    ['no answer', errorOfSilence(asked, { code: 'ECONNREFUSED' }, false)],
    ['an answer that is no list', badAnswer(asked, 'no list')],
    ['a bug', new TypeError('x is undefined')],
  ])('%s: the list begins again', (_what, error) => {
    expect(afterList(error, 0, 0.5)).toMatchObject({ step: 'list', failures: 1 })
  })

  it('a server that says when is not asked before', () => {
    expect(afterList(refusal(503, '4'), 0, 0).delayMs).toBe(4_000)
  })
})

describe('the problem, for people', () => {
  it.each<[string, WatchEnd, RegExp]>([
    ['403', refused(403), /not allowed: GET \/apis\/x: 403 no \(grant get, list and watch\)/],
    ['404', refused(404), /unknown to the API server: .* \(install the CRDs\)/],
    ['401', refused(401), /credentials are refused/],
    ['500', refused(500), /500 InternalError|500 no/],
    ['an ERROR event', refused(0, null), /an error event without a code/],
    ['an ERROR event with a code', refused(500, null), /an error event with code 500/],
    ['a cut', { kind: 'lost', problem: 'ECONNRESET' }, /ECONNRESET/],
  ])('%s', (_what, end, want) => {
    expect(afterWatch(end, false, 0, 0.5).problem).toMatch(want)
  })

  it.each<[string, WatchEnd]>([
    ['closed by the server', clean],
    ['silent', { kind: 'silent' }],
    ['410', refused(410)],
  ])('%s is none: it happens to healthy watches', (_what, end) => {
    expect(afterWatch(end, false, 0, 0.5).problem).toBe('')
  })

  it('of a list names what was thrown, whatever it was', () => {
    expect(afterList(refusal(403), 0, 0.5).problem).toMatch(/grant get, list and watch/)
    expect(afterList(new TypeError('x is undefined'), 0, 0.5).problem).toBe('x is undefined')
    expect(afterList(refusal(410), 0, 0.5).problem).toBe('')
  })
})

describe('whatever happens, in whatever order', () => {
  const end: fc.Arbitrary<WatchEnd> = fc.oneof(
    fc.constantFrom<WatchEnd>(clean, { kind: 'silent' }, { kind: 'relist' }),
    fc.constantFrom<WatchEnd>(
      { kind: 'lost', problem: 'x' },
      { kind: 'garbled', problem: 'a cut line' },
    ),
    fc
      .record({
        code: fc.constantFrom(400, 401, 403, 404, 409, 410, 429, 500, 503),
        after: fc.nat(600),
      })
      .map(({ code, after }) => refused(code, refusal(code, String(after)))),
    fc.nat(600).map((code) => refused(code, null)),
  )
  const roll = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  it('there is a next step within half a minute, or when the server said', () => {
    fc.assert(
      fc.property(
        end,
        fc.boolean(),
        fc.nat(10_000),
        roll,
        (ended, progressed, failures, random) => {
          const next = afterWatch(ended, progressed, failures, random)
          const asked = ended.kind === 'refused' ? (ended.error?.retryAfterMs ?? 0) : 0
          expect(['watch', 'list']).toContain(next.step)
          expect(next.delayMs).toBeGreaterThanOrEqual(asked)
          expect(next.delayMs).toBeLessThanOrEqual(Math.max(30_000, asked))
        },
      ),
    )
  })

  it('waits grow with failures, are never zero, and spread', () => {
    fc.assert(
      fc.property(fc.nat(60), roll, (failures, random) => {
        const wait = backoff(failures, random)
        expect(wait).toBeGreaterThanOrEqual(100)
        expect(wait).toBeLessThanOrEqual(30_000)
        expect(backoff(failures + 1, random)).toBeGreaterThanOrEqual(wait)
      }),
    )
    expect(backoff(3, 0)).toBeLessThan(backoff(3, 0.9))
  })
})
