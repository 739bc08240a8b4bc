// Races and hostile input that random faults seldom meet: each is a story of its own, told by its name.

import { describe, expect, it } from 'vitest'
import { anAction } from '../builders.ts'
import { World } from './world.ts'

async function aWorld(): Promise<World> {
  const world = new World()
  world.startOperator()
  await world.until(() => world.operator?.state().leading === 16, 30_000)
  expect(world.operator?.state()).toMatchObject({ leading: 16, problem: '' })
  return world
}

describe('a job that was read live before the watch told of it', () => {
  it('starts all the same', async () => {
    const world = await aWorld()
    world.startWorker()
    await world.pass(100)
    world.submit('a')
    // An action that names it is looked at first; it comes to nothing.
    const target = { kind: 'QueueJob', name: 'a' } as const
    world.operator?.actions.changed(anAction({ namespace: 'default', spec: { target } }))
    await world.pass(5_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })
})

describe('a message that vanished with its worker', () => {
  it('before anybody listed it is found missing, also when it took the only slot', async () => {
    const world = await aWorld()
    const first = world.startWorker({ id: 'pod-a', slots: 1, runMs: () => 600_000 })
    await world.pass(500)
    world.submit('a')
    await world.until(() => first.running === 1, 1_000)
    first.kill()
    world.startWorker({ id: 'pod-a', slots: 1 })
    await world.pass(90_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })
})

describe('after a reconnect', () => {
  it('dispatch goes on, also when a look at the streams was under way as the connection broke', async () => {
    const world = await aWorld()
    world.startWorker()
    world.nats.stateMs = 4_000
    // Whenever the next look begins, it has not ended when the connection is back.
    await world.pass(5_500)
    world.nats.stop()
    await world.pass(100)
    world.nats.start()
    await world.pass(30_000)
    world.nats.stateMs = 0
    world.submit('a')
    await world.pass(30_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })

  it('no attempt is lost before its worker could be heard again (L1)', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 90_000 })
    world.submit('a')
    await world.pass(5_000)
    world.nats.stateMs = 1_000
    world.nats.stop()
    await world.pass(20_000)
    world.nats.start()
    await world.pass(100_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Completed' })
    expect(world.job('a').status.crashes ?? 0).toBe(0)
    expect(worker.starts).toHaveLength(1)
  })
})

describe('a job of which no status is taken', () => {
  it('does not run again and again (W5)', async () => {
    const world = await aWorld()
    const worker = world.startWorker()
    world.api.refuses = true
    world.submit('a')
    await world.pass(60_000)
    expect(worker.starts).toHaveLength(1)
  })
})
