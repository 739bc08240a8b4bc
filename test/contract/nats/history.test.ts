import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { jobUid } from '../../../src/core/ids.ts'
import type { Nats } from '../../../src/nats/connect.ts'
import { MAX_HISTORY_BYTES } from '../../../src/nats/definitions.ts'
import { natsHistory } from '../../../src/nats/history.ts'
import type { HistoryEvent } from '../../../src/persistence/ports.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import { connectTo, type RecordingLogger, recordingLogger, sessionOf } from './link.ts'
import { type BareServer, serverVersions, startServer } from './server.ts'

const anEvent = (given: Partial<HistoryEvent> = {}): HistoryEvent => ({
  id: 'u-1.5.completed',
  type: 'io.gopherqueue.job.completed',
  source: '/apis/gopherqueue.io/v1alpha1/namespaces/team-a/queuejobs/welcome',
  subject: 'welcome',
  time: '2026-05-01T12:00:00Z',
  namespace: 'team-a',
  uid: jobUid('u-1'),
  data: { name: 'welcome', status: { phase: 'Completed' } },
  ...given,
})

describe.each(serverVersions)('the history on nats-server %s', (version) => {
  let server: BareServer
  let nats: Nats
  let logger: RecordingLogger

  const history = (historyMaxBytes = 10_485_760) =>
    natsHistory({
      nats,
      clock: realClock,
      random: realRandom,
      logger,
      replicas: 1,
      historyMaxBytes,
      historyMaxAgeSeconds: 604_800,
    })
  const manager = async () =>
    jetstreamManager((await sessionOf(nats)).connection, { checkAPI: false })
  const stored = async () => (await (await manager()).streams.info('GQ_HISTORY')).state.messages

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
    await (await manager()).streams.delete('GQ_HISTORY').catch(() => {})
  })

  test('makes its stream with the first event, bounded by age and by bytes', async () => {
    expect(await history().record(anEvent())).toBe(true)
    const { config } = await (await manager()).streams.info('GQ_HISTORY')
    expect(config).toMatchObject({
      subjects: ['gq.v1.history.>'],
      retention: 'limits',
      discard: 'old',
      max_age: 604_800_000_000_000,
      max_bytes: 10_485_760,
      max_msg_size: MAX_HISTORY_BYTES,
    })
  })

  test('is a CloudEvent in structured mode, on the subject of its job', async () => {
    await history().record(anEvent())
    const last = { last_by_subj: 'gq.v1.history.team-a.u-1' }
    const message = await (await manager()).streams.getMessage('GQ_HISTORY', last)
    expect(message?.header.get('Content-Type')).toMatch(/^application\/cloudevents\+json/)
    expect(message?.json()).toEqual({
      specversion: '1.0',
      id: 'u-1.5.completed',
      type: 'io.gopherqueue.job.completed',
      source: '/apis/gopherqueue.io/v1alpha1/namespaces/team-a/queuejobs/welcome',
      subject: 'welcome',
      time: '2026-05-01T12:00:00Z',
      datacontenttype: 'application/json',
      data: { name: 'welcome', status: { phase: 'Completed' } },
    })
  })

  test('stores what is sent twice once, and says so both times', async () => {
    const one = history()
    expect(await one.record(anEvent())).toBe(true)
    expect(await one.record(anEvent())).toBe(true)
    expect(await stored()).toBe(1)
  })

  test('makes the stream again when somebody deleted it', async () => {
    const one = history()
    await one.record(anEvent())
    await (await manager()).streams.delete('GQ_HISTORY')
    expect(await one.record(anEvent({ id: 'u-1.6.failed' }))).toBe(false)
    expect(await one.record(anEvent({ id: 'u-1.6.failed' }))).toBe(true)
  })

  test('lets the oldest go when it is full, and goes on', async () => {
    const one = history(1_048_576)
    const text = 'x'.repeat(60_000)
    for (let n = 0; n < 40; n++) {
      const event = anEvent({ id: `u-1.${n}.failed`, data: { text } })
      expect(await one.record(event)).toBe(true)
    }
    expect(await stored()).toBeLessThan(20)
  })

  test('keeps of an event that is too large who and how, and leaves out what was asked for', async () => {
    const spec = { dependsOn: 'x'.repeat(MAX_HISTORY_BYTES) }
    const event = anEvent({ data: { spec, status: { phase: 'Failed' } } })
    expect(await history().record(event)).toBe(true)
    const message = await (await manager()).streams.getMessage('GQ_HISTORY', { seq: 1 })
    expect(message?.json<HistoryEvent>().data).toEqual({
      status: { phase: 'Failed' },
      truncated: true,
    })
  })

  test('says that nothing is stored while there is no room for the stream, once in the log', async () => {
    const one = history(Number.MAX_SAFE_INTEGER)
    expect(await one.record(anEvent())).toBe(false)
    expect(await one.record(anEvent())).toBe(false)
    const told = logger.lines.filter(({ msg }) => msg === 'the history of jobs cannot be kept')
    expect(told).toHaveLength(1)
  })
})

test('nothing is stored without a server, and nobody waits for it', async () => {
  const nats = connectTo('nats://127.0.0.1:1')
  const one = natsHistory({
    nats,
    clock: realClock,
    random: realRandom,
    logger: recordingLogger(),
    replicas: 1,
    historyMaxBytes: 1_048_576,
    historyMaxAgeSeconds: 60,
  })
  expect(await one.record(anEvent())).toBe(false)
  await nats.close()
})
