// What travels over NATS: bounded, forgiving towards what is unknown, and the same on both sides.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BeatMessage,
  ConnectClaim,
  ControlMessage,
  EVENT_HEADERS,
  EventError,
  EventHeaders,
  MESSAGE_LIMITS,
  NoteMessage,
  OUTCOMES,
  readHeaders,
  WORK_HEADERS,
  WorkHeaders,
  writeHeaders,
} from '../../../src/api/messages.ts'
import { CLASS, epoch, HANDLERS, NONCE, QUEUE, TYPE, uid } from '../../builders.ts'

const WORK = {
  proto: 1,
  uid: uid(1),
  name: 'welcome',
  namespace: 'mail',
  queue: QUEUE,
  type: TYPE,
  epoch: epoch(1),
  nonce: NONCE,
  attempt: 1,
  maxAttempts: 3,
  timeoutMs: 1_800_000,
} as const

const EVENT = {
  proto: 1,
  uid: uid(1),
  name: 'welcome',
  epoch: epoch(1),
  nonce: NONCE,
  attempt: 1,
  boot: 'boot-0001',
  outcome: 'succeeded',
} as const

const BEAT = {
  v: 1,
  boot: 'boot-0001',
  term: 7,
  class: CLASS,
  queues: [QUEUE],
  handlers: HANDLERS,
  slots: 10,
  free: 9,
  running: [
    { uid: uid(1), name: 'welcome', epoch: epoch(1), nonce: NONCE, attempt: 1, ageMs: 100 },
  ],
  finished: [],
}

type Names = Readonly<Record<string, string>>

/** Over the wire and back. */
function across<N extends Names>(
  names: N,
  values: Readonly<Partial<Record<keyof N, string | number>>>,
): unknown {
  const wire = new Map(writeHeaders(names, values))
  return readHeaders(names, (header) => wire.get(header))
}

const work = (changes: Readonly<Record<string, string | number>> = {}) =>
  WorkHeaders.safeParse(across(WORK_HEADERS, { ...WORK, ...changes }))
const event = (changes: Readonly<Record<string, string | number>> = {}) =>
  EventHeaders.safeParse(across(EVENT_HEADERS, { ...EVENT, ...changes }))

describe('headers', () => {
  it('of work come back as they were sent, with defaults for what was not', () => {
    expect(work()).toEqual({
      success: true,
      data: {
        ...WORK,
        handlerVersion: '',
        runId: '',
        deadline: '',
        correlationId: '',
        item: '',
        checkpoint: '',
        traceparent: '',
        tracestate: '',
        contentType: '',
        payloadFrom: '',
      },
    })
  })

  it('of an event come back as they were sent, with defaults for what was not', () => {
    expect(event()).toEqual({
      success: true,
      data: { ...EVENT, runId: '', startedAgoMs: 0, durationMs: 0 },
    })
  })

  it.each(OUTCOMES)('know the outcome %s', (outcome) => {
    expect(event({ outcome }).success).toBe(true)
  })

  it('carry an epoch exactly, up to the largest', () => {
    const epochs = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(epochs, (value) => {
        expect(work({ epoch: value }).data?.epoch).toBe(value)
      }),
    )
  })

  it.each(Object.keys(WORK).filter((key) => key !== 'proto'))('of work need %s', (key) => {
    expect(work({ [key]: '' }).success).toBe(false)
  })

  it.each(Object.keys(EVENT).filter((key) => key !== 'proto'))('of an event need %s', (key) => {
    expect(event({ [key]: '' }).success).toBe(false)
  })

  it.each<[string, string]>([
    ['epoch', '0'],
    ['epoch', '-1'],
    ['epoch', '1.0'],
    ['epoch', '01'],
    ['epoch', '1e3'],
    ['epoch', ' 1'],
    ['epoch', '9007199254740992'],
    ['epoch', '9'.repeat(400)],
    ['nonce', NONCE.toUpperCase()],
    ['nonce', NONCE.slice(1)],
    ['uid', 'a.b'],
    ['uid', 'a/b'],
    ['uid', `${'a'.repeat(65)}`],
    ['name', 'Welcome'],
    ['queue', 'a.b'],
    ['queue', 'a>'],
    ['type', '*'],
    ['attempt', '0'],
    ['maxAttempts', '101'],
    ['timeoutMs', '0'],
    ['runId', 'ä'],
    ['correlationId', 'a\nb'],
    ['correlationId', 'x'.repeat(257)],
    ['traceparent', '\u202e'],
  ])('of work with %s %j are refused', (key, value) => {
    expect(work({ [key]: value }).success).toBe(false)
  })

  it.each<[string, string]>([
    ['outcome', 'done'],
    ['boot', 'short'],
    ['category', 'Fatal'],
    ['code', 'a b'],
    ['code', 'x'.repeat(65)],
    ['retryAfterMs', '-1'],
    ['retryAfterMs', '99999999999999'],
    ['durationMs', 'NaN'],
  ])('of an event with %s %j are refused', (key, value) => {
    expect(event({ [key]: value }).success).toBe(false)
  })

  it('that are unknown are ignored, and their names are taken exactly', () => {
    const wire = new Map([...writeHeaders(EVENT_HEADERS, EVENT), ['Gq-Unknown', 'x'] as const])
    expect(readHeaders(EVENT_HEADERS, (header) => wire.get(header))).not.toHaveProperty('unknown')
    const lower = new Map([...wire].map(([name, value]) => [name.toLowerCase(), value] as const))
    expect(readHeaders(EVENT_HEADERS, (header) => lower.get(header))).toEqual({})
  })

  it('that say nothing are not sent', () => {
    expect(writeHeaders(EVENT_HEADERS, { runId: '', attempt: 0 })).toEqual([['Gq-Attempt', '0']])
  })

  it.each([
    ['work', WORK_HEADERS],
    ['event', EVENT_HEADERS],
  ])('of %s have each a name of their own', (_kind, names) => {
    const values = Object.values<string>(names)
    expect(new Set(values).size).toBe(values.length)
  })
})

