// What users do to jobs, on the whole controller: runs that `spec.runId` asks for, cancels and suspensions
// of handlers that do not listen, and deadlines of whole jobs.

import { describe, expect, it } from 'vitest'
import { PHASES } from '../../src/api/conditions.ts'
import type { JobObject } from '../../src/core/job.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { IN_PHASE } from '../unit/persistence/facts.ts'
import { World } from './world.ts'

const job = (name: string) => ({ namespace: 'default', name })
const FAILED: Outcome = {
  kind: 'failed',
  failure: { category: 'Temporary', code: 'Busy', message: '' },
  retryAfterMs: 60_000,
}

async function aWorld() {
  const world = new World()
  world.startOperator()
  await world.pass(1_000)
  return world
}

const startsOf = (world: World, name: string) =>
  world.workers.flatMap(({ starts }) => starts).filter((start) => start.name === name).length

describe('spec.runId', () => {
  it('runs an ended job again by an edit, and an equal one costs no write', async () => {
    const world = await aWorld()
    world.startWorker()
    world.submit('a', { spec: { runId: 'one' } })
    await world.pass(1_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Completed', runId: 'one' })
    world.api.edit(job('a'), { runId: 'two' })
    await world.pass(2_000)
    expect(world.history('a')).toEqual(['Completed', 'Scheduled', 'Completed'])
    expect(world.job('a').status).toMatchObject({ runId: 'two', replays: 1, reruns: 1 })
    world.api.touch(job('a'))
    await world.pass(60_000)
    expect(startsOf(world, 'a')).toBe(2)
    expect(world.history('a')).toHaveLength(3)
  })

  it('that changed during the run causes one more, after it', async () => {
    const world = await aWorld()
    world.startWorker({ runMs: () => 3_000 })
    world.submit('a', { spec: { runId: 'one' } })
    await world.pass(2_000)
    world.api.edit(job('a'), { runId: 'two' })
    await world.pass(20_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Completed', runId: 'two', replays: 1 })
    expect(startsOf(world, 'a')).toBe(2)
  })

  it('that changed while nobody led is met by the next leader, once', async () => {
    const world = await aWorld()
    world.startWorker()
    world.submit('a')
    await world.pass(1_000)
    world.killOperator()
    world.api.edit(job('a'), { runId: 'two' })
    await world.pass(1_000)
    world.startOperator()
    await world.pass(60_000)
    expect(startsOf(world, 'a')).toBe(2)
    world.killOperator()
    world.startOperator()
    await world.pass(60_000)
    expect(startsOf(world, 'a')).toBe(2)
  })

  it('of a job that was cancelled before it ran asks for nothing', async () => {
    const world = await aWorld()
    world.submit('a', { spec: { runId: 'one' } })
    await world.pass(100)
    world.api.actions.create('stop', { action: 'Cancel', target: { kind: 'QueueJob', name: 'a' } })
    await world.pass(1_000)
    world.startWorker()
    await world.pass(60_000)
    expect(world.history('a')).toEqual(['Cancelled'])
  })
})

describe('an unchanged manifest that is applied again', () => {
  it.each([...PHASES])('writes nothing to a job that is %s', async (phase) => {
    const world = new World()
    const { status, spec } = IN_PHASE[phase]
    const suspend = spec.suspend ?? false
    world.submit('a', { status: status as JobObject['status'], spec: { suspend } })
    world.startOperator()
    await world.pass(2_000)
    const before = world.api.written.length
    world.api.touch(job('a'))
    await world.pass(1_000)
    expect(world.api.written.length).toBe(before)
  })
})

describe('a cancel', () => {
  const cancel = { action: 'Cancel' as const, target: { kind: 'QueueJob' as const, name: 'a' } }

  it('of a job that runs is written at once, though its handler does not listen', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 20_000, deaf: true })
    world.submit('a')
    await world.pass(2_000)
    world.api.actions.create('stop', cancel)
    await world.pass(200)
    expect(world.job('a').status.phase).toBe('Cancelled')
    // Its slot is taken until the handler has ended.
    world.submit('b')
    await world.pass(10_000)
    expect([worker.running, startsOf(world, 'b')]).toEqual([1, 0])
    await world.pass(40_000)
    expect(world.history('a')).toEqual(['Running', 'Cancelled'])
    expect(world.job('b').status.phase).toBe('Completed')
  })

  it('beats a retry that waits', async () => {
    const world = await aWorld()
    world.startWorker({ outcome: () => FAILED })
    world.submit('a')
    await world.pass(1_000)
    expect(world.job('a').status.phase).toBe('Retrying')
    world.api.actions.create('stop', cancel)
    await world.pass(120_000)
    expect(world.history('a')).toEqual(['Retrying', 'Cancelled'])
  })

  it('after a success that was written changes nothing', async () => {
    const world = await aWorld()
    world.startWorker()
    world.submit('a')
    await world.pass(1_000)
    world.api.actions.create('stop', cancel)
    await world.pass(1_000)
    expect(world.history('a')).toEqual(['Completed'])
  })
})

