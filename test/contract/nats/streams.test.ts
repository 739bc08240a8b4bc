import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { classDigest, jobUid, shardOf, subjects } from '../../../src/core/ids.ts'
import type { Nats } from '../../../src/nats/connect.ts'
import { classConsumerConfig } from '../../../src/nats/definitions.ts'
import { natsStreams } from '../../../src/nats/streams.ts'
import { realRandom } from '../../../src/process/clock.ts'
import type { Streams } from '../../../src/recovery/ports.ts'
import { connectTo, type RecordingLogger, recordingLogger, sessionOf } from './link.ts'
import { type BareServer, serverVersions, startServer } from './server.ts'

const cls = classDigest(['default'], [{ type: 'a', version: '' }])
const uid = jobUid('u-1')
const shard = shardOf('team-a')
const eventSubject = `gq.v1.event.${shard}.team-a.w-1.u-1`

describe.each(serverVersions)('streams on nats-server %s', (version) => {
  let server: BareServer
  let nats: Nats
  let logger: RecordingLogger
  let streams: Streams

  const manager = async () =>
    jetstreamManager((await sessionOf(nats)).connection, { checkAPI: false })
  const publish = async (subject: string, body = '') =>
    (await manager()).jetstream().publish(subject, body)
  const consumers = async (stream: string) => {
    const names: string[] = []
    for await (const { name } of (await manager()).consumers.list(stream)) names.push(name)
    return names
  }

  beforeAll(async () => {
    server = await startServer({ version })
    nats = connectTo(server.url)
  })
  afterAll(async () => {
    await nats?.close()
    await server?.remove()
  })
  beforeEach(async () => {
    logger = recordingLogger()
    streams = natsStreams({
      nats,
      random: realRandom,
      logger,
      replicas: 1,
      eventsMaxBytes: 10_485_760,
    })
    await sessionOf(nats)
    await streams.ensure()
    await streams.recreate()
    logger.lines.length = 0
  })

  test('are made as the wire protocol says', async () => {
    const work = await (await manager()).streams.info('GQ_WORK')
    expect(work.config).toMatchObject({
      subjects: ['gq.v1.work.>'],
      retention: 'workqueue',
      storage: 'file',
      discard: 'new',
      discard_new_per_subject: true,
      max_msgs_per_subject: 1,
      max_age: 3_600e9,
      max_msg_size: 262_144,
      max_consumers: 100_000,
      duplicate_window: 60e9,
    })
    const events = await (await manager()).streams.info('GQ_EVENTS')
    expect(events.config).toMatchObject({
      subjects: ['gq.v1.event.>'],
      retention: 'workqueue',
      discard: 'new',
      max_msgs_per_subject: 4,
      max_age: 7 * 86_400e9,
      max_bytes: 10_485_760,
      max_msg_size: 65_536,
      duplicate_window: 600e9,
    })
  })

  test('that are there already are left alone, and nothing is reported', async () => {
    const before = await streams.state()
    const other = natsStreams({
      nats,
      random: realRandom,
      logger,
      replicas: 1,
      eventsMaxBytes: 10_485_760,
    })
    expect(await other.ensure()).toEqual(before)
    expect(logger.lines).toEqual([])
  })

  test('that differ are reported field by field and corrected', async () => {
    await (await manager()).streams.update('GQ_WORK', { max_age: 7_200e9, max_msg_size: 1000 })
    await streams.ensure()
    const told = logger.lines.map(({ fields }) => `${fields.stream} ${fields.field} ${fields.has}`)
    expect(told).toEqual(['GQ_WORK max_age 7200000000000', 'GQ_WORK max_msg_size 1000'])
    const { config } = await (await manager()).streams.info('GQ_WORK')
    expect([config.max_age, config.max_msg_size]).toEqual([3_600e9, 262_144])
  })

  test('that differ in what no server changes say what would help', async () => {
    const jsm = await manager()
    await jsm.streams.delete('GQ_WORK')
    await jsm.streams.add({ name: 'GQ_WORK', subjects: ['gq.v1.work.>'], storage: 'memory' })
    await streams.ensure()
    const error = logger.lines.find(({ level }) => level === 'error')
    expect(error?.msg).toBe('a stream cannot be corrected')
    expect(error?.fields.help).toContain('nats stream rm GQ_WORK')
  })

  test('of the same name that were made again have another identity', async () => {
    const before = await streams.state()
    await streams.recreate()
    const after = await streams.state()
    expect(after?.work.created).not.toBe(before?.work.created)
    expect(after?.events.created).not.toBe(before?.events.created)
  })

  test('made again twice in a moment hold nothing of what was in them', async () => {
    for (let i = 0; i < 50; i++) {
      await publish(eventSubject)
      await streams.recreate()
      expect((await (await manager()).streams.info('GQ_EVENTS')).state.messages).toBe(0)
    }
  })

  test('of which one is missing have no state', async () => {
    await (await manager()).streams.delete('GQ_EVENTS')
    expect(await streams.state()).toBeNull()
  })

  test('a wiped server has them made again with another identity', async () => {
    const before = await streams.state()
    await server.wipe()
    await sessionOf(nats)
    const after = await streams.ensure()
    expect(after.work.created).not.toBe(before?.work.created)
  })

  test('a store that was put back from a copy shows by its lower sequence', async () => {
    await publish(eventSubject)
    await server.copyData()
    await sessionOf(nats)
    await publish(eventSubject)
    const before = await streams.state()
    await server.putBack()
    await sessionOf(nats)
    const after = await streams.state()
    expect(after?.events.created).toBe(before?.events.created)
    expect(after?.events.lastSeq).toBe((before?.events.lastSeq ?? 0) - 1)
  })

  describe('the events of a shard', () => {
    test('are taken by one term: the consumers of lower ones are deleted (T3)', async () => {
      await streams.takeEvents(shard, 7)
      expect(await streams.takeEvents(shard, 8)).toBe('taken')
      expect(await consumers('GQ_EVENTS')).toEqual([`shard${shard}-t8`])
    })

    test('are not taken from a higher term (T3)', async () => {
      await streams.takeEvents(shard, 8)
      expect(await streams.takeEvents(shard, 7)).toBe('higher-term')
      expect(await consumers('GQ_EVENTS')).toEqual([`shard${shard}-t8`])
    })

    test('may be taken twice by the same term', async () => {
      await streams.takeEvents(shard, 8)
      expect(await streams.takeEvents(shard, 8)).toBe('taken')
    })

    test('taken by two terms at once end with the higher one', async () => {
      const answers = await Promise.all([7, 9, 8].map((term) => streams.takeEvents(shard, term)))
      expect(answers[1]).toBe('taken')
      expect(await consumers('GQ_EVENTS')).toEqual([`shard${shard}-t9`])
    })

    test('of another shard are not touched', async () => {
      const other = [...Array(16).keys()].find((k) => k !== shard) as typeof shard
      await streams.takeEvents(other, 3)
      await streams.takeEvents(shard, 8)
      expect((await consumers('GQ_EVENTS')).length).toBe(2)
    })

    test('that were given up can be given up again', async () => {
      await streams.takeEvents(shard, 8)
      await streams.releaseEvents(shard, 8)
      await streams.releaseEvents(shard, 8)
      expect(await consumers('GQ_EVENTS')).toEqual([])
    })

    test('tell whether an outcome of a job is stored, whoever its worker is (L3)', async () => {
      expect(await streams.storedEvent(shard, 'team-a', uid)).toBe(false)
      await publish(eventSubject)
      expect(await streams.storedEvent(shard, 'team-a', uid)).toBe(true)
      expect(await streams.storedEvent(shard, 'team-a', jobUid('u-2'))).toBe(false)
    })
  })

  describe('the consumer of a class', () => {
    test('is made as the wire protocol says, and making it again changes nothing', async () => {
      await streams.ensureClass('team-a', cls)
      await streams.ensureClass('team-a', cls)
      const info = await (await manager()).consumers.info('GQ_WORK', `team-a_${cls}`)
      expect(info.config).toMatchObject({
        ack_policy: 'explicit',
        ack_wait: 30e9,
        max_deliver: -1,
        max_waiting: 10_000,
        max_ack_pending: 10_000,
        filter_subject: subjects.workOfClass('team-a', cls),
      })
      expect(logger.lines).toEqual([])
    })

    test.each([
      ['is corrected', { ack_wait: 5e9, max_waiting: 10_000 }],
      ['and cannot be changed is made again', { ack_wait: 5e9, max_waiting: 512 }],
    ])('that differs %s', async (_, older) => {
      const wanted = classConsumerConfig('team-a', cls)
      await (await manager()).consumers.add('GQ_WORK', { ...wanted, ...older })
      await streams.ensureClass('team-a', cls)
      const info = await (await manager()).consumers.info('GQ_WORK', `team-a_${cls}`)
      expect(info.config).toMatchObject({ ack_wait: 30e9, max_waiting: 10_000 })
      expect(logger.lines.map(({ msg }) => msg)).toEqual(['a consumer differs from its definition'])
    })

    test('can be removed, also twice', async () => {
      await streams.ensureClass('team-a', cls)
      await streams.removeClass('team-a', cls)
      await streams.removeClass('team-a', cls)
      expect(await consumers('GQ_WORK')).toEqual([])
    })
  })

  test('work of a namespace is found and purged, the work of others stays', async () => {
    await publish(subjects.work('team-a', cls, uid))
    await publish(subjects.work('team-b', cls, uid))
    expect([...(await streams.workNamespaces())].sort()).toEqual(['team-a', 'team-b'])
    expect(await streams.lastWork('team-a', cls, uid)).toEqual({ seq: 1 })
    await streams.purgeWork('team-a')
    expect(await streams.workNamespaces()).toEqual(['team-b'])
    expect(await streams.lastWork('team-a', cls, uid)).toBeNull()
  })
})

test('a server without JetStream is told with what would help', async () => {
  const server = await startServer({ jetstream: false })
  const nats = connectTo(server.url)
  const streams = natsStreams({
    nats,
    random: realRandom,
    logger: recordingLogger(),
    replicas: 1,
    eventsMaxBytes: 1_048_576,
  })
  await sessionOf(nats)
  await expect(streams.ensure()).rejects.toMatchObject({
    code: 'DispatchUnavailable',
    help: expect.stringContaining('jetstream {}'),
  })
  await nats.close()
  await server.remove()
})
