import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MESSAGE_LIMITS } from '../../../src/api/messages.ts'
import {
  decodeBeat,
  decodeClaim,
  decodeControl,
  decodeEvent,
  decodeNote,
  decodeWork,
  MAX_ERROR_BYTES,
} from '../../../src/nats/decode.ts'
import { encodeEvent, encodeWork } from '../../../src/nats/encode.ts'
import type { RawMessage } from '../../../src/nats/message.ts'
import {
  beatJson,
  cls,
  epoch,
  headerBytes,
  namespace,
  nonce,
  owner,
  plain,
  received,
  report,
  sender,
  uid,
  withHeaders,
  workItem,
} from './build.ts'

const address = { namespace, cls, uid }
const work = encodeWork(workItem(), 0)
const succeeded = encodeEvent(
  report({ kind: 'succeeded', resultJson: '{"id":1}' }),
  { namespace, owner },
  0,
)

function problemOf(decoded: { readonly ok: boolean; readonly problem?: string }): string {
  expect(decoded.ok).toBe(false)
  return decoded.problem ?? ''
}

describe('a work message', () => {
  test('without a readable nonce is refused by name, and nothing of it can be reported', () => {
    const decoded = decodeWork(address, withHeaders(work, { 'Gq-Nonce': null }))
    expect(decoded).toEqual({ ok: false, problem: 'header Gq-Nonce is missing', partial: null })
  })

  test('with an unreadable timeout can still be reported as rejected', () => {
    const decoded = decodeWork(address, withHeaders(work, { 'Gq-Timeout-Ms': '-1' }))
    expect(problemOf(decoded)).toMatch(/^header Gq-Timeout-Ms: /)
    expect(!decoded.ok && decoded.partial).toEqual({
      uid,
      name: 'welcome-42',
      epoch,
      nonce,
      attempt: 1,
      runId: '',
    })
  })

  test('whose payload is cut off can be reported as rejected', () => {
    const decoded = decodeWork(address, { ...received(work), body: Buffer.from('{"to":') })
    expect(problemOf(decoded)).toBe('the body is not JSON')
    expect(!decoded.ok && decoded.partial?.uid).toBe(uid)
  })

  test.each([
    ['another uid than its subject', { 'Gq-Job-Uid': 'someone-else' }, 'Gq-Job-Uid contradicts'],
    ['another namespace', { 'Gq-Namespace': 'team-b' }, 'Gq-Namespace contradicts'],
    ['a newer protocol', { 'Gq-Proto': '2' }, 'speaks protocol version 2'],
    ['a name in the wrong case', { 'Gq-Type': null, 'gq-type': 'x' }, 'Gq-Type is missing'],
  ])('with %s is refused', (_, changes, want) => {
    expect(problemOf(decodeWork(address, withHeaders(work, changes)))).toContain(want)
  })

  test('of another uid than its subject is nobody’s to report', () => {
    const decoded = decodeWork(address, withHeaders(work, { 'Gq-Job-Uid': 'someone-else' }))
    expect(!decoded.ok && decoded.partial).toBeNull()
  })

  test('keeps its payload byte for byte', () => {
    const json = '{ "b":1.0,"a":[1e3, "\\u00e9"] }'
    const decoded = decodeWork(address, received(encodeWork(workItem({ payloadJson: json }), 0)))
    expect(decoded.ok && decoded.value.payloadJson).toBe(json)
  })

  test('with the payload null is one without a payload', () => {
    const decoded = decodeWork(address, { ...received(work), body: Buffer.from('null') })
    expect(decoded.ok && decoded.value.payloadJson).toBeNull()
  })

  test('that is too large is not looked at', () => {
    const body = Buffer.alloc(MESSAGE_LIMITS.workBytes, 0x20)
    const decoded = decodeWork(address, { ...received(work), body })
    expect(problemOf(decoded)).toMatch(/at most 262144 are read/)
  })
})

