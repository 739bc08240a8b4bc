// Races and hostile input that random faults seldom meet: each is a story of its own, told by its name.

import { describe, expect, it } from 'vitest'
import { epochOf, termOf } from '../../src/core/epoch.ts'
import { bootId, type JobUid, workerId } from '../../src/core/ids.ts'
import type { Logger } from '../../src/observability/ports.ts'
import { aBeat, anAction, aReport, aRunningAttempt } from '../builders.ts'
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

describe('a deletion that a write meets before the watch tells of it', () => {
  it('stops the handler at once (W4)', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 600_000 })
    await world.pass(500)
    world.submit('a')
    await world.until(() => worker.running === 1, 1_000)
    world.api.jobs.delete('default/a')
    await world.pass(1_500)
    expect(worker.running).toBe(0)
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

describe('a worker of another namespace', () => {
  it('that calls itself the same ends nothing that runs here', async () => {
    const world = await aWorld()
    world.startWorker({ id: 'pod-a', runMs: () => 600_000 })
    world.submit('a')
    await world.pass(3_000)
    const owner = { worker: workerId('pod-a'), boot: bootId('another-boot') }
    world.nats.beat(aBeat({ namespace: 'other', owner }))
    await world.pass(5_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Running' })
    expect(world.job('a').status.crashes ?? 0).toBe(0)
  })
})

describe('what names a term of the future', () => {
  it('as an outcome is looked into once and dropped when nobody gave that term out (O4)', async () => {
    const world = await aWorld()
    world.submit('a')
    world.startWorker({ runMs: () => 600_000 })
    await world.pass(3_000)
    const { epoch = 0 } = world.job('a').status
    const before = world.api.reads.records
    world.nats.report(
      aReport({
        namespace: 'default',
        uid: 'uid-a' as JobUid,
        epoch: epochOf(termOf(epoch) + 5, 1),
      }),
    )
    await world.pass(60_000)
    expect(world.nats.outcomes).toBe(0)
    expect(world.api.reads.records - before).toBeLessThan(3)
    expect(world.operator?.state().leading).toBe(16)
    expect(world.job('a').status.phase).toBe('Running')
  })

  it('in every heartbeat of a take-over does not keep it from its end (T5)', async () => {
    const world = new World()
    const liar = workerId('liar')
    world.nats.workersHear.set(liar, {
      namespace: 'default',
      hear(message) {
        if (message.kind !== 'leader') return
        const listed = aRunningAttempt({
          uid: 'uid-a' as JobUid,
          epoch: epochOf(message.term + 1, 1),
        })
        const owner = { worker: liar, boot: bootId('boot-of-liar') }
        world.nats.beat(
          aBeat({ namespace: 'default', owner, announcedTerm: message.term, running: [listed] }),
        )
      },
    })
    world.submit('a')
    world.nats.beat(
      aBeat({ namespace: 'default', owner: { worker: liar, boot: bootId('boot-of-liar') } }),
    )
    world.startOperator()
    await world.pass(60_000)
    expect(world.operator?.state().leading).toBe(16)
  })
})

describe('a heartbeat that lists thousands of unknown jobs', () => {
  it('costs a few live reads a second (B4, B38)', async () => {
    const world = await aWorld()
    const running = Array.from({ length: 10_000 }, (_, n) =>
      aRunningAttempt({ uid: `uid-unknown-${n}` as JobUid, name: `unknown-${n}` }),
    )
    for (let n = 0; n < 20; n++) {
      world.nats.beat(aBeat({ namespace: 'default', running }))
      await world.pass(50)
    }
    expect(world.api.reads.jobs).toBeGreaterThan(0)
    expect(world.api.reads.jobs).toBeLessThanOrEqual(80)
  })
})

describe('an attempt of less than a second', () => {
  it('that dies with its leader is counted when a standby had heard of it (T5, L4)', async () => {
    const world = await aWorld()
    const first = world.operator
    const worker = world.startWorker({ id: 'pod-a', runMs: () => 600_000 })
    const standby = world.startOperator()
    await world.pass(6_000)
    world.submit('a')
    await world.pass(500)
    expect([worker.running, world.history('a')]).toEqual([1, []])
    worker.kill()
    world.killOperator(first)
    world.startWorker({ id: 'pod-b' })
    await world.until(() => standby.state().leading === 16, 60_000)
    await world.pass(60_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Completed', crashes: 1 })
  })

  it('whose process started anew as the leader died is counted, too (T5, B5)', async () => {
    const world = await aWorld()
    const first = world.operator
    const worker = world.startWorker({ id: 'pod-a', runMs: () => 600_000 })
    const standby = world.startOperator()
    await world.pass(6_000)
    world.submit('a')
    await world.pass(500)
    worker.kill()
    world.killOperator(first)
    world.startWorker({ id: 'pod-a' })
    await world.until(() => standby.state().leading === 16, 60_000)
    await world.pass(30_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Completed', crashes: 1 })
    expect(world.job('a').status.history?.[0]).toMatchObject({ cause: 'WorkerCrashed' })
  })
})

describe('an outcome that was lost with the streams', () => {
  it('is asked for again by the next leader, and the job does not run twice (T5)', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 400 })
    await world.pass(500)
    world.submit('a')
    await world.pass(200)
    world.killOperator()
    await world.pass(1_000)
    expect([world.nats.outcomes, world.history('a')]).toEqual([1, []])
    world.nats.wipe()
    world.startOperator()
    await world.pass(40_000)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(worker.starts).toHaveLength(1)
  })
})

describe('streams that vanish in the middle of a take-over', () => {
  it('are made again before anything is led', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 600_000 })
    world.submit('a')
    await world.pass(3_000)
    worker.freeze(true)
    await world.stopOperator()
    const warnings: string[] = []
    const logger: Logger = {
      debug() {},
      info() {},
      warn: (msg) => void warnings.push(msg),
      error() {},
      child: () => logger,
    }
    const next = world.startOperator('next', logger)
    // The silent worker makes the window long.
    await world.pass(2_000)
    expect(next.state().leading).toBe(0)
    world.nats.wipe()
    await world.until(() => next.state().leading > 0, 60_000)
    expect(world.nats.exists).toBe(true)
    await world.until(() => next.state().leading === 16, 60_000)
    expect(next.state()).toMatchObject({ leading: 16, problem: '' })
    expect(warnings).toContain('taking over again')
    expect(warnings).not.toContain('stepped down')
  })
})

describe('a suspension', () => {
  it('that is taken back while a deaf handler runs on leaves its attempt alone', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 90_000, deaf: true })
    world.submit('a')
    await world.pass(5_000)
    world.api.edit({ namespace: 'default', name: 'a' }, { suspend: true })
    await world.pass(5_000)
    world.api.edit({ namespace: 'default', name: 'a' }, { suspend: false })
    await world.pass(120_000)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(worker.starts).toHaveLength(1)
  })
})
