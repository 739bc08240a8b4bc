import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BeatMessage, ConnectClaim } from '../../../src/api/messages.ts'
import { jobUid } from '../../../src/core/ids.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import {
  decodeBeat,
  decodeClaim,
  decodeControl,
  decodeEvent,
  decodeNote,
  decodeWork,
} from '../../../src/nats/decode.ts'
import {
  encodeBeat,
  encodeClaim,
  encodeControl,
  encodeEvent,
  encodeNote,
  encodeWork,
} from '../../../src/nats/encode.ts'
import {
  beatJson,
  cls,
  epoch,
  namespace,
  nonce,
  owner,
  plain,
  received,
  report,
  sender,
  uid,
  workItem,
} from './build.ts'

const address = { namespace, cls, uid }
const origin = { namespace, owner }

describe('message ids', () => {
  test('of work are uid, epoch and nonce', () => {
    expect(encodeWork(workItem(), 0).id).toBe(`${uid}.${epoch}.${nonce}`)
  })

  test('of an outcome add the first 8 of the boot, so two workers cannot hide each other’s', () => {
    const message = encodeEvent(report({ kind: 'cancelled' }), origin, 0)
    expect(message.id).toBe(`${uid}.${epoch}.${nonce}.0a1b2c3d.end`)
  })

  test('of a resend differ from the first and from each other', () => {
    const id = (resend: number) => encodeEvent(report({ kind: 'cancelled' }), origin, resend).id
    expect([id(1), id(2)]).toEqual([`${id(0)}.r1`, `${id(0)}.r2`])
  })
})

describe('a work message', () => {
  test('comes back as it was sent', () => {
    const item = workItem({
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      correlationId: 'order 42',
      runId: 'r-2',
    })
    const decoded = decodeWork(address, received(encodeWork(item, 0)))
    expect(decoded).toEqual({ ok: true, value: item })
  })

  test('leaves out a text of the user that would break the header', () => {
    const item = workItem({ correlationId: 'a\r\nGq-Epoch: 1', tracestate: 'ü' })
    const message = encodeWork(item, 0)
    const decoded = decodeWork(address, received(message))
    expect(decoded.ok && [decoded.value.correlationId, decoded.value.tracestate]).toEqual(['', ''])
    expect(decoded.ok && decoded.value.epoch).toBe(epoch)
  })

  test('without a payload has an empty body', () => {
    const message = encodeWork(workItem({ payloadJson: null }), 0)
    expect(message.body).toBe('')
    expect(message.headers.map(([name]) => name)).not.toContain('Content-Type')
  })

  test('says the deadline for people, and none that no calendar has', () => {
    const deadlineAt = (now: number) =>
      encodeWork(workItem({ timeoutMs: 60_000 }), now).headers.find(
        ([name]) => name === 'Gq-Deadline',
      )?.[1]
    expect(deadlineAt(Date.UTC(2026, 0, 1))).toBe('2026-01-01T00:01:00Z')
    expect(deadlineAt(8.64e15 - 60_000)).toBeUndefined()
  })

  test('of any job comes back as it was sent', () => {
    const visible = fc.string({ unit: 'grapheme-ascii', maxLength: 40 }).map((text) => text.trim())
    const items = fc
      .record({
        epoch: fc.maxSafeNat().map((value) => Math.max(1, value)),
        attempt: fc.integer({ min: 1, max: 1000 }),
        timeoutMs: fc.integer({ min: 1, max: 604_800_000 }),
        correlationId: visible,
        payloadJson: fc.option(fc.json().filter((text) => text !== 'null')),
      })
      .map(workItem)
    fc.assert(
      fc.property(items, (item) => {
        const decoded = decodeWork(address, received(encodeWork(item, 0)))
        expect(decoded).toEqual({ ok: true, value: item })
      }),
    )
  })
})

const failure = { category: 'Temporary', code: 'ECONNRESET', message: 'socket hang up' } as const

