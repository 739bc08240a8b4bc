import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BeatMessage } from '../../../src/api/messages.ts'
import { inboxPrefix, subjects, workerId } from '../../../src/core/ids.ts'
import type { Beat, Control, Note } from '../../../src/core/outcome.ts'
import { natsBeatFeed, natsBeatSink } from '../../../src/nats/beats.ts'
import type { Nats } from '../../../src/nats/connect.ts'
import { natsAnnouncer, natsControlSource } from '../../../src/nats/control.ts'
import { realClock } from '../../../src/process/clock.ts'
import { beatJson, epoch, nonce } from '../../unit/nats/build.ts'
import { connectTo, recordingLogger, sessionOf, whenLink } from './link.ts'
import { type BareServer, startServer } from './server.ts'
import { namespace, newItem, owner, type SmallSystem, shard, startSystem } from './system.ts'

const { worker } = owner
const beat = JSON.parse(beatJson()) as BeatMessage

let server: BareServer
let system: SmallSystem
let listener: Nats
const beats: Beat[] = []
const notes: Note[] = []
const rejected: string[] = []

beforeAll(async () => {
  server = await startServer()
  system = await startSystem(server.url)
  listener = connectTo(server.url, { inboxPrefix: '_INBOX_standby' })
  const feed = natsBeatFeed({ nats: listener, clock: realClock })
  feed.beats((one) => beats.push(one))
  feed.notes((one) => notes.push(one))
  feed.rejected((sender, problem, kind) =>
    rejected.push(`${kind} ${sender.namespace}/${sender.worker} ${problem}`),
  )
  await sessionOf(listener)
})
afterAll(async () => {
  await Promise.all([listener?.close(), system?.close()])
  await server?.remove()
})
beforeEach(async () => {
  await settled()
  for (const list of [beats, notes, rejected]) list.length = 0
})

/** What was sent until now has been received by everybody. */
async function settled(): Promise<void> {
  for (const nats of [system.operator, system.worker, listener]) {
    await (await sessionOf(nats)).ping()
  }
  await (await sessionOf(listener)).ping()
}

const send = async (subject: string, body: string | Uint8Array) => {
  ;(await sessionOf(system.worker)).publish(subject, body)
  await settled()
}

describe('heartbeats', () => {
  const own = subjects.beat(shard, namespace, worker)

  test('come with their sender', async () => {
    natsBeatSink({ nats: system.worker, namespace, worker, logger: recordingLogger() }).publish(
      beat,
    )
    await settled()
    expect(beats).toMatchObject([{ namespace, owner, free: 9, running: [{ epoch }] }])
  })

  test('that cannot be read are told with their sender, and nothing else happens', async () => {
    await send(own, '{"v":1')
    await send(own, beatJson({ free: -1 }))
    expect(rejected).toEqual([
      `beat ${namespace}/${worker} the body is not JSON`,
      expect.stringMatching(new RegExp(`^beat ${namespace}/${worker} free: `)),
    ])
    expect(beats).toEqual([])
  })

  test('on the subject of a shard that is not their namespace’s are nobody’s', async () => {
    await send(`gq.v1.beat.${(shard + 1) % 16}.${namespace}.${worker}`, beatJson())
    expect([beats, rejected]).toEqual([[], []])
  })

  test('faster than a worker may speak are dropped before they are parsed (B38)', async () => {
    const session = await sessionOf(system.worker)
    const loud = subjects.beat(shard, namespace, workerId('loud'))
    for (let i = 0; i < 1_000; i++) session.publish(loud, '{')
    await settled()
    await send(own, beatJson())
    expect(rejected.length).toBeGreaterThanOrEqual(80)
    expect(rejected.length).toBeLessThan(300)
    expect(beats.length).toBe(1)
  })

  test('pay for their size: of large ones few are heard, and the next small one soon is', async () => {
    const [running] = beat.running
    const entries = Array.from({ length: 4_000 }, (_, n) => ({ ...running, uid: `u${n}` }))
    const session = await sessionOf(system.worker)
    const large = subjects.beat(shard, namespace, workerId('large'))
    for (let i = 0; i < 20; i++) session.publish(large, beatJson({ running: entries }))
    await settled()
    expect(beats.length).toBeGreaterThanOrEqual(1)
    expect(beats.length).toBeLessThan(8)
  })

  test('too large for the server are told in the log, not cut', async () => {
    const logger = recordingLogger()
    const [running] = beat.running
    const huge = { ...beat, running: Array.from({ length: 9_000 }, () => ({ ...running })) }
    const sink = natsBeatSink({ nats: system.worker, namespace, worker, logger })
    sink.publish(huge as BeatMessage)
    expect(logger.lines).toMatchObject([{ level: 'error', fields: { attempts: 9_000 } }])
    await settled()
    expect(beats).toEqual([])
  })

  test('are heard again after a restart of the server', async () => {
    await server.process.restart()
    await Promise.all([listener, system.worker, system.operator].map((n) => whenLink(n, true)))
    await send(own, beatJson())
    expect(beats.length).toBe(1)
  })
})

