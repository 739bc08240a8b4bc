import { describe, expect, test } from 'vitest'
import { classConsumer } from '../../../src/core/ids.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { natsDeliverySource } from '../../../src/nats/deliver.ts'
import { encodeWork } from '../../../src/nats/encode.ts'
import type { RawMessage } from '../../../src/nats/message.ts'
import type { Delivery } from '../../../src/worker/ports.ts'
import { cls, namespace, received, workItem } from './build.ts'
import { FakeNats, FakeSession } from './fake-session.ts'

const consumer = classConsumer(namespace, cls)

function message(): RawMessage {
  const reply = `$JS.ACK.GQ_WORK.${consumer}.1.5.1.1690000000000000000.0`
  return { ...received(encodeWork(workItem(), 0)), reply }
}

function setUp() {
  const clock = new VirtualClock()
  const nats = new FakeNats()
  const session = nats.begin(new FakeSession())
  const source = natsDeliverySource({
    nats: nats.asNats(),
    namespace,
    cls,
    clock,
    random: new SeededRandom(1),
  })
  const pull = (signal = new AbortController().signal) => {
    const ends: (Delivery | null)[] = []
    void source.pull(signal).then((end) => ends.push(end))
    return ends
  }
  return { clock, nats, session, pull }
}

/** The inbox of the pull that was sent last. */
const last = (session: FakeSession) => session.sent.at(-1)?.reply ?? ''

