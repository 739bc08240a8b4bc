// `runWorker` as a process: signals, exit codes, and who has the last word about a setting.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { classDigest } from '../../../src/core/ids.ts'
import type { Beat } from '../../../src/core/outcome.ts'
import { type BareServer, startServer } from '../nats/server.ts'
import { Operator } from './operator.ts'

const program = path.join(import.meta.dirname, 'programs/worker.ts')
const cls = classDigest(['default'], [{ type: 'test.job', version: '1' }])

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

class Running {
  readonly id = randomUUID()
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  readonly #said: { readonly out: string }

  constructor(env: Readonly<Record<string, string>>, args: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, GOPHERQUEUE_WORKER_ID: this.id, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const said = { out: '', err: '' }
    this.child.stdout?.on('data', (text) => {
      said.out += text
    })
    this.child.stderr?.on('data', (text) => {
      said.err += text
    })
    this.#said = said
    this.ended = once(this.child, 'close').then(([code]) => ({ code, ...said }))
  }

  /** Resolves once its output holds the text. */
  async says(text: string): Promise<void> {
    while (!this.#said.out.includes(text)) await once(this.child.stdout ?? this.child, 'data')
  }
}

describe('a worker process', () => {
  let server: BareServer
  let operator: Operator
  const started: Running[] = []

  beforeAll(async () => {
    server = await startServer()
    operator = await Operator.start(server.url)
    await operator.streams.ensureClass(operator.namespace, cls)
  })
  afterEach(() => {
    for (const { child } of started.splice(0)) child.kill('SIGKILL')
  })
  afterAll(async () => {
    await operator?.stop()
    await server?.remove()
  })

  const run = (
    env: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
  ): Running => {
    const base = { GOPHERQUEUE_NATS_URL: server.url, GOPHERQUEUE_NAMESPACE: operator.namespace }
    const running = new Running({ ...base, ...env }, args)
    started.push(running)
    return running
  }
  const target = { class: cls }
  const beatOf = (running: Running, holds: (beat: Beat) => boolean = () => true) =>
    operator.beatOf(running, holds)

  test('finishes what runs after SIGTERM, closes, resolves, and ends with 0', async () => {
    const running = run()
    await beatOf(running)
    const item = await operator.send(target, { payloadJson: '{"ms":800}' })
    await beatOf(running, (beat) => beat.running.length === 1)
    running.child.kill('SIGTERM')
    expect((await operator.outcomeOf(item)).outcome).toEqual({
      kind: 'succeeded',
      resultJson: '"done"',
    })
    expect(await running.ended).toEqual({ code: 0, out: 'closed\nresolved\n', err: '' })
  })

  test('hands back what outlives the grace period, and ends although the handler does not', async () => {
    const running = run({ GOPHERQUEUE_GRACE_SECONDS: '1' })
    await beatOf(running)
    const item = await operator.send(target, { payloadJson: '{"ms":600000,"stubborn":true}' })
    await beatOf(running, (beat) => beat.running.length === 1)
    running.child.kill('SIGTERM')
    expect((await operator.outcomeOf(item)).outcome).toEqual({ kind: 'handed-back' })
    expect(await running.ended).toMatchObject({ code: 0, out: 'closed\nresolved\n' })
  })

  test('a second signal ends it at once, with 1', async () => {
    const running = run()
    await beatOf(running)
    await operator.send(target, { payloadJson: '{"ms":600000,"stubborn":true}' })
    await beatOf(running, (beat) => beat.running.length === 1)
    running.child.kill('SIGTERM')
    await beatOf(running, (beat) => beat.draining)
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 1, out: '' })
  })

  test('takes a setting from flags, then the environment, then code', async () => {
    const code = await beatOf(run())
    const environment = await beatOf(run({ GOPHERQUEUE_SLOTS: '4' }))
    const flag = await beatOf(run({ GOPHERQUEUE_SLOTS: '4' }, ['--slots', '5']))
    expect([code.slots, environment.slots, flag.slots]).toEqual([3, 4, 5])
  })

  test('says who it is: pod, node and id come from the environment', async () => {
    const running = run({ GOPHERQUEUE_POD_NAME: 'worker-7', GOPHERQUEUE_NODE_NAME: 'node-2' })
    expect(await beatOf(running)).toMatchObject({ pod: 'worker-7', node: 'node-2' })
  })

  test('without a usable configuration ends with 64 and says what is wrong', async () => {
    const ended = await run({ GOPHERQUEUE_SLOTS: 'many', GOPHERQUEUE_SLOTZ: '3' }).ended
    expect(ended.code).toBe(64)
    expect(ended.err).toContain('GOPHERQUEUE_SLOTS: must be an integer, is "many"')
    expect(ended.err).toContain('did you mean GOPHERQUEUE_SLOTS?')
    expect(ended.out).toBe('')
  })

  test('that is told not to wait ends with 69 when nobody answers', async () => {
    const ended = await run({ GOPHERQUEUE_NATS_URL: 'nats://127.0.0.1:1' }, ['--no-wait']).ended
    expect(ended.code).toBe(69)
    expect(ended.err).toContain('NATS at 127.0.0.1:1 refuses connections')
    expect(ended.err).toContain('or leave out --no-wait to wait for it')
  })

  test('stops in the middle of its start when it is told to', async () => {
    const env = { GOPHERQUEUE_NATS_URL: 'nats://127.0.0.1:1', GOPHERQUEUE_LOG_LEVEL: 'info' }
    const running = run(env, ['--no-wait'])
    await running.says('worker starts')
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0, err: '' })
  })
})
