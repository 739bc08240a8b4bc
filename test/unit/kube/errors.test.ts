// What an answer means: was it certainly nothing, when to come back, and what may be shown of it.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { errorOfAnswer, errorOfSilence, plain } from '../../../src/kube/errors.ts'

const patch = { verb: 'PATCH', path: '/x' }
const get = { verb: 'GET', path: '/x' }
const SECRET = 'payload-of-a-user'

describe('an answer', () => {
  it.each([
    [400, true],
    [401, true],
    [403, true],
    [404, true],
    [408, false],
    [409, true],
    [413, true],
    [422, true],
    [429, true],
    [500, false],
    [502, false],
    [503, false],
    [504, false],
  ])('%d: that nothing happened is known = %s', (status, known) => {
    expect(errorOfAnswer(patch, status, '', null).outcomeKnown).toBe(known)
  })

  it.each([
    'etcdserver: request is too large',
    'rpc error: code = ResourceExhausted desc = trying to send message larger than max (2 vs. 1)',
  ])('500 with "%s" is a known refusal for size', (message) => {
    const error = errorOfAnswer(patch, 500, '', { message })
    expect(error).toMatchObject({ reason: 'RequestEntityTooLarge', outcomeKnown: true })
    expect(error.message).toContain('too large for the API server')
  })

  it.each([
    ['', {}, 0],
    ['5', {}, 5_000],
    ['0', {}, 0],
    ['-3', {}, 0],
    ['soon', {}, 0],
    ['86400', {}, 300_000],
    ['', { details: { retryAfterSeconds: 2 } }, 2_000],
    ['7', { details: { retryAfterSeconds: 2 } }, 7_000],
  ])('Retry-After %j and body %j: come back after %d ms', (header, body, want) => {
    expect(errorOfAnswer(patch, 429, header, body).retryAfterMs).toBe(want)
  })

  it('404 about an object and 404 about a path are told apart', () => {
    const object = { details: { name: 'a', kind: 'queuejobs' }, message: '"a" not found' }
    expect(errorOfAnswer(get, 404, '', object).aboutObject).toBe(true)
    expect(errorOfAnswer(get, 404, '', { details: {} }).aboutObject).toBe(false)
    expect(errorOfAnswer(get, 404, '', '404 page not found').aboutObject).toBe(false)
  })

  it.each([null, 'text', [], { message: 5 }, { details: [], reason: {} }, { reason: 'a b\n' }])(
    'a body that is no Status (%j) still makes an error',
    (body) => {
      const error = errorOfAnswer(get, 418, '', body)
      expect(error).toMatchObject({ status: 418, reason: 'Refused', fields: [] })
      expect(error.code).toBe('KubeRefused')
    },
  )
})

describe('what may be shown', () => {
  const quoting = {
    message: `QueueJob "a" is invalid: {"payload":"${SECRET}"}`,
    reason: 'Invalid',
    details: {
      causes: [{ field: 'spec.type', reason: 'FieldValueInvalid', message: SECRET }],
    },
  }

  it.each([
    ['PATCH', 400],
    ['PATCH', 422],
    ['PATCH', 500],
    ['PUT', 422],
  ])('a refused %s with %d shows fields and reasons, never the quoted object', (verb, status) => {
    const error = errorOfAnswer({ verb, path: '/x' }, status, '', quoting)
    expect(error.message).toBe(`${verb} /x: ${status} spec.type (FieldValueInvalid)`)
    expect(JSON.stringify(error)).not.toContain(SECRET)
  })

  it('a conflict says whose text speaks of versions only', () => {
    const error = errorOfAnswer(patch, 409, '', { message: 'the object has been modified' })
    expect(error.message).toContain('the object has been modified')
  })

  it('is one line of bounded length, whatever the server wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(2_000), (text, times) => {
        const message = `${text}\n\u001b[31m`.repeat(times % 50)
        const shown = errorOfAnswer(get, 403, '', { message }).message
        expect(shown).not.toMatch(/[\p{Cc}\u2028\u2029]/u)
        expect(shown.length).toBeLessThan(1_200)
      }),
    )
  })

  it('at most eight fields of thousands', () => {
    const causes = Array.from({ length: 900 }, (_, i) => ({ field: `f${i}`, reason: 'R' }))
    expect(errorOfAnswer(patch, 422, '', { details: { causes } }).fields).toHaveLength(8)
  })
})

describe('no answer', () => {
  it.each([
    ['ECONNREFUSED', true, 'Unreachable'],
    ['ENOTFOUND', true, 'Unreachable'],
    ['UND_ERR_CONNECT_TIMEOUT', true, 'Unreachable'],
    ['CERT_HAS_EXPIRED', true, 'Unreachable'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', true, 'Unreachable'],
    ['ECONNRESET', false, 'Lost'],
    ['UND_ERR_SOCKET', false, 'Lost'],
    ['EPIPE', false, 'Lost'],
  ])('%s: that nothing happened is known = %s', (code, known, reason) => {
    const error = errorOfSilence(patch, Object.assign(new Error('x'), { code }), false)
    expect(error).toMatchObject({ status: 0, outcomeKnown: known, reason })
  })

  it('several addresses that all refuse were never reached', () => {
    const cause = new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })])
    expect(errorOfSilence(patch, cause, false).reason).toBe('Unreachable')
  })

  it('a deadline says nothing about what happened, also while connecting', () => {
    const error = errorOfSilence(patch, { code: 'ECONNREFUSED' }, true)
    expect(error).toMatchObject({ reason: 'Timeout', outcomeKnown: false })
  })

  it('an error that is known already passes through', () => {
    const known = errorOfAnswer(get, 404, '', null)
    expect(errorOfSilence(get, known, true)).toBe(known)
  })
})

it('plain text is cut to its length', () => {
  expect(plain('a\nb\u202ec', 10)).toBe('a b c')
  expect(plain('x'.repeat(2_000))).toHaveLength(1_024)
})