describe('a pull', () => {
  test('asks for one message, for 15 s, with heartbeats every 5 s (K1)', async () => {
    const { clock, session, pull } = setUp()
    pull()
    await clock.advanceAsync(0)
    expect(session.sent[0]?.subject).toBe(`$JS.API.CONSUMER.MSG.NEXT.GQ_WORK.${consumer}`)
    expect(JSON.parse(session.sent[0]?.body ?? '')).toEqual({
      batch: 1,
      expires: 15e9,
      idle_heartbeat: 5e9,
    })
  })

  test('ends with its message, and says when it was asked and when it came', async () => {
    const { clock, session, pull } = setUp()
    const ends = pull()
    await clock.advanceAsync(700)
    session.deliver(last(session), message())
    await clock.advanceAsync(0)
    expect(ends).toMatchObject([{ requestedAt: 0, receivedAt: 700, item: { uid: workItem().uid } }])
  })

  test('leaves its subject to the next one when it is over', async () => {
    const { clock, session, pull } = setUp()
    const ends = pull()
    await clock.advanceAsync(0)
    session.status(last(session), 'NATS/1.0 408 Request Timeout')
    await clock.advanceAsync(0)
    pull()
    await clock.advanceAsync(0)
    expect(ends).toEqual([null])
    expect(new Set(session.sent.map(({ reply }) => reply)).size).toBe(1)
  })

  test('waits as long as heartbeats come', async () => {
    const { clock, session, pull } = setUp()
    const ends = pull()
    for (let i = 0; i < 10; i++) {
      await clock.advanceAsync(5_000)
      session.status(last(session), 'NATS/1.0 100 Idle Heartbeat')
    }
    expect(ends).toEqual([])
  })

  test('is given up after two missed heartbeats and a second look', async () => {
    const { clock, pull } = setUp()
    const ends = pull()
    await clock.advanceAsync(11_000)
    expect(ends).toEqual([])
    await clock.advanceAsync(100)
    expect(ends).toEqual([null])
  })

  test('that was given up never lends its subject: a late message must not look young (K3)', async () => {
    const { clock, session, pull } = setUp()
    pull()
    await clock.advanceAsync(11_100)
    const first = session.sent[0]?.reply ?? ''
    const ends = pull()
    await clock.advanceAsync(200)
    expect(last(session)).not.toBe(first)
    expect(session.deliver(first, message())).toBe(false)
    await clock.advanceAsync(0)
    expect(ends).toEqual([])
  })

  test('whose message is read late by a process that stood still has its true age', async () => {
    const { clock, session, pull } = setUp()
    const ends = pull()
    await clock.advanceAsync(0)
    // Timers come first after a stop; the bytes of the message are read before the second look.
    clock.advance(11_050)
    session.deliver(last(session), message())
    await clock.advanceAsync(0)
    expect(ends).toMatchObject([{ requestedAt: 0, receivedAt: 11_050 }])
  })

  test('that is aborted ends at once and takes its interest back', async () => {
    const { clock, session, pull } = setUp()
    const abort = new AbortController()
    const ends = pull(abort.signal)
    await clock.advanceAsync(0)
    abort.abort()
    await clock.advanceAsync(0)
    expect(ends).toEqual([null])
    expect(session.inboxes.size).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  test('ends with its session', async () => {
    const { clock, nats, session, pull } = setUp()
    const ends = pull()
    await clock.advanceAsync(0)
    nats.end(session)
    await clock.advanceAsync(0)
    expect(ends).toEqual([null])
  })

  test('drops what another consumer delivered there (B40)', async () => {
    const { clock, session, pull } = setUp()
    const ends = pull()
    await clock.advanceAsync(0)
    const foreign = message().reply.replace(consumer, 'team-b_0')
    session.deliver(last(session), { ...message(), reply: foreign })
    session.deliver(last(session), { ...message(), reply: '' })
    await clock.advanceAsync(0)
    expect(ends).toEqual([])
  })
})

describe('without a connection', () => {
  test('a pull waits for the next session', async () => {
    const { clock, nats, session, pull } = setUp()
    nats.end(session)
    pull()
    await clock.advanceAsync(10_000)
    const next = nats.begin(new FakeSession())
    await clock.advanceAsync(0)
    expect(next.sent.length).toBe(1)
  })

  test('a pull ends after the time of one, and at once when it is aborted', async () => {
    const { clock, nats, session, pull } = setUp()
    nats.end(session)
    await clock.advanceAsync(0)
    const abort = new AbortController()
    const [waiting, aborted] = [pull(), pull(abort.signal)]
    await clock.advanceAsync(0)
    abort.abort()
    await clock.advanceAsync(0)
    expect([waiting, aborted]).toEqual([[], [null]])
    await clock.advanceAsync(16_000)
    expect(waiting).toEqual([null])
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('after a refusal', () => {
  const refuse = async (clock: VirtualClock, session: FakeSession, pull: () => unknown) => {
    const before = session.sent.length
    pull()
    const began = clock.monotonic()
    while (session.sent.length === before) await clock.advanceAsync(10)
    const waited = clock.monotonic() - began
    session.status(last(session), 'NATS/1.0 503')
    await clock.advanceAsync(0)
    return waited
  }

  test('the next pull waits, longer each time, at most 5 s', async () => {
    const { clock, session, pull } = setUp()
    const waits: number[] = []
    for (let i = 0; i < 12; i++) waits.push(await refuse(clock, session, pull))
    expect(waits[0]).toBeLessThanOrEqual(10)
    expect(waits[1]).toBeGreaterThanOrEqual(50)
    expect(waits[6]).toBeGreaterThan(waits[1] ?? Infinity)
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_010)
  })

  test('of all slots at once they wait as after one', async () => {
    const { clock, session, pull } = setUp()
    for (let i = 0; i < 100; i++) pull()
    await clock.advanceAsync(0)
    for (const { reply } of [...session.sent])
      session.status(reply, 'NATS/1.0 409 Exceeded MaxWaiting')
    await clock.advanceAsync(0)
    expect(await refuse(clock, session, pull)).toBeLessThanOrEqual(160)
  })

  test('that is followed by a message the next refusal counts as the first again', async () => {
    const { clock, session, pull } = setUp()
    for (let i = 0; i < 8; i++) await refuse(clock, session, pull)
    pull()
    await clock.advanceAsync(6_000)
    session.deliver(last(session), message())
    await clock.advanceAsync(0)
    await refuse(clock, session, pull)
    expect(await refuse(clock, session, pull)).toBeLessThanOrEqual(160)
  })
})