describe('an event', () => {
  test('takes worker, namespace and job from the subject', () => {
    const decoded = decodeEvent(sender, received(succeeded))
    expect(decoded.ok && decoded.value).toMatchObject({
      namespace,
      uid,
      owner: { worker: sender.worker },
    })
  })

  test.each([
    ['another uid than its subject', { 'Gq-Job-Uid': 'other' }, 'Gq-Job-Uid contradicts'],
    ['no uid', { 'Gq-Job-Uid': null }, 'Gq-Job-Uid is missing'],
    ['no outcome', { 'Gq-Outcome': null }, 'Gq-Outcome is missing'],
    ['an unknown outcome', { 'Gq-Outcome': 'exploded' }, 'Gq-Outcome: '],
    ['an epoch that is not a number', { 'Gq-Epoch': '0x10' }, 'Gq-Epoch: '],
    ['an epoch beyond 2^53', { 'Gq-Epoch': '9007199254740993' }, 'Gq-Epoch: '],
    ['a negative duration', { 'Gq-Duration-Ms': '-5' }, 'Gq-Duration-Ms: '],
    ['a newer protocol', { 'Gq-Proto': '2' }, 'upgrade the operator before the workers'],
    ['an unreadable protocol', { 'Gq-Proto': 'one' }, 'Gq-Proto: '],
  ])('with %s is refused by name', (_, changes, want) => {
    expect(problemOf(decodeEvent(sender, withHeaders(succeeded, changes)))).toContain(want)
  })

  test('never quotes a value in its problem', () => {
    const decoded = decodeEvent(sender, withHeaders(succeeded, { 'Gq-Nonce': 'secret-secret' }))
    expect(problemOf(decoded)).not.toContain('secret')
  })

  test('that says one of our headers twice is refused, whichever value comes first', () => {
    const twice = headerBytes([...succeeded.headers, ['Gq-Epoch', '1']])
    const decoded = decodeEvent(sender, { ...received(succeeded), headers: twice })
    expect(problemOf(decoded)).toBe('header Gq-Epoch came more than once')
  })

  test('may say headers twice that are not ours', () => {
    const twice = headerBytes([...succeeded.headers, ['X-Any', '1'], ['X-Any', '2']])
    expect(decodeEvent(sender, { ...received(succeeded), headers: twice }).ok).toBe(true)
  })

  test.each([
    [10_000, /^a message of \d+ bytes/],
    [2000, /^headers of \d+ bytes/],
    [200, /^more than 128 headers/],
  ])('with %d headers is refused before they are read one by one', (count, want) => {
    const many = Array.from({ length: count }, (_, i) => [`h${i}`, 'x'] as const)
    const headers = headerBytes([...succeeded.headers, ...many])
    expect(problemOf(decodeEvent(sender, { ...received(succeeded), headers }))).toMatch(want)
  })

  test('without headers is refused', () => {
    const decoded = decodeEvent(sender, plain(succeeded.subject, '{}'))
    expect(problemOf(decoded)).toMatch(/is missing$/)
  })

  test('whose result nests too deep is refused: it would overflow whoever encodes the status', () => {
    const body = Buffer.from(`${'['.repeat(201)}${']'.repeat(201)}`)
    const decoded = decodeEvent(sender, { ...received(succeeded), body })
    expect(problemOf(decoded)).toContain('nests deeper than 200')
  })

  test('whose result is not JSON is refused', () => {
    const decoded = decodeEvent(sender, { ...received(succeeded), body: Buffer.from('{') })
    expect(problemOf(decoded)).toBe('the body is not JSON')
  })
})

describe('a failure', () => {
  const failed = encodeEvent(
    report({
      kind: 'failed',
      failure: { category: 'Permanent', code: 'NoSuchUser', message: 'no such user' },
      retryAfterMs: 500,
    }),
    { namespace, owner },
    0,
  )

  test('has category and code from the headers, text from the body', () => {
    const decoded = decodeEvent(sender, received(failed))
    expect(decoded.ok && decoded.value.outcome).toEqual({
      kind: 'failed',
      failure: { category: 'Permanent', code: 'NoSuchUser', message: 'no such user' },
      retryAfterMs: 500,
    })
  })

  test.each([
    ['failed', { category: 'Temporary', code: 'Error', message: '' }],
    ['timed-out', { category: 'Timeout', code: 'AttemptTimeout', message: '' }],
    ['rejected', { category: 'System', code: 'Rejected', message: '' }],
  ])('%s without category, code and body gets the ones of its kind', (kind, want) => {
    const bare = { 'Gq-Outcome': kind, 'Gq-Category': null, 'Gq-Error-Code': null }
    const decoded = decodeEvent(sender, { ...withHeaders(failed, bare), body: Buffer.alloc(0) })
    expect(
      decoded.ok && 'failure' in decoded.value.outcome && decoded.value.outcome.failure,
    ).toEqual(want)
  })

  test('loses control characters and everything beyond 1 KiB of its text', () => {
    const message = `a\u0000\u001b[2J\n${'é'.repeat(2000)}`
    const body = Buffer.from(JSON.stringify({ message }))
    const decoded = decodeEvent(sender, { ...received(failed), body })
    const outcome = decoded.ok ? decoded.value.outcome : null
    const text = outcome?.kind === 'failed' ? outcome.failure.message : ''
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_ERROR_BYTES)
    expect(text).toMatch(/^a \[2J é+…$/)
  })
})

