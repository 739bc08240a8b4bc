// A real worker with its heartbeat thread against a real nats-server, in both versions, with a
// scripted operator at the other end.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Cancel, Clock } from '../../../src/core/clock.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { epochOf } from '../../../src/core/epoch.ts'
import { startWorker, type WorkerOptions } from '../../../src/main/worker.ts'
import type { RunningWorker } from '../../../src/main/worker-process.ts'
import { realClock, realRandom } from '../../../src/process/clock.ts'
import { createLogger } from '../../../src/process/logger.ts'
import { type HandlerContext, handle } from '../../../src/worker/handler.ts'
import { Permanent, Snooze } from '../../../src/worker/verdicts.ts'
import { type BareServer, serverVersions, startServer } from '../nats/server.ts'
import { Operator, TERM } from './operator.ts'

const job = defineJob({ type: 'test.job', version: '1', input: z.unknown(), output: z.unknown() })

class CountingClock implements Clock {
  pending = 0
  now = realClock.now
  monotonic = realClock.monotonic

  after(delayMs: number, fn: () => void): Cancel {
    this.pending += 1
    let armed = true
    const end = (): void => {
      if (armed) this.pending -= 1
      armed = false
    }
    const cancel = realClock.after(delayMs, () => {
      end()
      fn()
    })
    return () => {
      end()
      cancel()
    }
  }
}

const untilAborted = (_: unknown, ctx: HandlerContext): Promise<never> =>
  new Promise((_resolve, reject) => {
    ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason), { once: true })
  })