describe('a heartbeat', () => {
  const takes = (changes: object) => BeatMessage.safeParse({ ...BEAT, ...changes }).success

  it('comes back with defaults for what an older worker does not send', () => {
    expect(BeatMessage.parse(BEAT)).toMatchObject({
      draining: false,
      loopLagMs: 0,
      memoryBytes: 0,
      pod: '',
      running: [{ runId: '', lastSignMs: 0 }],
      handlers: [{ type: TYPE, version: '1', inputDigest: '' }],
    })
  })

  it('ignores what a newer worker adds', () => {
    expect(BeatMessage.parse({ ...BEAT, mood: 'good' })).not.toHaveProperty('mood')
  })

  it.each<[string, object]>([
    ['no queue', { queues: [] }],
    ['too many queues', { queues: Array.from({ length: 17 }, (_, n) => `q${n}`) }],
    ['a queue that is no name', { queues: ['a.b'] }],
    ['a class that is no digest', { class: 'x' }],
    ['a term beyond 21 bits', { term: 2 ** 21 }],
    ['a negative number of slots', { slots: -1 }],
    ['too many slots', { slots: 10_001 }],
    ['half a slot', { free: 0.5 }],
    ['a pod name with a line end', { pod: 'a\nb' }],
    ['an epoch beyond 2^53', { running: [{ ...BEAT.running[0], epoch: 2 ** 53 }] }],
    ['an attempt without a nonce', { running: [{ ...BEAT.running[0], nonce: undefined }] }],
    [
      'too many handlers',
      { handlers: Array.from({ length: MESSAGE_LIMITS.handlers + 1 }, () => HANDLERS[0]) },
    ],
  ])('with %s is refused', (_says, changes) => {
    expect(takes(changes)).toBe(false)
  })

  it('may list as many attempts as fit into its size', () => {
    const running = Array.from({ length: MESSAGE_LIMITS.beatAttempts }, () => BEAT.running[0])
    expect(takes({ running })).toBe(true)
    expect(takes({ running: [...running, BEAT.running[0]] })).toBe(false)
  })
})

describe('control messages', () => {
  it.each([
    [{ v: 1, kind: 'leader', term: 7, shard: 15, report: true }],
    [{ v: 1, kind: 'cancel', term: 7, uid: uid(1), epochMax: epoch(1), reason: 'void' }],
    [{ v: 1, kind: 'resend', term: 7, reports: [{ uid: uid(1), epoch: epoch(1) }] }],
    [{ v: 1, kind: 'drain', term: 7 }],
  ])('%j comes back as it was sent', (message) => {
    expect(ControlMessage.parse(message)).toEqual(message)
  })

  it.each([
    [{ v: 1, kind: 'restart', term: 7 }],
    [{ v: 1, kind: 'leader', term: 7, shard: 16, report: true }],
    [{ v: 1, kind: 'cancel', term: 7, uid: uid(1), epochMax: epoch(1), reason: 'because' }],
    [{ v: 1, kind: 'drain', term: 2 ** 21 }],
    [{ kind: 'drain', term: 7 }],
  ])('%j is refused', (message) => {
    expect(ControlMessage.safeParse(message).success).toBe(false)
  })

  it('ask for a bounded number of reports', () => {
    const reports = Array.from({ length: MESSAGE_LIMITS.resendReports + 1 }, () => ({
      uid: uid(1),
      epoch: 1,
    }))
    const message = { v: 1, kind: 'resend', term: 7, reports }
    expect(ControlMessage.safeParse(message).success).toBe(false)
  })
})

describe('the rest', () => {
  it('a failure without words is one', () => {
    expect(EventError.parse({})).toEqual({ message: '', stack: '' })
    expect(EventError.safeParse({ message: 'x'.repeat(16_385) }).success).toBe(false)
  })

  it('a note has a percentage and a bounded text', () => {
    const note = { v: 1, boot: 'boot-0001', epoch: epoch(1), nonce: NONCE, percent: 40 }
    expect(NoteMessage.parse(note)).toEqual({ ...note, message: '' })
    expect(NoteMessage.safeParse({ ...note, percent: 101 }).success).toBe(false)
    expect(NoteMessage.safeParse({ ...note, message: 'x'.repeat(513) }).success).toBe(false)
  })

  it('a claim names role, queues and types; only a worker without a pod names itself', () => {
    const claim = {
      v: 1,
      role: 'worker',
      queues: [QUEUE],
      types: [{ type: TYPE }],
      boot: 'boot-0001',
    }
    expect(ConnectClaim.parse(claim)).toEqual({ ...claim, types: [{ type: TYPE, version: '' }] })
    expect(ConnectClaim.parse({ ...claim, id: uid(1) }).id).toBe(uid(1))
    expect(ConnectClaim.safeParse({ ...claim, role: 'operator' }).success).toBe(false)
    expect(ConnectClaim.safeParse({ ...claim, queues: [] }).success).toBe(false)
    expect(ConnectClaim.safeParse({ ...claim, id: 'a.b' }).success).toBe(false)
  })
})
