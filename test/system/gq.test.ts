// gq as a person uses it, as a program, with a genuine API server, operator and worker: what it asks for
// happens, and its exit code says how it ended.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jobObject, TestSystem, until } from './system.ts'

const program = path.join(import.meta.dirname, '..', '..', 'src', 'main', 'gq.ts')

describe('gq with an operator', () => {
  let system: TestSystem
  let kubeconfig = ''

  beforeAll(async () => {
    system = await TestSystem.start()
    kubeconfig = await system.cluster.kubeconfig('admin')
    await system.operator()
    system.worker({ slots: 5 })
  })
  afterAll(() => system?.stop())

  function gq(...words: readonly string[]) {
    return new Promise<{ code: number; out: string; err: string }>((resolve, reject) => {
      const child = spawn(process.execPath, [program, ...words], {
        env: { PATH: process.env.PATH, KUBECONFIG: kubeconfig },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 90_000,
      })
      let out = ''
      let err = ''
      child.stdout.on('data', (chunk) => {
        out += chunk
      })
      child.stderr.on('data', (chunk) => {
        err += chunk
      })
      child.once('error', reject)
      child.once('close', (code) => resolve({ code: code ?? -1, out, err }))
    })
  }

  const submit = (name: string, payload: object, ...more: readonly string[]) =>
    gq('submit', 'work', '--name', name, '--payload', JSON.stringify(payload), ...more)
  const phaseOf = async (name: string) => (await system.job(name)).phase
  const becomes = (name: string, phase: string) =>
    until(
      `${name} to be ${phase}`,
      async () => ((await phaseOf(name)) === phase ? phase : undefined),
      60,
    )

  it('submits a job, waits for it, and shows its result', async () => {
    const ran = await submit('hello', { result: { greeting: 'hi' } }, '--wait', '--timeout', '60s')
    expect(ran.code, ran.err).toBe(0)
    expect(ran.out).toContain('hello Completed')
    expect((await gq('get', 'hello')).out).toMatch(/^Result: +\{"greeting":"hi"\}$/m)
  })

  it('ends with 1 where the job fails, and runs it again with another payload', async () => {
    const failed = await submit('wrong', { permanent: true }, '--wait', '--timeout', '60s')
    expect(failed.code, failed.err).toBe(1)
    const replay = await gq('replay', 'wrong', '--payload', '{"result":1}')
    expect(replay.code, replay.err).toBe(0)
    expect((await gq('wait', 'wrong', '--timeout', '60s')).code).toBe(0)
  })

  it('cancels a job that runs, with code 3 for whoever waits', async () => {
    await submit('long', { ms: 60_000 })
    await becomes('long', 'Running')
    const waiting = gq('wait', 'long', '--timeout', '60s')
    const cancelled = await gq('cancel', 'long', '--comment', 'not needed')
    expect(cancelled.code, cancelled.err).toBe(0)
    expect(cancelled.out).toContain('Cancel done')
    expect((await waiting).code).toBe(3)
    const again = await gq('cancel', 'long')
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('nothing to do') })
  })

  it('runs all that failed again, as many as it counted', async () => {
    for (const name of ['f-1', 'f-2', 'f-3'])
      await submit(name, { permanent: true }, '--label', 'a=f')
    for (const name of ['f-1', 'f-2', 'f-3']) await becomes(name, 'Failed')
    const dry = await gq('retry', '--failed', '-l', 'a=f', '--dry-run')
    expect(dry.out).toContain('Replay 3 jobs in namespace default (3 Failed)')
    const ran = await gq('retry', '--failed', '-l', 'a=f', '--yes')
    expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('3 of 3 done') })
    const starts = () =>
      system.effects().filter(({ name, what }) => /^f-/.test(name) && what === 'start')
    await until('all three to run again', () => (starts().length === 6 ? true : undefined), 60)
  })

  it('stops everything and lets it go on', async () => {
    const paused = await gq('pause', '--all-namespaces', '--yes', '--comment', 'incident 42')
    expect(paused.code, paused.err).toBe(0)
    await submit('held', {})
    const why = await gq('why', 'held')
    expect(why.out).toContain('QueuePaused')
    expect(why.out).toContain('incident 42')
    expect((await gq('queue', 'list')).out).toMatch(/^default .* action /m)
    expect((await gq('wait', 'held', '--timeout', '3s')).code).toBe(2)
    const resumed = await gq('resume', '--all-namespaces', '--yes')
    expect(resumed.code, resumed.err).toBe(0)
    expect((await gq('wait', 'held', '--timeout', '60s')).code).toBe(0)
  })

  it('purges what waits, and nothing else', async () => {
    expect((await gq('queue', 'pause', 'default')).code).toBe(0)
    await submit('p-1', {})
    await submit('p-2', {})
    const purged = await gq('queue', 'purge', 'default', '--yes')
    expect(purged.code, purged.err).toBe(0)
    expect((await gq('queue', 'resume', 'default')).code).toBe(0)
    const names = (await system.jobs()).map(({ name }) => name)
    expect(names).not.toContain('p-1')
    expect(names).toContain('hello')
  })

  it('makes a job of a schedule now, and discards a dead letter', async () => {
    await system.create([
      {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'QueueSchedule',
        metadata: { name: 'yearly', namespace: 'default' },
        spec: { schedule: '@yearly', suspend: true, template: { spec: { type: 'work' } } },
      },
      jobObject('dies', { payload: { failures: 9 }, retry: { maxAttempts: 1 } }),
    ])
    const ran = await gq('schedule', 'run', 'yearly')
    expect(ran.code, ran.err).toBe(0)
    expect((await gq('list', '-l', 'gopherqueue.io/schedule=yearly', '-o', 'name')).out).toMatch(
      /^queuejob.gopherqueue.io\/yearly-/,
    )
    await becomes('dies', 'DeadLettered')
    expect((await gq('discard', 'dies')).code).toBe(0)
    expect(await system.job('dies')).toMatchObject({ phase: 'Cancelled', reason: 'Discarded' })
  })
})