describe.each(serverVersions)('a worker on nats-server %s', (version) => {
  let server: BareServer
  let operator: Operator
  const workers: RunningWorker[] = []

  beforeAll(async () => {
    server = await startServer({ version })
    operator = await Operator.start(server.url)
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop(0)))
  })
  afterAll(async () => {
    await operator?.stop()
    await server?.remove()
  })

  const worker = async (
    body: (input: unknown, ctx: HandlerContext) => unknown,
    over: Partial<WorkerOptions<unknown>> = {},
  ): Promise<RunningWorker> => {
    const running = await startWorker<unknown>({
      natsUrl: server.url,
      namespace: operator.namespace,
      slots: 2,
      httpPort: 0,
      logLevel: 'silent',
      handlers: [handle(job, async (input, ctx) => body(input, ctx))],
      ...over,
    })
    workers.push(running)
    await operator.serve(running)
    return running
  }

  test('beats from the start, says what it serves, and is believed by the operator', async () => {
    const seen = operator.beats.length
    const running = await worker(() => null)
    const beat = await operator.until(
      () => operator.beats.slice(seen).find(({ owner }) => owner.worker === running.id),
      'a first heartbeat',
    )
    expect(beat).toMatchObject({
      owner: { boot: running.boot },
      cls: running.class,
      queues: ['default'],
      handlers: [{ type: 'test.job', version: '1' }],
      slots: 2,
      draining: false,
      running: [],
    })
    expect(beat.memoryBytes).toBeGreaterThan(1_000_000)
    expect(operator.rejected).toEqual([])
  })

  test('runs a job with its payload and reports its result', async () => {
    const running = await worker((input) => ({ got: input }))
    const item = await operator.send(running, { payloadJson: '{"to":"a@b.example"}' })
    expect(await operator.outcomeOf(item)).toMatchObject({
      nonce: item.nonce,
      owner: { worker: running.id, boot: running.boot },
      outcome: { kind: 'succeeded', resultJson: '{"got":{"to":"a@b.example"}}' },
    })
  })

  test('reports failures and snoozes with what the operator needs to decide', async () => {
    const running = await worker((_, ctx) => {
      if (ctx.attempt === 1) throw new Permanent('no such user\n', { code: 'NoSuchUser' })
      throw new Snooze(60_000)
    })
    const first = await operator.send(running)
    const second = await operator.send(running, { attempt: 2 })
    expect((await operator.outcomeOf(first)).outcome).toEqual({
      kind: 'failed',
      failure: { category: 'Permanent', code: 'NoSuchUser', message: 'no such user' },
      retryAfterMs: null,
    })
    expect((await operator.outcomeOf(second)).outcome).toEqual({ kind: 'snoozed', delayMs: 60_000 })
  })

  test('lists what runs, and what has ended until 120 s after its confirmation', async () => {
    const running = await worker(untilAborted)
    const item = await operator.send(running)
    const busy = await operator.beatOf(running, (beat) => beat.running.length === 1)
    expect(busy.running).toMatchObject([{ uid: item.uid, epoch: item.epoch, nonce: item.nonce }])
    expect(busy.free).toBe(1)
    operator.tell(running, {
      kind: 'cancel',
      term: TERM,
      uid: item.uid,
      epochMax: item.epoch,
      reason: 'cancelled',
    })
    expect((await operator.outcomeOf(item)).outcome).toEqual({ kind: 'cancelled' })
    const idle = await operator.beatOf(running, (beat) => beat.running.length === 0)
    expect(idle.finished.map(({ epoch }) => epoch)).toContain(item.epoch)
  })

  test('beats on, with the attempt listed and its lag told, while a handler blocks its event loop', async () => {
    const running = await worker(
      () => {
        const until = performance.now() + 3_000
        while (performance.now() < until);
        return 'blocked'
      },
      { heartbeatMs: 500 },
    )
    await operator.beatOf(running, () => true)
    const item = await operator.send(running)
    const late = await operator.until(
      () =>
        operator.beats.find(
          ({ loopLagMs, running: listed }) =>
            loopLagMs > 500 && listed.some(({ epoch }) => epoch === item.epoch),
        ),
      'a heartbeat from beside the busy loop',
    )
    expect(late.running[0]?.ageMs).toBeGreaterThan(500)
    // The test's own loop was blocked as well: the worker is in this process, its thread is not.
    expect((await operator.outcomeOf(item)).outcome).toMatchObject({ kind: 'succeeded' })
  })

  test('answers a leader at once with its term, and drops what older leaders sent', async () => {
    const running = await worker(() => null)
    await operator.beatOf(running, () => true)
    const answer = operator.beatOf(running, (beat) => beat.announcedTerm === TERM + 1)
    operator.tellAll({ kind: 'leader', term: TERM + 1, shard: operator.shard, report: true })
    await answer
    const old = await operator.send(running)
    const young = await operator.send(running, { epoch: epochOf(TERM + 1, 1_000) })
    await operator.outcomeOf(young)
    expect(await operator.streams.lastWork(operator.namespace, old.cls, old.uid)).toBeNull()
    expect(operator.reports.filter(({ uid }) => uid === old.uid)).toEqual([])
  })

  test('sends an outcome again when it is asked, under an id of its own', async () => {
    const running = await worker(() => 'kept')
    const item = await operator.send(running)
    await operator.outcomeOf(item)
    operator.tell(running, {
      kind: 'resend',
      term: TERM,
      reports: [{ uid: item.uid, epoch: item.epoch }],
    })
    const both = () => operator.reports.filter(({ uid }) => uid === item.uid)
    await operator.until(() => (both().length === 2 ? true : undefined), 'the second report')
    expect(both().map(({ outcome }) => outcome)).toEqual([
      { kind: 'succeeded', resultJson: '"kept"' },
      { kind: 'succeeded', resultJson: '"kept"' },
    ])
  })

  test('aborts at the deadline of the attempt', async () => {
    const running = await worker(untilAborted)
    const item = await operator.send(running, { timeoutMs: 300 })
    expect((await operator.outcomeOf(item)).outcome).toMatchObject({
      kind: 'timed-out',
      failure: { code: 'AttemptTimeout' },
    })
  })

  test('sends progress, throttled', async () => {
    const running = await worker(async (_, ctx) => {
      for (let i = 1; i <= 1_000; i++) await ctx.progress(i / 10, `step ${i}`)
      return untilAborted(null, ctx)
    })
    const item = await operator.send(running)
    const last = await operator.until(
      () => operator.notes.find(({ uid, percent }) => uid === item.uid && percent === 100),
      'the last note',
    )
    expect(last).toMatchObject({ epoch: item.epoch, message: 'step 1000' })
    expect(operator.notes.filter(({ uid }) => uid === item.uid)).toHaveLength(2)
  })

  test('drains: readiness off, a last beat, what runs is handed back, and nothing is left', async () => {
    const running = await worker(untilAborted)
    const item = await operator.send(running)
    await operator.beatOf(running, (beat) => beat.running.length === 1)
    expect((await fetch(`${running.healthUrl}/readyz`)).status).toBe(200)
    const draining = operator.beatOf(running, (beat) => beat.draining && beat.running.length === 0)
    const stopped = running.stop(1)
    const unready = await fetch(`${running.healthUrl}/readyz`)
    expect([unready.status, await unready.text()]).toEqual([
      503,
      expect.stringContaining('draining'),
    ])
    await stopped
    await running.drained
    expect((await operator.outcomeOf(item)).outcome).toEqual({ kind: 'handed-back' })
    await draining
    const beats = operator.beats.length
    await expect(fetch(`${running.healthUrl || 'http://127.0.0.1:1'}/livez`)).rejects.toThrow()
    expect(operator.beats.length).toBe(beats)
  })

  test('leaves no timer behind that would keep its process from ending', async () => {
    const clock = new CountingClock()
    const output = { write: () => undefined }
    const logger = createLogger({ clock, level: 'silent', format: 'json', output })
    const running = await startWorker(
      {
        natsUrl: server.url,
        namespace: operator.namespace,
        httpPort: 0,
        handlers: [handle(job, async () => null)],
      },
      { clock, random: realRandom, logger, output },
    )
    await operator.serve(running)
    await operator.outcomeOf(await operator.send(running))
    await running.stop()
    expect(clock.pending).toBe(0)
  })

  test('gives metrics of itself', async () => {
    const running = await worker(() => null)
    await operator.outcomeOf(await operator.send(running))
    const text = await (await fetch(`${running.healthUrl}/metrics`)).text()
    expect(text).toContain(
      'gopherqueue_worker_attempts_total{queue="default",type="test.job",outcome="succeeded"} 1',
    )
    expect(text).toContain('gopherqueue_worker_slots 2')
  })

  test('opens its dependencies once and closes them after the drain', async () => {
    const said: string[] = []
    const running = await startWorker({
      natsUrl: server.url,
      namespace: operator.namespace,
      httpPort: 0,
      logLevel: 'silent',
      deps: async () => {
        said.push('open')
        return { value: { name: 'db' }, close: () => said.push('close') }
      },
      handlers: [
        handle(job, async (_, ctx) => {
          said.push(ctx.deps.name)
          return null
        }),
      ],
    })
    await operator.serve(running)
    await operator.outcomeOf(await operator.send(running))
    await operator.outcomeOf(await operator.send(running))
    expect(said).toEqual(['open', 'db', 'db'])
    await running.stop()
    expect(said).toEqual(['open', 'db', 'db', 'close'])
  })
})