describe('a suspension (U2)', () => {
  it('of a handler that does not listen is forced after half a minute, and uses no attempt', async () => {
    const world = await aWorld()
    world.startWorker({ runMs: () => 90_000, deaf: true })
    world.submit('a')
    await world.pass(2_000)
    world.api.edit(job('a'), { suspend: true })
    await world.pass(29_000)
    expect(world.job('a').status.phase).toBe('Running')
    await world.pass(3_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Suspended' })
    expect(world.job('a').status).not.toHaveProperty('attempts')
    // Its handler ends in success, too late.
    await world.pass(90_000)
    expect(world.job('a').status.phase).toBe('Suspended')
  })

  it('met by a success is completed', async () => {
    const world = await aWorld()
    world.startWorker({ runMs: () => 5_000, deaf: true })
    world.submit('a')
    await world.pass(2_000)
    world.api.edit(job('a'), { suspend: true })
    await world.pass(10_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })

  it('met by a failure counts it, and waits', async () => {
    const world = await aWorld()
    world.startWorker({ runMs: () => 5_000, deaf: true, outcome: () => FAILED })
    world.submit('a')
    await world.pass(2_000)
    world.api.edit(job('a'), { suspend: true })
    await world.pass(120_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Suspended', attempts: 1 })
    expect(startsOf(world, 'a')).toBe(1)
  })
})

describe('activeDeadlineSeconds', () => {
  const spec = { activeDeadlineSeconds: 60, attemptDeadlineSeconds: 60 }

  it('ends a job that nobody could run', async () => {
    const world = await aWorld()
    world.submit('a', { spec })
    await world.pass(61_000)
    expect(world.job('a').status).toMatchObject({
      phase: 'DeadLettered',
      reason: 'ActiveDeadlineExceeded',
    })
  })

  it('ends a job that runs, and stops its handler', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 50_000, outcome: () => FAILED })
    world.submit('a', { spec: { ...spec, retry: { backoff: { maxSeconds: 1 } } } })
    await world.pass(61_000)
    expect(world.job('a').status).toMatchObject({ phase: 'DeadLettered', attempts: 1 })
    expect(world.job('a').status.history).toHaveLength(2)
    expect(worker.running).toBe(0)
  })

  it('does not count the time in which the job was suspended', async () => {
    const world = await aWorld()
    world.submit('a', { spec })
    await world.pass(30_000)
    world.api.edit(job('a'), { suspend: true })
    await world.pass(300_000)
    world.api.edit(job('a'), { suspend: false })
    await world.pass(28_000)
    expect(world.job('a').status.phase).toBe('Scheduled')
    await world.pass(5_000)
    expect(world.job('a').status.reason).toBe('ActiveDeadlineExceeded')
  })

  it('is met by the next leader when it passed meanwhile', async () => {
    const world = await aWorld()
    world.submit('a', { spec })
    world.killOperator()
    await world.pass(300_000)
    world.startOperator()
    await world.pass(20_000)
    expect(world.job('a').status.reason).toBe('ActiveDeadlineExceeded')
  })

  it('begins anew with a replay', async () => {
    const world = await aWorld()
    world.submit('a', { spec })
    await world.pass(70_000)
    const target = { kind: 'QueueJob' as const, name: 'a' }
    world.api.actions.create('again', { action: 'Replay', target })
    await world.pass(50_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Scheduled', replays: 1 })
    await world.pass(20_000)
    expect(world.job('a').status.reason).toBe('ActiveDeadlineExceeded')
  })
})
