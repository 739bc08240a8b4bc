// A worker with exactly the permissions of wire-protocol.md, and not one more: the whole loop works,
// and what it may not do is refused by the server.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BeatMessage } from '../../../src/api/messages.ts'
import { classDigest, inboxPrefix, subjects } from '../../../src/core/ids.ts'
import { natsBeatFeed, natsBeatSink } from '../../../src/nats/beats.ts'
import type { Nats } from '../../../src/nats/connect.ts'
import { natsAnnouncer, natsControlSource } from '../../../src/nats/control.ts'
import { natsDeliverySource } from '../../../src/nats/deliver.ts'
import { natsDispatcher } from '../../../src/nats/dispatch.ts'
import { natsEvents } from '../../../src/nats/events.ts'
import type { NatsLogin } from '../../../src/nats/login.ts'
import { natsOutcomeSink } from '../../../src/nats/report.ts'
import { natsStreams } from '../../../src/nats/streams.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import { beatJson, namespace, owner, worker } from '../../unit/nats/build.ts'
import { connectTo, recordingLogger, sessionOf } from './link.ts'
import { type BareServer, serverVersions, startServer } from './server.ts'
import { newItem, pulled, reportOf, shard } from './system.ts'

const cls = classDigest(['default'], [])
const publish = [
  `$JS.API.CONSUMER.MSG.NEXT.GQ_WORK.${namespace}_${cls}`,
  `$JS.ACK.GQ_WORK.${namespace}_${cls}.>`,
  `$JS.ACK.*.*.GQ_WORK.${namespace}_${cls}.>`,
  `gq.v1.event.${shard}.${namespace}.${worker}.*`,
  subjects.beat(shard, namespace, worker),
  `gq.v1.note.${shard}.${namespace}.${worker}.*`,
]
const subscribe = [
  `${inboxPrefix(worker)}.>`,
  subjects.control(namespace, worker),
  subjects.controlAll(namespace),
]
const config = `authorization { users: [
  { user: operator, password: x },
  { user: worker, password: x, permissions: ${JSON.stringify({ publish, subscribe })} }
] }`

describe.each(serverVersions)('on nats-server %s', (version) => {
  let server: BareServer
  let operator: Nats
  let nats: Nats
  const logger = recordingLogger()
  const as = (user: string) => (): NatsLogin => ({ kind: 'user', user, password: 'x' })
  const base = { clock: realClock, random: realRandom, logger }

  beforeAll(async () => {
    server = await startServer({ version, config })
    operator = connectTo(server.url, { login: as('operator'), inboxPrefix: '_INBOX_operator' })
    nats = connectTo(server.url, { login: as('worker'), inboxPrefix: inboxPrefix(worker), logger })
    await Promise.all([sessionOf(operator), sessionOf(nats)])
    const streams = natsStreams({
      ...base,
      nats: operator,
      replicas: 1,
      eventsMaxBytes: 10_485_760,
    })
    await streams.ensure()
    await streams.ensureClass(namespace, cls)
    await streams.takeEvents(shard, 1)
  })
  afterAll(async () => {
    await Promise.all([nats?.close(), operator?.close()])
    await server?.remove()
  })

  test('a worker pulls, acknowledges, reports, beats, notes and is controlled', async () => {
    const item = newItem(cls)
    const seen: string[] = []
    const feed = natsBeatFeed({ ...base, nats: operator })
    feed.beats(() => seen.push('beat'))
    feed.notes(() => seen.push('note'))
    const outcomes = natsOutcomeSink({ nats, namespace, owner, logger })
    const controls = natsControlSource({ nats, namespace, worker, logger })
    controls.subscribe(() => seen.push('control'))
    await (await sessionOf(nats)).ping()

    await natsDispatcher({ ...base, nats: operator }).publish(item)
    const delivery = await pulled(natsDeliverySource({ ...base, nats, namespace, cls }))
    expect(await delivery.ack(5_000)).toBe(true)
    natsBeatSink({ nats, namespace, worker, logger }).publish(JSON.parse(beatJson()) as BeatMessage)
    outcomes.note(item, 40, '')
    natsAnnouncer(operator).toNamespace(namespace, { kind: 'drain', term: 1 })
    expect(await outcomes.publish(reportOf(item, { kind: 'cancelled' }), 0)).toBe(true)

    const reported = new Promise<string>((resolve) => {
      void natsEvents({ ...base, nats: operator }).follow(
        shard,
        1,
        (event) => resolve(event.uid),
        () => {},
      )
    })
    expect(await reported).toBe(item.uid)
    await expect
      .poll(() => [...seen].sort(), { timeout: 20_000 })
      .toEqual(['beat', 'control', 'note'])
    expect(logger.lines.filter(({ msg }) => msg === 'NATS complains')).toEqual([])
  })

  test.each([
    ['another worker’s outcome', `gq.v1.event.${shard}.${namespace}.other.u`],
    ['another worker’s heartbeat', `gq.v1.beat.${shard}.${namespace}.other`],
    ['a start', `gq.v1.work.${namespace}.${cls}.u`],
    [
      'the consumer of another class',
      `$JS.API.CONSUMER.MSG.NEXT.GQ_WORK.${namespace}_${'0'.repeat(32)}`,
    ],
    ['a look at a stream', '$JS.API.STREAM.INFO.GQ_WORK'],
  ])('%s is forbidden, and the log names it once', async (_, subject) => {
    const session = await sessionOf(nats)
    session.publish(subject, '')
    session.publish(subject, '')
    await session.ping()
    const complaints = () => logger.lines.filter(({ fields }) => fields.err?.includes(subject))
    await expect.poll(() => complaints().length, { timeout: 20_000 }).toBe(1)
    await session.ping()
    expect(complaints().length).toBe(1)
    expect(session.open).toBe(true)
  })
})