describe('a report', () => {
  test.each<Outcome>([
    { kind: 'succeeded', resultJson: '{"id":1}' },
    { kind: 'succeeded', resultJson: null },
    { kind: 'failed', failure, retryAfterMs: null },
    { kind: 'failed', failure, retryAfterMs: 30_000 },
    { kind: 'timed-out', failure: { ...failure, category: 'Timeout' } },
    { kind: 'snoozed', delayMs: 5000 },
    { kind: 'cancelled' },
    { kind: 'handed-back' },
    { kind: 'rejected', failure: { ...failure, category: 'System' } },
  ])('of $kind comes back as it was sent', (outcome) => {
    const sent = report(outcome)
    const decoded = decodeEvent(sender, received(encodeEvent(sent, origin, 0)))
    expect(decoded).toEqual({ ok: true, value: { ...sent, namespace, owner } })
  })

  test('with a result that no message can carry becomes the failure that says so', () => {
    const sent = report({ kind: 'succeeded', resultJson: `"${'x'.repeat(70_000)}"` })
    const decoded = decodeEvent(sender, received(encodeEvent(sent, origin, 0)))
    expect(decoded.ok && decoded.value.outcome).toMatchObject({
      kind: 'failed',
      failure: { category: 'Permanent', code: 'InvalidResult' },
    })
  })

  test('with an error text of 10 MB and a code that is none can be sent', () => {
    const huge = { category: 'Temporary', code: 'a\r\nb', message: 'x'.repeat(1e7) } as const
    const message = encodeEvent(
      report({ kind: 'failed', failure: huge, retryAfterMs: Number.MAX_VALUE }),
      origin,
      0,
    )
    const decoded = decodeEvent(sender, received(message))
    expect(decoded.ok && decoded.value.outcome).toMatchObject({ failure: { code: 'Error' } })
    expect(message.body.length).toBeLessThan(5000)
  })
})

describe('a beat', () => {
  const beat = JSON.parse(beatJson()) as BeatMessage
  const listing = (running: number, finished: number): BeatMessage => ({
    ...beat,
    running: Array.from({ length: running }, () => beat.running[0]).filter((entry) => !!entry),
    finished: Array.from({ length: finished }, () => beat.finished[0]).filter((entry) => !!entry),
  })

  test('comes back as it was sent', () => {
    const decoded = decodeBeat(sender, plain('', encodeBeat(beat, 1e6) ?? ''))
    expect(decoded.ok && decoded.value.running).toHaveLength(1)
  })

  test('that would be too large leaves out confirmed reports, never a running attempt', () => {
    const sent = JSON.parse(encodeBeat(listing(10, 100), 10_000) ?? '')
    expect([sent.running.length, sent.finished.length]).toEqual([10, 0])
  })

  test('that is too large with its running attempts alone is none', () => {
    expect(encodeBeat(listing(100, 0), 10_000)).toBeNull()
  })
})

test('a note comes back as it was sent, its numbers and text within bounds', () => {
  const body = encodeNote({ epoch, nonce }, owner, 140.2, `half\u0007 way ${'x'.repeat(2000)}`)
  const decoded = decodeNote(sender, plain('', body), 5)
  expect(decoded.ok && decoded.value.percent).toBe(100)
  expect(decoded.ok && decoded.value.message).toMatch(/^half way x+…$/)
  expect(encodeNote({ epoch, nonce }, owner, Number.NaN, '')).toContain('"percent":0')
})

test('a resend of 1,200 reports is three messages that name each once', () => {
  const reports = Array.from({ length: 1200 }, (_, i) => ({ uid: jobUid(`u${i}`), epoch: i }))
  const bodies = encodeControl({ kind: 'resend', term: 3, reports })
  const decoded = bodies.map((body) => decodeControl(plain('', body)))
  const named = decoded.flatMap((one) =>
    one.ok && one.value.kind === 'resend' ? one.value.reports : [],
  )
  expect(bodies).toHaveLength(3)
  expect(named).toEqual(reports)
})

test('a claim survives the user name of CONNECT', () => {
  const claim: ConnectClaim = {
    v: 1,
    role: 'worker',
    queues: ['default'],
    types: [{ type: 'email.send', version: '' }],
    boot: owner.boot,
  }
  expect(decodeClaim(encodeClaim(claim))).toEqual({ ok: true, value: claim })
})
