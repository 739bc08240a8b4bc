// Queues as their owners meet them, on a whole installation with a virtual clock: the implicit default,
// pause, drain and resume, a Queue that goes and comes back, its status, and the quiet at rest.

import { beforeEach, describe, expect, it } from 'vitest'
import { World } from './world.ts'

let world: World
beforeEach(() => {
  world = new World()
})

const HALF_HOUR = 1_800_000

async function led(): Promise<void> {
  world.startOperator()
  await world.until(() => (world.operator?.state().leading ?? 0) === 16, 30_000)
}

const statusOf = (queue: string) => world.api.queues.get(queue)?.status

describe('Queue/default', () => {
  it('appears with the first job of a namespace, and tells what is going on', async () => {
    await led()
    expect(world.api.queues.get('default')).toBeUndefined()
    world.submit('a')
    await world.pass(10_000)
    expect(statusOf('default')).toMatchObject({
      waiting: 1,
      workers: 0,
      conditions: [{ type: 'Ready' }, { type: 'NoWorkers', status: 'True' }],
    })
    world.startWorker({ slots: 4 })
    await world.until(() => world.job('a').status.phase === 'Completed', 30_000)
    await world.pass(10_000)
    expect(statusOf('default')).toMatchObject({ waiting: 0, workers: 1, slots: 4, freeSlots: 4 })
    expect(statusOf('default')?.conditions).toMatchObject([{ type: 'Ready', reason: 'Served' }])
  })

  it('is not needed: where nobody may create it, jobs run all the same', async () => {
    world.api.queues.refusals.push({ kind: 'refused', status: 403, detail: 'forbidden' })
    world.startWorker()
    await led()
    world.submit('a')
    await world.until(() => world.job('a').status.phase === 'Completed', 30_000)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(world.api.queues.get('default')).toBeUndefined()
  })
})

describe('a queue that pauses', () => {
  it('starts nothing, lets what runs go on, and goes on when its spec says so', async () => {
    world.api.queues.apply('default')
    const worker = world.startWorker({ slots: 1, runMs: () => 20_000 })
    await led()
    world.submit('runs')
    await world.until(() => worker.running === 1, 30_000)
    world.api.queues.apply('default', { paused: true })
    world.submit('waits')
    await world.pass(60_000)
    expect(world.job('runs').status.phase).toBe('Completed')
    expect(world.history('waits')).not.toContain('Running')
    expect(statusOf('default')).toMatchObject({ waiting: 1, running: 0 })
    expect(statusOf('default')?.pauses).toHaveLength(1)
    world.api.queues.apply('default', {})
    await world.until(() => world.job('waits').status.phase === 'Completed', 60_000)
    expect(statusOf('default')?.pauses?.[0]).toHaveProperty('endTime')
  })

  it('is known to an operator that starts: it reads the Queues before it starts anything', async () => {
    world.api.queues.apply('default', { paused: true })
    world.startWorker()
    world.submit('a')
    await led()
    await world.pass(30_000)
    expect(world.history('a')).not.toContain('Completed')
  })
})

describe('a Queue that is deleted', () => {
  it('holds its waiting jobs, lets running ones finish, and goes on when it is made again', async () => {
    world.api.queues.apply('mail')
    const worker = world.startWorker({ slots: 1, runMs: () => 20_000, queues: ['mail'] })
    await led()
    world.submit('runs', { spec: { queue: 'mail' } })
    await world.until(() => worker.running === 1, 30_000)
    world.submit('waits', { spec: { queue: 'mail' } })
    world.api.queues.delete('mail')
    await world.pass(90_000)
    expect(world.job('runs').status.phase).toBe('Completed')
    expect(world.job('waits').status).toMatchObject({ phase: 'Blocked', reason: 'QueueNotFound' })
    world.api.queues.apply('mail')
    await world.until(() => world.job('waits').status.phase === 'Completed', 60_000)
    expect(world.job('waits').status.phase).toBe('Completed')
  })
})

describe('at rest', () => {
  it('nothing is written: not to a job that waits, nor to its queue (I-L2)', async () => {
    world.api.queues.apply('default', { paused: true })
    world.startWorker()
    await led()
    for (let n = 0; n < 20; n++) world.submit(`job-${n}`)
    await world.pass(60_000)
    const [jobs, queues] = [world.api.written.length, world.api.queues.written.length]
    await world.pass(HALF_HOUR)
    expect(world.api.written.length - jobs).toBe(0)
    expect(world.api.queues.written.length - queues).toBe(0)
    expect(statusOf('default')).toMatchObject({ waiting: 20 })
  })

  it('a queue that was busy comes to rest, and its last status is the truth', async () => {
    world.startWorker({ slots: 5 })
    await led()
    for (let n = 0; n < 100; n++) world.submit(`job-${n}`)
    await world.pass(180_000)
    const before = world.api.queues.written.length
    expect(before).toBeLessThan(20)
    await world.pass(HALF_HOUR)
    expect(world.api.queues.written.length).toBe(before)
    expect(statusOf('default')).toMatchObject({
      waiting: 0,
      ready: 0,
      running: 0,
      freeSlots: 5,
      startsPerMinute: 0,
    })
  })
})