describe('a beat', () => {
  test('takes its sender from the subject and its boot from the body', () => {
    const decoded = decodeBeat(sender, plain('', beatJson({ namespace: 'team-b', worker: 'x' })))
    expect(decoded.ok && decoded.value).toMatchObject({
      namespace,
      owner,
      announcedTerm: 3,
      cls,
      handlers: [{ type: 'email.send', version: '1' }],
      running: [{ uid, epoch, runId: '' }],
      finished: [{ uid, confirmed: true }],
    })
  })

  test('that lists 100,000 jobs is refused by its size', () => {
    const one = { uid, name: 'welcome-42', epoch, nonce, attempt: 1, ageMs: 5 }
    const running = Array.from({ length: 100_000 }, () => one)
    const decoded = decodeBeat(sender, plain('', beatJson({ running })))
    expect(problemOf(decoded)).toMatch(/at most 1048576 are read/)
  })

  test('that lists more attempts than a worker may have is refused by their number', () => {
    const running = Array.from({ length: 10_001 }, () => 0)
    expect(problemOf(decodeBeat(sender, plain('', beatJson({ running }))))).toMatch(/^running/)
  })

  test.each([
    ['a negative number', { free: -1 }, /^free: /],
    ['a term beyond 21 bits', { term: 2 ** 21 }, /^term: /],
    ['a nonce that is none', { running: [{ uid, name: 'a', epoch, nonce: '' }] }, /^running\.0\./],
    ['a newer protocol', { v: 2 }, /^speaks protocol version 2/],
    ['no protocol', { v: undefined }, /^v: /],
  ])('with %s is refused', (_, changes, want) => {
    expect(problemOf(decodeBeat(sender, plain('', beatJson(changes))))).toMatch(want)
  })

  test('that is cut off anywhere is refused', () => {
    const whole = beatJson()
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (length) => {
        expect(decodeBeat(sender, plain('', whole.slice(0, length))).ok).toBe(false)
      }),
    )
  })
})

describe('a note', () => {
  const note = { v: 1, boot: owner.boot, epoch, nonce, percent: 40, message: 'half\nway' }

  test('carries one clean line', () => {
    const decoded = decodeNote(sender, plain('', JSON.stringify(note)), 17)
    expect(decoded.ok && decoded.value).toEqual({
      namespace,
      owner,
      uid,
      epoch,
      percent: 40,
      message: 'half way',
      at: 17,
    })
  })

  test('above its size is not parsed', () => {
    const decoded = decodeNote(sender, plain('', ' '.repeat(4097)), 0)
    expect(problemOf(decoded)).toMatch(/at most 4096 are read/)
  })
})

describe('a control message', () => {
  test.each([
    { kind: 'leader', term: 3, shard: 4, report: true },
    { kind: 'cancel', term: 3, uid, epochMax: epoch, reason: 'void' },
    { kind: 'cancel', term: 3, uid, epochMax: epoch, reason: 'cancelled', graceMs: 30_000 },
    { kind: 'resend', term: 3, reports: [{ uid, epoch }] },
    { kind: 'drain', term: 3 },
  ])('$kind is read as it was written', (control) => {
    const decoded = decodeControl(plain('', JSON.stringify({ v: 1, ...control, extra: 'ignored' })))
    expect(decoded.ok && decoded.value).toEqual(control)
  })

  test('of an unknown kind is refused', () => {
    expect(decodeControl(plain('', '{"v":1,"kind":"explode","term":3}')).ok).toBe(false)
  })
})

describe('a claim at connect', () => {
  test.each([
    ['nothing', ''],
    ['not base64url', 'hello world'],
    ['not JSON', Buffer.from('{').toString('base64url')],
    ['no queues', Buffer.from('{"v":1,"role":"worker"}').toString('base64url')],
    ['far too long', 'A'.repeat(300_000)],
  ])('that is %s is refused', (_, user) => {
    expect(decodeClaim(user).ok).toBe(false)
  })
})

describe('any message at all', () => {
  const names = ['Gq-Proto', 'Gq-Job-Uid', 'Gq-Epoch', 'Gq-Nonce', 'Gq-Outcome', 'Gq-Boot']
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('', '1', '-1', '9007199254740993', 'NaN', '__proto__', '\u0000', '*', '>'),
  )
  const lines = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), hostile), hostile), {
    maxLength: 30,
  })
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Uint8Array.from(Buffer.from(text))),
    fc
      .record({ v: fc.constant(1), kind: hostile, term: fc.anything(), running: fc.anything() })
      .map((value) => Uint8Array.from(Buffer.from(safeJson(value)))),
  )
  const messages: fc.Arbitrary<RawMessage> = fc.record({
    subject: hostile,
    reply: hostile,
    headers: fc.oneof(
      fc.constant(null),
      fc.uint8Array({ maxLength: 200 }),
      lines.map((pairs) => headerBytes(pairs)),
      fc.constantFrom(succeeded, work).map((message) => received(message).headers),
    ),
    body: bodies,
  })

  test('is a value or a problem in one line, never an exception', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const all = [
          decodeWork(address, message),
          decodeEvent(sender, message),
          decodeBeat(sender, message),
          decodeNote(sender, message, 0),
          decodeControl(message),
        ]
        for (const decoded of all) {
          if (decoded.ok) continue
          expect(decoded.problem).toMatch(/^[^\n\p{Cc}]+$/u)
          expect(decoded.problem.length).toBeLessThanOrEqual(300)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('leaves every prototype as it was', () => {
    const body = Buffer.from('{"v":1,"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}')
    decodeBeat(sender, plain('', body))
    decodeControl(plain('', body))
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
  })
})

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch {
    return 'null'
  }
}
