import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { subjects } from '../../../src/core/ids.ts'
import { encodeWork } from '../../../src/nats/encode.ts'
import { publishTo } from '../../../src/nats/publish.ts'
import { sessionOf, whenLink } from './link.ts'
import { type BareServer, serverVersions, startServer } from './server.ts'
import { namespace, newItem, pulled, type SmallSystem, startSystem } from './system.ts'

const once = { deadlineMs: 5_000 }

describe.each(serverVersions)('starts of jobs on nats-server %s', (version) => {
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

  test('are stored with the payload byte for byte, and delivered as they were sent', async () => {
    const item = newItem(await system.newClass(), { payloadJson: '{ "a": 1.0 }' })
    expect(await system.dispatcher.publish(item)).toEqual({ kind: 'stored' })
    const delivery = await pulled(system.source(item.cls))
    expect(delivery.item).toEqual(item)
    await delivery.ack(5_000)
  })

  test('of a job whose message is still there are refused as occupied (D2)', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    const next = { ...item, epoch: item.epoch + 1, nonce: 'f'.repeat(32) }
    expect(await system.dispatcher.publish(next)).toEqual({ kind: 'occupied' })
    await system.dispatcher.purge(item)
    expect(await system.dispatcher.publish(next)).toEqual({ kind: 'stored' })
  })

  test('of a job whose message is delivered and not acknowledged are occupied too', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    await pulled(system.source(item.cls))
    const next = { ...item, epoch: item.epoch + 1 }
    expect(await system.dispatcher.publish(next)).toEqual({ kind: 'occupied' })
  })

  test('that carry a known id on their first publication are unknown (D3)', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    expect(await system.dispatcher.publish(item)).toEqual({ kind: 'unknown' })
  })

  test('that are repeated are duplicates, in the stream and acknowledged (D3)', async () => {
    const item = newItem(await system.newClass())
    const session = await sessionOf(system.operator)
    const message = encodeWork(item, 0)
    expect(await publishTo(session, message, once)).toMatchObject({ kind: 'stored' })
    expect(await publishTo(session, message, once)).toMatchObject({ kind: 'duplicate' })
    expect(await (await pulled(system.source(item.cls))).ack(5_000)).toBe(true)
    expect(await publishTo(session, message, once)).toMatchObject({ kind: 'duplicate' })
  })

  test('are not kept while there is no connection, and go on after it', async () => {
    const item = newItem(await system.newClass())
    await server.process.kill()
    await whenLink(system.operator, false)
    expect(await system.dispatcher.publish(item)).toEqual({ kind: 'unsent' })
    await system.dispatcher.purge(item)
    await server.process.start()
    await whenLink(system.operator, true)
    expect(await system.streams.lastWork(namespace, item.cls, item.uid)).toBeNull()
    expect(await system.dispatcher.publish(item)).toEqual({ kind: 'stored' })
  })

  test('that the server did not answer are unknown with the end of the connection, and no copy of them comes later (D3)', async () => {
    const item = newItem(await system.newClass())
    const session = await sessionOf(system.operator)
    await server.freeze()
    const answer = system.dispatcher.publish(item)
    await session.close('cut by the test')
    expect(await answer).toEqual({ kind: 'unknown' })
    server.process.continue()
    await whenLink(system.operator, true)
    // The frozen server may have had it in its socket: stored once at most, and never by a new session.
    const stored = await system.streams.lastWork(namespace, item.cls, item.uid)
    const again = await system.dispatcher.publish({ ...item, epoch: item.epoch + 1 })
    expect(again).toEqual({ kind: stored ? 'occupied' : 'stored' })
  })

  test('after a kill and a restart an acknowledged id is new again: why D3 never repeats over a reconnect', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    expect(await (await pulled(system.source(item.cls))).ack(5_000)).toBe(true)
    await server.process.kill()
    await whenLink(system.operator, false)
    await server.process.start()
    await whenLink(system.operator, true)
    const session = await sessionOf(system.operator)
    expect(await publishTo(session, encodeWork(item, 0), once)).toMatchObject({ kind: 'stored' })
  })

  test('3,000 on the way at once are all stored', async () => {
    const cls = await system.newClass()
    const items = Array.from({ length: 3_000 }, () => newItem(cls))
    const answers = await Promise.all(items.map((item) => system.dispatcher.publish(item)))
    expect(answers.filter(({ kind }) => kind !== 'stored')).toEqual([])
    await system.streams.purgeWork(namespace)
    const [first] = items
    expect(first && (await system.streams.lastWork(namespace, cls, first.uid))).toBeNull()
  })

  test('without a stream are certainly not stored', async () => {
    const item = newItem(await system.newClass())
    const { connection } = await sessionOf(system.operator)
    await connection.request('$JS.API.STREAM.DELETE.GQ_WORK')
    expect(await system.dispatcher.publish(item)).toEqual({ kind: 'unsent' })
    expect(system.logger.lines.at(-1)?.msg).toBe('a start was refused')
    await system.streams.ensure()
    expect(await system.dispatcher.publish(item)).toEqual({ kind: 'stored' })
  })

  test('are found under the subject of the core', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    const { connection } = await sessionOf(system.operator)
    const answer = await connection.request(
      '$JS.API.STREAM.MSG.GET.GQ_WORK',
      JSON.stringify({ last_by_subj: subjects.work(namespace, item.cls, item.uid) }),
    )
    expect(answer.json<{ message: { subject: string } }>().message.subject).toContain(item.uid)
  })
})
