import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inboxPrefix, subjects, workerId } from '../../../src/core/ids.ts'
import { encodeWork } from '../../../src/nats/encode.ts'
import { publishTo } from '../../../src/nats/publish.ts'
import { connectTo, sessionOf, whenLink } from './link.ts'
import { type BareServer, serverVersions, startServer } from './server.ts'
import { namespace, newItem, pulled, type SmallSystem, startSystem } from './system.ts'

const never = new AbortController().signal

describe.each(serverVersions)('deliveries on nats-server %s', (version) => {
  let server: BareServer
  let system: SmallSystem
  beforeAll(async () => {
    server = await startServer({ version })
    system = await startSystem(server.url)
  })
  afterAll(async () => {
    await system?.close()
    await server?.remove()
  })

  test('know when they were asked for and when they came', async () => {
    const item = newItem(await system.newClass())
    const asked = performance.now()
    const coming = system.source(item.cls).pull(never)
    await system.dispatcher.publish(item)
    const delivery = await coming
    expect(delivery?.requestedAt).toBeGreaterThanOrEqual(asked)
    expect(delivery?.receivedAt).toBeGreaterThan(delivery?.requestedAt ?? Infinity)
    expect(delivery?.receivedAt).toBeLessThanOrEqual(performance.now())
  })

  test('that are acknowledged are gone', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    expect(await (await pulled(system.source(item.cls))).ack(5_000)).toBe(true)
    expect(await system.streams.lastWork(namespace, item.cls, item.uid)).toBeNull()
  })

  test('that are given back come again, to another worker too', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    ;(await pulled(system.source(item.cls))).nak(0)
    const other = connectTo(server.url, { inboxPrefix: inboxPrefix(workerId('other')) })
    await sessionOf(other)
    expect((await pulled(system.source(item.cls, other))).item).toEqual(item)
    await other.close()
  })

  test('that are terminated are gone', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    ;(await pulled(system.source(item.cls))).term()
    await (await sessionOf(system.worker)).ping()
    expect(await system.streams.lastWork(namespace, item.cls, item.uid)).toBeNull()
  })

  test('acknowledged after they came to a second worker are confirmed to both: why K3 has limits of time', async () => {
    const item = newItem(await system.newClass())
    // The consumer as it is, but one second instead of thirty until it delivers again.
    const { connection } = await sessionOf(system.operator)
    await connection.request(
      `$JS.API.CONSUMER.DURABLE.CREATE.GQ_WORK.${namespace}_${item.cls}`,
      JSON.stringify({
        stream_name: 'GQ_WORK',
        action: 'update',
        config: {
          durable_name: `${namespace}_${item.cls}`,
          filter_subject: subjects.workOfClass(namespace, item.cls),
          ack_policy: 'explicit',
          deliver_policy: 'all',
          replay_policy: 'instant',
          ack_wait: 1_000_000_000,
          max_deliver: -1,
          max_ack_pending: 10_000,
          max_waiting: 10_000,
        },
      }),
    )
    await system.dispatcher.publish(item)
    const source = system.source(item.cls)
    const first = await pulled(source)
    const second = await pulled(source)
    expect(second.item).toEqual(first.item)
    expect(await first.ack(5_000)).toBe(true)
    expect(await second.ack(5_000)).toBe(true)
  })

  test('acknowledged after their message was purged are confirmed all the same (K3)', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    const delivery = await pulled(system.source(item.cls))
    await system.dispatcher.purge(item)
    expect(await delivery.ack(5_000)).toBe(true)
  })

  test('of a consumer that is gone are not confirmed', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    const delivery = await pulled(system.source(item.cls))
    await system.streams.removeClass(namespace, item.cls)
    expect(await delivery.ack(5_000)).toBe(false)
  })

  test('that nobody can confirm are not confirmed when the deadline passes', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    const delivery = await pulled(system.source(item.cls))
    await server.freeze()
    const confirmed = await delivery.ack(200)
    server.process.continue()
    expect(confirmed).toBe(false)
  })

  test('come each to one of many pulls', async () => {
    const cls = await system.newClass()
    const source = system.source(cls)
    const pulls = Promise.all(Array.from({ length: 20 }, () => pulled(source)))
    const items = Array.from({ length: 20 }, () => newItem(cls))
    for (const item of items) await system.dispatcher.publish(item)
    const uids = (await pulls).map(({ item }) => item?.uid)
    expect(uids.sort()).toEqual(items.map(({ uid }) => uid).sort())
  })

  test('of an aborted pull do not stay behind: the next one has them at once', async () => {
    const item = newItem(await system.newClass())
    const source = system.source(item.cls)
    const abort = new AbortController()
    const coming = source.pull(abort.signal)
    await (await sessionOf(system.worker)).ping()
    abort.abort()
    expect(await coming).toBeNull()
    await (await sessionOf(system.worker)).ping()
    await system.dispatcher.publish(item)
    expect((await pulled(source)).item).toEqual(item)
  })

  test('are not asked for at all when the signal is aborted already', async () => {
    const cls = await system.newClass()
    expect(await system.source(cls).pull(AbortSignal.abort())).toBeNull()
  })

  test('of a class without a consumer are asked for again until there is one', async () => {
    const item = newItem(await system.newClass())
    await system.streams.removeClass(namespace, item.cls)
    const source = system.source(item.cls)
    const coming = pulled(source)
    expect(await source.pull(never)).toBeNull()
    await system.streams.ensureClass(namespace, item.cls)
    await system.dispatcher.publish(item)
    expect((await coming).item).toEqual(item)
  })

  test('go on after a restart of the server', async () => {
    const item = newItem(await system.newClass())
    const source = system.source(item.cls)
    const coming = pulled(source)
    await server.process.restart()
    await whenLink(system.worker, true)
    await whenLink(system.operator, true)
    expect(await system.dispatcher.publish(item)).toEqual({ kind: 'stored' })
    expect((await coming).item).toEqual(item)
  })

  test.each([
    ['cut off', { body: '{"to":' }, 'the body is not JSON', true],
    ['without a nonce', { without: 'Gq-Nonce' }, 'header Gq-Nonce is missing', false],
    ['of a newer protocol', { proto: '9' }, 'speaks protocol version 9', true],
  ])('%s come without an item, with what can be reported', async (_, change, problem, partial) => {
    const item = newItem(await system.newClass())
    const message = encodeWork(item, 0)
    const headers = message.headers
      .filter(([name]) => name !== ('without' in change ? change.without : ''))
      .map(([name, value]): [string, string] => [
        name,
        name === 'Gq-Proto' && 'proto' in change ? change.proto : value,
      ])
    const body = 'body' in change ? change.body : message.body
    await publishTo(await sessionOf(system.operator), { ...message, headers, body }, once)
    const delivery = await pulled(system.source(item.cls))
    expect(delivery.item).toBeNull()
    expect(delivery.problem).toContain(problem)
    expect(delivery.partial?.uid).toBe(partial ? item.uid : undefined)
    delivery.term()
  })

  test('that another worker had sent to this one’s pull are not taken (B40)', async () => {
    const mine = newItem(await system.newClass())
    const theirs = newItem(await system.newClass())
    const session = await sessionOf(system.worker)
    const source = system.source(mine.cls)
    const coming = source.pull(never)
    await session.ping()
    // Its subject is a secret of this connection; the test reads it from the library.
    const inbox = lastPullInbox(session.connection)
    const attacker = await sessionOf(system.operator)
    attacker.publish(
      `$JS.API.CONSUMER.MSG.NEXT.GQ_WORK.${namespace}_${theirs.cls}`,
      '{"batch":1,"expires":2000000000}',
      inbox,
    )
    await system.dispatcher.publish(theirs)
    await session.ping()
    // It was delivered, and it was to us: their job waits for an acknowledgement.
    const info = await attacker.connection.request(
      `$JS.API.CONSUMER.INFO.GQ_WORK.${namespace}_${theirs.cls}`,
    )
    expect(info.json()).toMatchObject({ num_ack_pending: 1, num_waiting: 0 })
    await system.dispatcher.publish(mine)
    expect((await coming)?.item).toEqual(mine)
  })
})

const once = { deadlineMs: 5_000 }

interface Library {
  readonly protocol: {
    readonly subscriptions: { readonly subs: ReadonlyMap<number, { readonly subject: string }> }
  }
}

function lastPullInbox(connection: object): string {
  const { subs } = (connection as Library).protocol.subscriptions
  const inboxes = [...subs.values()].filter(({ subject }) => subject.includes('.pull.'))
  return inboxes.at(-1)?.subject ?? ''
}
