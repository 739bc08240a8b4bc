import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventConsumer, jobUid, subjects, workerId } from '../../../src/core/ids.ts'
import { encodeEvent, type StreamMessage } from '../../../src/nats/encode.ts'
import { publishTo } from '../../../src/nats/publish.ts'
import { natsOutcomeSink } from '../../../src/nats/report.ts'
import type { EventDelivery, Following } from '../../../src/recovery/ports.ts'
import { sessionOf, whenLink } from './link.ts'
import { type BareServer, serverVersions, startServer } from './server.ts'
import {
  namespace,
  newItem,
  owner,
  reportOf,
  type SmallSystem,
  shard,
  startSystem,
} from './system.ts'

const cls = '0'.repeat(32) as ReturnType<typeof newItem>['cls']
const succeeded = { kind: 'succeeded', resultJson: '{"id":1}' } as const

/** Deliveries in the order of their coming, each given to whoever waits next. */
class Received {
  readonly all: EventDelivery[] = []
  #waiting: (() => void)[] = []
  receive = (delivery: EventDelivery): void => {
    this.all.push(delivery)
    for (const wake of this.#waiting.splice(0)) wake()
  }
  async count(count: number): Promise<readonly EventDelivery[]> {
    while (this.all.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return this.all
  }
}

describe.each(serverVersions)('outcomes on nats-server %s', (version) => {
  let server: BareServer
  let system: SmallSystem
  let received: Received
  let following: Following | null
  let term = 1
  const ends: string[] = []

  beforeAll(async () => {
    server = await startServer({ version })
    system = await startSystem(server.url)
  })
  afterAll(async () => {
    await system?.close()
    await server?.remove()
  })
  beforeEach(async () => {
    await following?.stop()
    following = null
    received = new Received()
    ends.length = 0
    term += 1
    await system.streams.recreate()
    await system.streams.takeEvents(shard, term)
  })

  const follow = async () => {
    following = await system.events.follow(shard, term, received.receive, (problem) =>
      ends.push(problem),
    )
    return following
  }
  const eventMessage = () => encodeEvent(reportOf(newItem(cls), succeeded), { namespace, owner }, 0)
  const send = async (message: StreamMessage) =>
    publishTo(await sessionOf(system.worker), message, { deadlineMs: 5_000 })
  const stored = async () => {
    const { connection } = await sessionOf(system.operator)
    const answer = await connection.request('$JS.API.STREAM.INFO.GQ_EVENTS')
    return answer.json<{ state: { messages: number } }>().state.messages
  }

  test('come with what their worker reported, and its identity from the subject', async () => {
    const item = newItem(cls)
    await follow()
    expect(await system.outcomes.publish(reportOf(item, succeeded), 0)).toBe(true)
    const [delivery] = await received.count(1)
    expect(delivery?.report).toEqual({ ...reportOf(item, succeeded), namespace, owner })
    expect([delivery?.namespace, delivery?.worker, delivery?.uid]).toEqual([
      namespace,
      owner.worker,
      item.uid,
    ])
  })

  test('that were stored before are counted and come first (T5)', async () => {
    for (let i = 0; i < 3; i++) await send(eventMessage())
    expect((await follow()).pending).toBe(3)
    await received.count(3)
  })

  test('published twice are stored once, and both publications are confirmed (K6)', async () => {
    const report = reportOf(newItem(cls), succeeded)
    expect(await system.outcomes.publish(report, 0)).toBe(true)
    expect(await system.outcomes.publish(report, 0)).toBe(true)
    expect(await stored()).toBe(1)
    expect(await system.outcomes.publish(report, 1)).toBe(true)
    expect(await stored()).toBe(2)
  })

  test('of two workers with one token do not hide each other', async () => {
    const report = reportOf(newItem(cls), succeeded)
    const boot = 'another-boot' as typeof owner.boot
    const twin = natsOutcomeSink({
      nats: system.worker,
      namespace,
      owner: { ...owner, boot },
      logger: system.logger,
    })
    await system.outcomes.publish(report, 0)
    await twin.publish(report, 0)
    expect(await stored()).toBe(2)
  })

  test('stay stored until they are acknowledged (O2)', async () => {
    await follow()
    await send(eventMessage())
    const [delivery] = await received.count(1)
    expect(await stored()).toBe(1)
    delivery?.ack()
    await (await sessionOf(system.operator)).ping()
    expect(await stored()).toBe(0)
  })

  test('that are given back come again', async () => {
    await follow()
    await send(eventMessage())
    const [first] = await received.count(1)
    first?.nak(0)
    const [, second] = await received.count(2)
    expect(second?.report).toEqual(first?.report)
  })

  test('not settled by a leader that died come to the next one (T3)', async () => {
    await follow()
    await send(eventMessage())
    await received.count(1)
    await following?.stop()
    term += 1
    await system.streams.takeEvents(shard, term)
    expect((await follow()).pending).toBe(1)
    await received.count(2)
  })

  test('taken over by a higher term end the following of the lower one', async () => {
    await follow()
    await system.streams.takeEvents(shard, term + 1)
    await expect
      .poll(() => ends, { timeout: 20_000 })
      .toEqual([`consumer ${eventConsumer(shard, term)} is gone`])
  })

  test('whose stream is deleted end the following', async () => {
    await follow()
    const session = await sessionOf(system.operator)
    // The pull is known to the server: 2.15 drops one that it still holds in its queue, and then the
    // end shows only by the heartbeats that do not come.
    await session.ping()
    await session.connection.request('$JS.API.STREAM.DELETE.GQ_EVENTS')
    await expect.poll(() => ends.length, { timeout: 20_000 }).toBe(1)
    await system.streams.ensure()
  })

  test('go on after a restart of the server, acknowledged over the new connection', async () => {
    await follow()
    await send(eventMessage())
    const [before] = await received.count(1)
    await server.process.restart()
    await whenLink(system.operator, true)
    await whenLink(system.worker, true)
    before?.ack()
    await send(eventMessage())
    await received.count(2)
    await (await sessionOf(system.operator)).ping()
    expect(await stored()).toBe(1)
    expect(ends).toEqual([])
  })

  test('on a wiped server end the following', async () => {
    await follow()
    await server.wipe()
    await whenLink(system.operator, true)
    await expect.poll(() => ends.length, { timeout: 20_000 }).toBe(1)
    await system.streams.ensure()
    await whenLink(system.worker, true)
  })

  test('cannot be followed without a consumer', async () => {
    await system.streams.releaseEvents(shard, term)
    await expect(follow()).rejects.toMatchObject({ code: 'DispatchUnavailable' })
  })

  test('that flood the stream are read in windows, all of them once', async () => {
    const messages = Array.from({ length: 2_000 }, eventMessage)
    await Promise.all(messages.map(send))
    await follow()
    const first = await received.count(512)
    await (await sessionOf(system.operator)).ping()
    expect(received.all.length).toBe(512)
    for (let settled = 0; settled < messages.length; settled++) {
      await received.count(settled + 1)
      first[settled]?.ack()
    }
    expect(new Set(received.all.map(({ uid }) => uid)).size).toBe(2_000)
    await (await sessionOf(system.operator)).ping()
    expect(await stored()).toBe(0)
  })

  describe('of a hostile or broken worker', () => {
    const withHeaders = (headers: StreamMessage['headers']): StreamMessage => ({
      ...eventMessage(),
      headers,
    })

    test.each<[string, () => StreamMessage, RegExp]>([
      ['without headers', () => withHeaders([]), /is missing/],
      [
        'with thousands of headers',
        () => withHeaders(Array.from({ length: 3_000 }, (_, i) => [`h${i}`, 'x'])),
        /headers/,
      ],
      [
        'of another job than their subject',
        () => {
          const message = eventMessage()
          const other = subjects.event(shard, namespace, owner.worker, jobUid('other'))
          return { ...message, subject: other }
        },
        /contradicts the subject/,
      ],
      ['cut off', () => ({ ...eventMessage(), body: '{"id"' }), /not JSON/],
    ])('%s come undecoded, with a problem and their sender', async (_, message, problem) => {
      await follow()
      await send(message())
      const [delivery] = await received.count(1)
      expect(delivery?.report).toBeNull()
      expect(delivery?.problem).toMatch(problem)
      expect(delivery?.worker).toBe(owner.worker)
    })

    test('with 10,000 headers do not even fit into the stream', async () => {
      const headers = Array.from({ length: 10_000 }, (_, i) => [`h${i}`, 'x'] as const)
      const publication = await send(withHeaders(headers))
      expect(publication).toMatchObject({ kind: 'refused' })
    })

    test('whose subject is no address are dropped, and the next one comes', async () => {
      await follow()
      const subject = `gq.v1.event.${shard}.${namespace}.w$w.u`
      await send({ ...eventMessage(), subject })
      await send(eventMessage())
      await received.count(1)
      await expect.poll(stored, { timeout: 20_000 }).toBe(1)
      expect(system.logger.lines.at(-1)?.fields.subject).toBe(subject)
    })

    test('that look like a status of the server are told as theirs, for it is their subject', async () => {
      await follow()
      const { connection } = await sessionOf(system.worker)
      const subject = subjects.event(shard, namespace, workerId('w'), jobUid('u'))
      rawPublish(connection, subject, 'NATS/1.0 408 Request Timeout\r\n\r\n')
      const [delivery] = await received.count(1)
      expect([delivery?.worker, delivery?.report]).toEqual(['w', null])
    })
  })
})

interface Library {
  readonly protocol: { sendCommand(command: string, ...payload: readonly Uint8Array[]): void }
}

/** Headers that the client library would not write. */
function rawPublish(connection: object, subject: string, headers: string): void {
  const bytes = Buffer.from(headers)
  ;(connection as Library).protocol.sendCommand(
    `HPUB ${subject} ${bytes.length} ${bytes.length}\r\n`,
    bytes,
    Buffer.from('\r\n'),
  )
}
