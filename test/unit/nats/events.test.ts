import { describe, expect, test } from 'vitest'
import { eventConsumer, jobUid, shardOf } from '../../../src/core/ids.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { encodeEvent } from '../../../src/nats/encode.ts'
import { natsEvents } from '../../../src/nats/events.ts'
import type { EventDelivery } from '../../../src/recovery/ports.ts'
import { namespace, owner, received, report } from './build.ts'
import { FakeNats, FakeSession, type Sent } from './fake-session.ts'

const shard = shardOf(namespace)
const consumer = eventConsumer(shard, 7)
const found = { num_pending: 3, num_ack_pending: 1 }
const notFound = { error: { code: 404, err_code: 10014, description: 'consumer not found' } }

async function setUp() {
  const clock = new VirtualClock()
  const nats = new FakeNats()
  const session = nats.begin(new FakeSession())
  session.answers.push(found)
  const deliveries: EventDelivery[] = []
  const ends: string[] = []
  const quiet = { debug() {}, info() {}, warn() {}, error() {} }
  const logger = { ...quiet, child: () => logger }
  const feed = natsEvents({ nats: nats.asNats(), clock, logger })
  const following = await feed.follow(
    shard,
    7,
    (delivery) => deliveries.push(delivery),
    (problem) => ends.push(problem),
  )
  let seq = 0
  /** Brings `count` outcomes to the pull that was sent last. */
  const bring = (count: number) => {
    const inbox = pulls(session).at(-1)?.reply ?? ''
    for (let i = 0; i < count; i++) {
      seq += 1
      const sent = report({ kind: 'cancelled' }, { uid: jobUid(`job-${seq}`) })
      const message = received(encodeEvent(sent, { namespace, owner }, 0))
      session.deliver(inbox, {
        ...message,
        reply: `$JS.ACK.GQ_EVENTS.${consumer}.1.${seq}.${seq}.1690000000000000000.0`,
      })
    }
  }
  return { clock, nats, session, deliveries, ends, following, bring }
}

const pulls = (session: FakeSession): readonly Sent[] =>
  session.sent.filter(({ subject }) => subject.startsWith('$JS.API.CONSUMER.MSG.NEXT.GQ_EVENTS.'))
const batches = (session: FakeSession) =>
  pulls(session).map(({ body }) => JSON.parse(body).batch as number)
const status = (session: FakeSession, line: string) =>
  session.status(pulls(session).at(-1)?.reply ?? '', line)

describe('following a shard', () => {
  test('counts what is stored and what a dead leader held (T5)', async () => {
    expect((await setUp()).following.pending).toBe(4)
  })

  test('asks for a window, and for more once half of it is settled', async () => {
    const { session, deliveries, bring } = await setUp()
    expect(batches(session)).toEqual([512])
    bring(512)
    for (const delivery of deliveries.slice(0, 255)) delivery.ack()
    expect(batches(session)).toEqual([512])
    deliveries[255]?.ack()
    expect(batches(session)).toEqual([512, 256])
  })

  test('asks again at once when a pull has expired', async () => {
    const { session } = await setUp()
    status(session, 'NATS/1.0 408 Request Timeout')
    expect(batches(session)).toEqual([512, 512])
  })

  test('asks again when two heartbeats were missed', async () => {
    const { clock, session } = await setUp()
    await clock.advanceAsync(10_500)
    expect(batches(session).length).toBe(1)
    await clock.advanceAsync(1_000)
    expect(batches(session).length).toBe(2)
    expect(session.inboxes.size).toBe(1)
  })

  test('does not wait for ever for outcomes that nobody settles: they come again by themselves', async () => {
    const { clock, session, bring } = await setUp()
    bring(512)
    await clock.advanceAsync(29_000)
    expect(batches(session)).toEqual([512])
    await clock.advanceAsync(2_000)
    expect(batches(session)).toEqual([512, 512])
  })

  test('counts an outcome in progress as long as somebody says so', async () => {
    const { clock, session, deliveries, bring } = await setUp()
    bring(512)
    for (let i = 0; i < 4; i++) {
      await clock.advanceAsync(10_000)
      for (const delivery of deliveries) delivery.inProgress()
    }
    expect(batches(session)).toEqual([512])
  })

  test('goes on with the next session, and acknowledges there what the last one brought', async () => {
    const { clock, nats, session, deliveries, bring } = await setUp()
    bring(1)
    nats.end(session)
    await clock.advanceAsync(5_000)
    const next = nats.begin(new FakeSession())
    expect(batches(next)).toEqual([511])
    deliveries[0]?.ack()
    expect(next.sent.at(-1)).toMatchObject({ body: '+ACK' })
  })

  test('drops what another consumer delivered there (B40)', async () => {
    const { session, deliveries } = await setUp()
    const message = received(encodeEvent(report({ kind: 'cancelled' }), { namespace, owner }, 0))
    const inbox = pulls(session)[0]?.reply ?? ''
    const reply = '$JS.ACK.GQ_EVENTS.shard0-t1.1.1.1.1690000000000000000.0'
    session.deliver(inbox, { ...message, reply })
    session.deliver(inbox, { ...message, reply: '' })
    expect(deliveries).toEqual([])
  })

  test('stops without a timer left', async () => {
    const { clock, session, following } = await setUp()
    await following.stop()
    await clock.advanceAsync(60_000)
    expect([clock.pendingTimers, session.inboxes.size]).toEqual([0, 0])
  })
})

describe('the end of a consumer', () => {
  test.each(['NATS/1.0 409 Consumer Deleted', 'NATS/1.0 503'])(
    'is told once after "%s" when it is really gone',
    async (line) => {
      const { clock, session, ends } = await setUp()
      session.answers.splice(0, Infinity, notFound)
      status(session, line)
      await clock.advanceAsync(60_000)
      expect(ends).toEqual([`consumer ${consumer} is gone`])
      expect(clock.pendingTimers).toBe(0)
    },
  )

  test('is not told while it is there: JetStream was only starting', async () => {
    const { clock, session, ends } = await setUp()
    status(session, 'NATS/1.0 503')
    await clock.advanceAsync(1_000)
    expect(ends).toEqual([])
    expect(batches(session)).toEqual([512, 512])
  })

  test('is not told when nobody can say', async () => {
    const { clock, session, ends } = await setUp()
    session.answers.length = 0
    status(session, 'NATS/1.0 503')
    await clock.advanceAsync(1_000)
    expect(ends).toEqual([])
    expect(batches(session)).toEqual([512, 512])
  })
})
