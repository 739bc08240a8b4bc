// What people do by QueueActions, on the whole controller and a virtual clock: to one job, to thousands,
// to queues; with leaders that die on the way.

import { describe, expect, it } from 'vitest'
import type { Outcome, WorkItem } from '../../src/core/outcome.ts'
import type { ActionObject } from '../../src/core/resources.ts'
import { World } from './world.ts'

type Spec = Partial<ActionObject['spec']>
type Verb = ActionObject['spec']['action']

async function aWorld(): Promise<World> {
  const world = new World()
  world.startOperator()
  await world.until(() => world.operator?.state().leading === 16, 30_000)
  return world
}

const one = (action: Verb, name: string, more: Spec = {}): Spec => ({
  action,
  target: { kind: 'QueueJob', name },
  ...more,
})
const everyJob = (action: Verb, more: Spec = {}): Spec => ({
  action,
  target: { kind: 'QueueJob', all: true },
  ...more,
})
const onQueue = (action: Verb, more: Spec = {}): Spec => ({
  action,
  target: { kind: 'Queue', name: 'default' },
  ...more,
})

/** Creates the action and waits for its end. */
async function act(world: World, name: string, spec: Spec, payload?: string, ms = 60_000) {
  world.api.actions.create(name, spec, payload)
  const status = () => world.api.actions.get(name)?.status
  await world.until(() => ['Completed', 'Failed'].includes(status()?.phase ?? ''), ms)
  return status()
}

const FAILS = (category: 'Temporary' | 'Permanent'): Outcome => ({
  kind: 'failed',
  failure: { category, code: 'oops', message: 'it failed' },
  retryAfterMs: null,
})

const phase = (world: World, name: string) => world.job(name).status.phase

describe('cancel', () => {
  it('of a job that waits is one write, and nothing ever starts', async () => {
    const world = await aWorld()
    world.submit('a')
    await world.pass(100)
    expect(await act(world, 'stop', one('Cancel', 'a'))).toMatchObject({ done: 1 })
    const worker = world.startWorker()
    await world.pass(60_000)
    expect(world.history('a')).toEqual(['Cancelled'])
    expect(worker.starts).toEqual([])
  })

  it('beats the retry that was about to come', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ outcome: () => FAILS('Temporary') })
    world.submit('a')
    await world.until(() => phase(world, 'a') === 'Retrying', 10_000)
    await act(world, 'stop', one('Cancel', 'a'))
    await world.pass(3_600_000)
    expect([phase(world, 'a'), worker.starts.length]).toEqual(['Cancelled', 1])
  })

  it('comes too late for a success that was accepted', async () => {
    const world = await aWorld()
    world.startWorker()
    world.submit('a')
    await world.until(() => phase(world, 'a') === 'Completed', 10_000)
    expect(await act(world, 'stop', one('Cancel', 'a'))).toMatchObject({
      phase: 'Completed',
      done: 0,
      skipped: 1,
    })
    expect(phase(world, 'a')).toBe('Completed')
  })

  it('of two hundred jobs, over three deaths of the leader, is one write for each', async () => {
    const world = await aWorld()
    for (let i = 0; i < 200; i++) world.submit(`job-${String(i).padStart(3, '0')}`)
    await world.pass(1_000)
    world.api.actions.create('stop', everyJob('Cancel', { ratePerSecond: 20 }))
    const status = () => world.api.actions.get('stop')?.status
    for (let death = 0; death < 3; death++) {
      await world.until(() => status()?.phase === 'Running', 60_000)
      await world.pass(2_000)
      world.killOperator()
      world.submit(`later-${death}`)
      if (death === 2) world.api.actions.compact()
      world.startOperator()
      const { operator } = world
      if (operator) world.api.tellAll(operator)
    }
    await world.until(() => status()?.phase === 'Completed', 120_000)
    expect(status()).toMatchObject({ phase: 'Completed', matched: 200, done: 200, skipped: 0 })
    for (let i = 0; i < 200; i++) {
      expect(world.history(`job-${String(i).padStart(3, '0')}`)).toEqual(['Cancelled'])
    }
    for (let death = 0; death < 3; death++) expect(phase(world, `later-${death}`)).toBe('Pending')
    expect(world.api.broken).toEqual([])
  })
})

describe('retry', () => {
  it('cuts a back-off short and uses up nothing', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ outcome: () => FAILS('Temporary') })
    world.submit('a', { spec: { retry: { backoff: { initialSeconds: 3_600 } } } })
    await world.until(() => phase(world, 'a') === 'Retrying', 10_000)
    expect(await act(world, 'now', one('Retry', 'a'))).toMatchObject({ done: 1 })
    await world.pass(1_000)
    expect(worker.starts).toHaveLength(2)
    expect(world.job('a').status.attempts).toBe(2)
  })
})

