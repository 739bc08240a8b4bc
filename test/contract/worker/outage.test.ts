// A worker while its nats-server is away: nothing that was taken is lost, and nothing has to be done.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../src/core/definition.ts'
import { startWorker } from '../../../src/main/worker.ts'
import type { RunningWorker } from '../../../src/main/worker-process.ts'
import { handle } from '../../../src/worker/handler.ts'
import { type BareServer, serverVersions, startServer } from '../nats/server.ts'
import { Operator } from './operator.ts'

const job = defineJob({ type: 'test.job', version: '1', input: z.unknown(), output: z.unknown() })

describe.each(serverVersions)('a worker whose nats-server %s goes away', (version) => {
  let server: BareServer
  let operator: Operator
  let worker: RunningWorker | null = null
  /** Ends the handler that runs. */
  let end: (value: unknown) => void = () => undefined
  let starts = 0

  beforeAll(async () => {
    server = await startServer({ version })
    operator = await Operator.start(server.url)
  })
  afterEach(async () => {
    await worker?.stop(0)
    worker = null
    starts = 0
  })
  afterAll(async () => {
    await operator?.stop()
    await server?.remove()
  })

  const serving = async (): Promise<RunningWorker> => {
    worker = await startWorker<unknown>({
      natsUrl: server.url,
      namespace: operator.namespace,
      slots: 2,
      httpPort: 0,
      logLevel: 'silent',
      handlers: [
        handle(job, () => {
          starts += 1
          return new Promise((resolve) => {
            end = resolve
          })
        }),
      ],
    })
    await operator.serve(worker)
    return worker
  }

  test('keeps the outcome of what ended meanwhile, and reports it when the server is back', async () => {
    const running = await serving()
    const item = await operator.send(running)
    await operator.beatOf(running, (beat) => beat.running.length === 1)
    await server.process.kill()
    end('ended in the dark')
    await expect
      .poll(async () => (await fetch(`${running.healthUrl}/readyz`)).status, { timeout: 20_000 })
      .toBe(503)
    expect(running.state).toMatchObject({ running: 0, unconfirmed: 1 })
    await server.process.start()
    expect(await operator.outcomeOf(item)).toMatchObject({
      outcome: { kind: 'succeeded', resultJson: '"ended in the dark"' },
    })
    expect(starts).toBe(1)
  })

  test('pulls, beats and listens again by itself', async () => {
    const running = await serving()
    await operator.beatOf(running, () => true)
    await server.process.kill()
    await server.process.start()
    await operator.beatOf(running, () => true)
    const answer = operator.beatOf(running, (beat) => beat.announcedTerm === 99)
    operator.tellAll({ kind: 'leader', term: 99, shard: operator.shard, report: true })
    await answer
  })

  test('goes on with what it runs, listed in its first heartbeat, and takes new work', async () => {
    const running = await serving()
    const item = await operator.send(running)
    await operator.beatOf(running, (beat) => beat.running.length === 1)
    await server.process.kill()
    await server.process.start()
    const back = await operator.beatOf(running, () => true)
    expect(back.running).toMatchObject([{ uid: item.uid, epoch: item.epoch }])
    end('first')
    await operator.outcomeOf(item)
    const next = await operator.send(running)
    await operator.beatOf(running, (beat) => beat.running.some(({ uid }) => uid === next.uid))
    end('second')
    expect(await operator.outcomeOf(next)).toMatchObject({ outcome: { resultJson: '"second"' } })
    expect(starts).toBe(2)
  })
})