describe('a stray message on a trusted subscription (B40)', () => {
  test('that is somebody’s work, sent there by its reply, is dropped by its own subject', async () => {
    const item = newItem(await system.newClass())
    await system.dispatcher.publish(item)
    const victim = subjects.beat(shard, namespace, workerId('victim'))
    const session = await sessionOf(system.worker)
    session.publish(
      `$JS.API.CONSUMER.MSG.NEXT.GQ_WORK.${namespace}_${item.cls}`,
      '{"batch":1}',
      victim,
    )
    await settled()
    expect([beats, rejected]).toEqual([[], []])
  })

  test('that is a status about a pull is not laid at the door of whom its subject names', async () => {
    const cls = await system.newClass()
    const victim = subjects.beat(shard, namespace, workerId('victim'))
    const session = await sessionOf(system.worker)
    const heard = new Promise<void>((resolve) => session.subscribe(victim, () => resolve()))
    session.publish(
      `$JS.API.CONSUMER.MSG.NEXT.GQ_WORK.${namespace}_${cls}`,
      '{"batch":1,"no_wait":true}',
      victim,
    )
    await heard
    await settled()
    expect([beats, rejected]).toEqual([[], []])
  })
})

describe('progress', () => {
  test('comes with job, sender and time', async () => {
    const item = newItem(await system.newClass())
    system.outcomes.note({ uid: item.uid, epoch, nonce }, 40, 'half way')
    await settled()
    expect(notes).toMatchObject([
      { namespace, owner, uid: item.uid, epoch, percent: 40, message: 'half way' },
    ])
    expect(Math.abs((notes[0]?.at ?? 0) - realClock.now())).toBeLessThan(60_000)
  })

  test('10,000 at once are throttled (B38)', async () => {
    const item = newItem(await system.newClass())
    for (let i = 0; i < 10_000; i++) system.outcomes.note(item, i % 100, '')
    await settled()
    expect(notes.length).toBeGreaterThan(0)
    expect(notes.length).toBeLessThan(1_000)
  })
})

describe('control messages', () => {
  test('reach the worker that they are for, or all of its namespace', async () => {
    const controls: Control[] = []
    const nats = connectTo(server.url, { inboxPrefix: inboxPrefix(worker) })
    const source = natsControlSource({ nats, namespace, worker, logger: recordingLogger() })
    const unsubscribe = source.subscribe((control) => controls.push(control))
    const session = await sessionOf(nats)
    await session.ping()
    const announcer = natsAnnouncer(system.operator)
    const leader = { kind: 'leader', term: 3, shard, report: true } as const
    const drain = { kind: 'drain', term: 3 } as const
    announcer.toNamespace(namespace, leader)
    announcer.toNamespace('team-b', leader)
    announcer.toWorker(namespace, worker, drain)
    announcer.toWorker(namespace, workerId('other'), drain)
    await (await sessionOf(system.operator)).ping()
    await session.ping()
    expect(controls).toEqual([leader, drain])
    unsubscribe()
    announcer.toNamespace(namespace, leader)
    await (await sessionOf(system.operator)).ping()
    await session.ping()
    expect(controls.length).toBe(2)
    await nats.close()
  })

  test('are still received after a restart of the server', async () => {
    const nats = connectTo(server.url, { inboxPrefix: inboxPrefix(worker) })
    const source = natsControlSource({ nats, namespace, worker, logger: recordingLogger() })
    const received = new Promise<Control>((resolve) => source.subscribe(resolve))
    await sessionOf(nats)
    await server.process.restart()
    await Promise.all([nats, system.operator].map((one) => whenLink(one, true)))
    await (await sessionOf(nats)).ping()
    natsAnnouncer(system.operator).toWorker(namespace, worker, { kind: 'drain', term: 4 })
    expect(await received).toEqual({ kind: 'drain', term: 4 })
    await nats.close()
  })

  test('that cannot be read are logged, counted and change nothing', async () => {
    const logger = recordingLogger()
    const controls: Control[] = []
    const nats = connectTo(server.url, { inboxPrefix: inboxPrefix(worker) })
    let count = 0
    const rejected = () => void count++
    const source = natsControlSource({ nats, namespace, worker, logger, rejected })
    source.subscribe((one) => controls.push(one))
    const session = await sessionOf(nats)
    await session.ping()
    await send(subjects.controlAll(namespace), '{"v":1,"kind":"explode"}')
    await session.ping()
    expect(controls).toEqual([])
    expect(count).toBe(1)
    expect(logger.lines).toMatchObject([{ level: 'warn', msg: 'a control message cannot be read' }])
    await nats.close()
  })

  test('while there is no connection are dropped', async () => {
    const nats = connectTo('nats://127.0.0.1:9')
    natsAnnouncer(nats).toNamespace(namespace, { kind: 'drain', term: 3 })
    await nats.close()
  })
})