describe('replay', () => {
  /** Fails for good unless the payload is the right one. */
  const picky = (item: WorkItem): Outcome =>
    item.payloadJson === '{"to":"b"}' ? { kind: 'succeeded', resultJson: null } : FAILS('Permanent')

  it('runs a failed job again with the payload of the action, and only then', async () => {
    const world = await aWorld()
    world.startWorker({ outcome: picky })
    world.submit('a')
    await world.until(() => phase(world, 'a') === 'Failed', 10_000)
    await act(world, 'again', one('Replay', 'a'))
    await world.until(() => phase(world, 'a') === 'Failed', 10_000)
    await act(world, 'edited', one('Replay', 'a'), '{"to":"b"}')
    await world.until(() => phase(world, 'a') === 'Completed', 10_000)
    expect(world.job('a').status).toMatchObject({
      phase: 'Completed',
      replays: 2,
      payloadAction: { name: 'edited' },
    })
  })

  it('whose action is deleted before the job starts ends the job with a sentence', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ outcome: () => FAILS('Permanent') })
    world.submit('a')
    await world.until(() => phase(world, 'a') === 'Failed', 10_000)
    worker.kill()
    await world.pass(30_000)
    await act(world, 'edited', one('Replay', 'a'), '{"to":"b"}')
    await world.until(() => phase(world, 'a') !== 'Failed', 10_000)
    world.api.actions.remove('edited')
    const second = world.startWorker()
    await world.pass(20_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Failed', reason: 'InvalidPayload' })
    expect(world.job('a').status.message).toContain('QueueAction edited, which was deleted')
    expect(second.starts).toEqual([])
  })

  it('is let ten times; then the action says so and the job stays', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ outcome: () => FAILS('Permanent') })
    world.submit('a')
    await world.until(() => phase(world, 'a') === 'Failed', 10_000)
    for (let i = 1; i <= 10; i++) {
      expect(await act(world, `again-${i}`, one('Replay', 'a'))).toMatchObject({ done: 1 })
      await world.until(() => phase(world, 'a') === 'Failed', 10_000)
      await world.pass(1_000)
    }
    expect(await act(world, 'again-11', one('Replay', 'a'))).toMatchObject({
      phase: 'Failed',
      reason: 'TargetsFailed',
      failures: [{ name: 'a', reason: 'ReplayLimit' }],
    })
    expect([worker.starts.length, world.job('a').status.replays]).toEqual([11, 10])
  })
})

describe('discard', () => {
  it('gives a dead letter up', async () => {
    const world = await aWorld()
    world.startWorker({ outcome: () => FAILS('Temporary') })
    world.submit('a', { spec: { retry: { maxAttempts: 1 } } })
    await world.until(() => phase(world, 'a') === 'DeadLettered', 10_000)
    await act(world, 'drop', one('Discard', 'a', { comment: 'nobody wants it' }))
    expect(world.job('a').status).toMatchObject({ phase: 'Cancelled', reason: 'Discarded' })
  })
})

describe('a queue', () => {
  it('that is paused starts nothing until it is resumed; what runs goes on', async () => {
    const world = await aWorld()
    world.api.queues.apply('default')
    const worker = world.startWorker({ runMs: () => 5_000 })
    world.submit('runs')
    await world.until(() => phase(world, 'runs') === 'Running', 10_000)
    await act(world, 'pause', onQueue('Pause', { comment: 'mail server is down' }))
    expect(world.api.queues.get('default')?.status.paused).toMatchObject({
      comment: 'mail server is down',
    })
    world.submit('waits')
    await world.pass(60_000)
    expect([phase(world, 'runs'), worker.starts.length]).toEqual(['Completed', 1])
    await act(world, 'resume', onQueue('Resume'))
    await world.pass(10_000)
    expect(phase(world, 'waits')).toBe('Completed')
    expect(world.api.queues.get('default')?.status.paused).toBeUndefined()
  })

  it('that its manifest pauses stays paused after a Resume, which says so', async () => {
    const world = await aWorld()
    world.api.queues.apply('default', { paused: true })
    await world.pass(1_000)
    await act(world, 'pause', onQueue('Pause'))
    const status = await act(world, 'resume', onQueue('Resume'))
    expect(status).toMatchObject({ phase: 'Completed', done: 1 })
    expect(status?.message).toContain('spec.paused still pauses the queue')
  })

  it('that is purged keeps what runs and what has ended, and loses what waits', async () => {
    const world = await aWorld()
    world.api.queues.apply('default')
    const worker = world.startWorker({ runMs: () => 20_000 })
    world.submit('runs')
    await world.until(() => phase(world, 'runs') === 'Running', 10_000)
    for (let i = 0; i < 20; i++) world.submit(`waits-${i}`)
    await world.pass(100)
    expect(await act(world, 'purge', onQueue('Purge'))).toMatchObject({ matched: 20, done: 20 })
    await world.pass(120_000)
    expect([...world.api.jobs.keys()]).toEqual(['default/runs'])
    expect(phase(world, 'runs')).toBe('Completed')
    expect(worker.starts).toHaveLength(1)
  })

  it('that is purged while its jobs are given to workers loses none that has begun', async () => {
    const world = await aWorld()
    world.api.queues.apply('default')
    const worker = world.startWorker({ slots: 4, runMs: () => 300 })
    for (let i = 0; i < 40; i++) world.submit(`job-${i}`)
    await world.pass(500)
    await act(world, 'purge', onQueue('Purge', { ratePerSecond: 10 }))
    await world.pass(60_000)
    for (const { name } of worker.starts) expect(phase(world, name)).toBe('Completed')
    expect(worker.starts.length + world.api.deleted.length).toBe(40)
    expect(world.api.deleted.length).toBeGreaterThan(0)
  })
})
