import { describe, expect, it } from 'vitest'
import { World } from './world.ts'

async function leading(world: World): Promise<void> {
  await world.until(() => world.operator?.state().leading === 16, 30_000)
  expect(world.operator?.state()).toMatchObject({ leading: 16, problem: '' })
}

async function aWorld(): Promise<World> {
  const world = new World()
  world.startOperator()
  await leading(world)
  return world
}

const fails = () => ({
  kind: 'failed' as const,
  failure: { category: 'Temporary' as const, code: 'oops', message: 'it failed' },
  retryAfterMs: null,
})

describe('a job', () => {
  it('goes from its creation to Completed by one write', async () => {
    const world = await aWorld()
    world.startWorker()
    world.submit('a')
    await world.pass(200)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(world.history('a')).toEqual(['Completed'])
  })

  it('that runs for longer than a second is written as Running in between', async () => {
    const world = await aWorld()
    world.startWorker({ runMs: () => 3_000 })
    world.submit('a')
    await world.pass(5_000)
    expect(world.history('a')).toEqual(['Running', 'Completed'])
  })

  it('that waits for a slot costs no write', async () => {
    const world = await aWorld()
    world.startWorker({ runMs: () => 60_000 })
    world.submit('a')
    await world.pass(1_000)
    world.submit('b')
    await world.pass(30_000)
    expect(world.history('b')).toEqual([])
    expect(world.job('b').status.phase).toBe('Pending')
  })

  it('without a worker costs no write: its queue is told, once for all its jobs', async () => {
    const world = await aWorld()
    for (let n = 1; n <= 30; n++) world.submit(`job-${n}`)
    await world.pass(60_000)
    for (let n = 1; n <= 30; n++) expect(world.history(`job-${n}`)).toEqual([])
    const told = world.api.queues.written.filter(({ status }) =>
      status.conditions?.some(({ type, status: is }) => type === 'NoWorkers' && is === 'True'),
    )
    expect(told.map(({ name }) => name)).toEqual(['default'])
  })

  it('whose type nobody handles is told the nearest one', async () => {
    const world = await aWorld()
    world.startWorker({ types: ['email.send'] })
    world.submit('a', { spec: { type: 'email.sned' } })
    await world.pass(10_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Scheduled', reason: 'UnknownType' })
    expect(world.job('a').status.message).toContain('email.send')
  })

  it('starts when its worker comes, although it was told that there is none', async () => {
    const world = await aWorld()
    world.submit('a')
    await world.pass(10_000)
    world.startWorker()
    await world.pass(1_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })

  it('that was told why it waits starts at its time, also when the watch is faster than the answer', async () => {
    const world = await aWorld()
    world.api.answerMs = 10
    world.startWorker()
    world.submit('a', { spec: { delaySeconds: 8 } })
    await world.pass(7_000)
    expect(world.history('a')).toEqual(['Delayed'])
    await world.pass(3_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })

  it('that fails is tried again after its back-off and dead-lettered in the end', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ outcome: fails })
    world.submit('a', { spec: { retry: { maxAttempts: 3 } } })
    await world.pass(60_000)
    expect(world.history('a')).toEqual(['Retrying', 'Retrying', 'DeadLettered'])
    expect(worker.starts).toHaveLength(3)
    expect(world.job('a').status).toMatchObject({ attempts: 3, reason: 'AttemptsExhausted' })
    expect(world.job('a').status.history).toHaveLength(3)
  })

  it('that fails for good is not tried again', async () => {
    const world = await aWorld()
    const failure = { category: 'Permanent', code: 'broken', message: 'no' } as const
    world.startWorker({ outcome: () => ({ kind: 'failed', failure, retryAfterMs: null }) })
    world.submit('a')
    await world.pass(60_000)
    expect(world.history('a')).toEqual(['Failed'])
  })

  it('with a delay starts after it, not before', async () => {
    const world = await aWorld()
    const worker = world.startWorker()
    world.submit('a', { spec: { delaySeconds: 30 } })
    await world.pass(29_000)
    expect(worker.starts).toEqual([])
    await world.pass(2_500)
    expect(world.job('a').status.phase).toBe('Completed')
  })

  it('never starts before its time when the wall clock steps back', async () => {
    const world = await aWorld()
    const worker = world.startWorker()
    world.submit('a', { spec: { delaySeconds: 30 } })
    await world.pass(20_000)
    world.clock.stepWall(-3_600_000)
    await world.pass(60_000)
    expect(worker.starts).toEqual([])
    await world.pass(3_600_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })

  it('that was submitted earlier starts earlier, on one slot', async () => {
    const world = await aWorld()
    const names = Array.from({ length: 50 }, (_, n) => `job-${String(n).padStart(2, '0')}`)
    for (const name of names) world.submit(name)
    const worker = world.startWorker({ slots: 1 })
    await world.pass(10_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(names)
  })

  it('of a higher class goes before those that wait longer', async () => {
    const world = await aWorld()
    world.submit('low', { spec: { priority: 'Low' } })
    world.submit('normal')
    world.submit('critical', { spec: { priority: 'Critical' } })
    await world.pass(1_000)
    const worker = world.startWorker({ slots: 1 })
    await world.pass(5_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['critical', 'normal', 'low'])
  })
})

describe('deletion and suspension', () => {
  it('a deleted job is told to stop, and its outcome is dropped', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 60_000 })
    world.submit('a')
    await world.pass(2_000)
    world.api.delete({ namespace: 'default', name: 'a' })
    await world.pass(1_000)
    expect(worker.running).toBe(0)
    world.submit('b')
    await world.pass(500)
    expect(worker.starts.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('a job that is created again under the same name is another job', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 5_000 })
    world.submit('a')
    await world.pass(2_000)
    world.api.delete({ namespace: 'default', name: 'a' })
    world.submit('a', { uid: 'uid-a-second' as never })
    await world.pass(10_000)
    expect(worker.starts.map(({ uid }) => uid)).toEqual(['uid-a', 'uid-a-second'])
    expect(world.job('a').status.phase).toBe('Completed')
  })

  it('a suspended job hands its attempt back, uses none, and goes on when it may', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 20_000 })
    world.submit('a')
    await world.pass(5_000)
    world.api.edit({ namespace: 'default', name: 'a' }, { suspend: true })
    await world.pass(5_000)
    expect(worker.running).toBe(0)
    expect(world.job('a').status).toMatchObject({ phase: 'Suspended' })
    expect(world.job('a').status.attempts ?? 0).toBe(0)
    world.api.edit({ namespace: 'default', name: 'a' }, { suspend: false })
    await world.pass(30_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })
})

describe('a worker that dies', () => {
  it('loses its attempt after the lease; the job runs again and counts a crash, not an attempt', async () => {
    const world = await aWorld()
    const first = world.startWorker({ runMs: () => 600_000 })
    world.submit('a')
    await world.pass(3_000)
    first.kill()
    await world.pass(10_000)
    expect(world.job('a').status.phase).toBe('Running')
    world.startWorker()
    await world.pass(20_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Completed', crashes: 1 })
    expect(world.job('a').status.attempts ?? 0).toBe(0)
    expect(world.job('a').status.history?.[0]).toMatchObject({ cause: 'LeaseLost' })
  })

  it('and comes back under its id is seen at once (B5)', async () => {
    const world = await aWorld()
    const first = world.startWorker({ id: 'pod-a', runMs: () => 600_000 })
    world.submit('a')
    await world.pass(3_000)
    first.kill()
    world.startWorker({ id: 'pod-a' })
    await world.pass(4_000)
    expect(world.job('a').status).toMatchObject({ phase: 'Completed', crashes: 1 })
    expect(world.job('a').status.history?.[0]).toMatchObject({ cause: 'WorkerCrashed' })
  })

  it('again and again ends in the crash budget, not in a loop', async () => {
    const world = await aWorld()
    world.submit('a', { spec: { crashBudget: { max: 2 } } })
    for (let n = 0; n < 6; n++) {
      const worker = world.startWorker({ id: 'pod-a', runMs: () => 600_000 })
      await world.until(() => worker.running === 1, 20_000)
      await world.pass(500)
      worker.kill()
    }
    world.startWorker({ id: 'pod-a' })
    await world.pass(60_000)
    expect(world.job('a').status).toMatchObject({
      phase: 'DeadLettered',
      reason: 'CrashBudgetExceeded',
    })
  })

  it('that was only cut off reports in vain: the younger attempt counts', async () => {
    const world = await aWorld()
    const zombie = world.startWorker({ runMs: () => 30_000 })
    world.submit('a')
    await world.pass(3_000)
    zombie.freeze(true)
    await world.pass(17_000)
    expect(world.job('a').status.crashes).toBe(1)
    world.startWorker({ runMs: () => 60_000 })
    await world.pass(5_000)
    zombie.freeze(false)
    await world.pass(30_000)
    expect(world.job('a').status.phase).toBe('Running')
    await world.pass(60_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })
})

describe('a change of the operator', () => {
  it('by a clean stop hands over within seconds and adopts what runs', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 30_000 })
    world.submit('a')
    await world.pass(5_000)
    await world.stopOperator()
    world.startOperator()
    await world.pass(3_000)
    await leading(world)
    await world.pass(40_000)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(worker.starts).toHaveLength(1)
  })

  it('by a kill waits for the Lease and adopts what runs', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 60_000 })
    world.submit('a')
    await world.pass(5_000)
    world.killOperator()
    world.startOperator()
    await world.pass(10_000)
    expect(world.operator?.state().leading).toBe(0)
    await world.pass(15_000)
    await leading(world)
    await world.pass(60_000)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(worker.starts).toHaveLength(1)
  })

  it('dispatches within a second of the take-over when every worker answers', async () => {
    const world = await aWorld()
    world.startWorker({ runMs: () => 60_000 })
    world.submit('a')
    await world.pass(20_000)
    await world.stopOperator()
    world.submit('b')
    const idle = world.startWorker({ id: 'idle' })
    await world.pass(5_100)
    world.startOperator()
    await world.pass(1_000)
    expect(idle.starts.map(({ name }) => name)).toEqual(['b'])
  })

  it('in the first second of an attempt adopts it, though nothing of it was written', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 60_000 })
    world.submit('a')
    await world.pass(500)
    world.killOperator()
    expect(world.history('a')).toEqual([])
    world.startOperator()
    await world.pass(90_000)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(worker.starts).toHaveLength(1)
  })

  it('accepts the outcome that came while nobody led', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 5_000 })
    world.submit('a')
    await world.pass(500)
    world.killOperator()
    await world.pass(10_000)
    world.startOperator()
    await world.pass(30_000)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(worker.starts).toHaveLength(1)
  })

  it('by a freeze past its Lease: whoever thaws finds its successor, steps down and disturbs nothing', async () => {
    const world = await aWorld()
    const frozen = world.operator
    const worker = world.startWorker({ slots: 5, runMs: () => 20_000 })
    world.submit('a')
    await world.pass(5_000)
    if (!frozen) throw new Error('no operator')
    world.freezeOperator(frozen, true)
    const successor = world.startOperator()
    await world.pass(25_000)
    expect(successor.state().leading).toBe(16)
    world.submit('b')
    await world.pass(1_000)
    world.freezeOperator(frozen, false)
    await world.pass(10_000)
    expect(frozen.state().leading).toBe(0)
    expect(successor.state().leading).toBe(16)
    await world.pass(60_000)
    expect([world.job('a').status.phase, world.job('b').status.phase]).toEqual([
      'Completed',
      'Completed',
    ])
    expect(worker.starts.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('a second operator waits as a standby', async () => {
    const world = await aWorld()
    const first = world.operator
    const second = world.startOperator()
    await world.pass(60_000)
    expect(first?.state().leading).toBe(16)
    expect(second.state().leading).toBe(0)
  })
})

describe('NATS', () => {
  it('killed and restarted with its data loses nothing', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ slots: 4, runMs: () => 3_000 })
    for (let n = 0; n < 20; n++) world.submit(`job-${n}`)
    await world.pass(5_000)
    world.nats.stop()
    await world.pass(10_000)
    world.nats.start()
    await world.pass(120_000)
    for (let n = 0; n < 20; n++) expect(world.job(`job-${n}`).status.phase).toBe('Completed')
    expect(worker.starts.length).toBeGreaterThanOrEqual(20)
  })

  it('killed and wiped loses nothing and completes nothing twice', async () => {
    const world = await aWorld()
    world.startWorker({ slots: 4, runMs: () => 3_000 })
    for (let n = 0; n < 20; n++) world.submit(`job-${n}`)
    await world.pass(5_000)
    world.nats.stop(true)
    await world.pass(10_000)
    world.nats.start()
    await world.pass(180_000)
    for (let n = 0; n < 20; n++) {
      expect(world.job(`job-${n}`).status.phase).toBe('Completed')
      expect(world.history(`job-${n}`).filter((phase) => phase === 'Completed')).toHaveLength(1)
    }
  })

  it('wiped while it runs is noticed, and every shard is taken over with a new term', async () => {
    const world = await aWorld()
    world.startWorker({ runMs: () => 1_000 })
    world.submit('a')
    await world.pass(3_000)
    world.nats.wipe()
    world.submit('b')
    await world.pass(60_000)
    expect(world.job('b').status.phase).toBe('Completed')
  })

  it('that is missing at the start is waited for', async () => {
    const world = new World()
    world.nats.stop()
    world.startOperator()
    world.startWorker()
    world.submit('a')
    await world.pass(60_000)
    expect(world.history('a')).toEqual([])
    world.nats.start()
    await world.pass(20_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })
})

describe('the API server', () => {
  it('that is away for a minute costs time, nothing else', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 100 })
    world.submit('a')
    await world.pass(50)
    world.api.reachable = false
    await world.pass(60_000)
    world.api.reachable = true
    await world.pass(60_000)
    expect(world.job('a').status.phase).toBe('Completed')
    expect(worker.starts).toHaveLength(1)
  })

  it('that is away for longer than the Lease is trusted keeps no job that came meanwhile', async () => {
    const world = await aWorld()
    world.startWorker()
    world.api.reachable = false
    await world.pass(12_000)
    // The watch still tells, or tells again: what is not written is not lost.
    world.submit('a')
    await world.pass(2_000)
    world.api.reachable = true
    await world.pass(20_000)
    expect(world.job('a').status.phase).toBe('Completed')
  })

  it('whose answer to a write was lost is asked what became of it (W3)', async () => {
    const world = await aWorld()
    world.startWorker()
    world.api.faults.push({ answer: { kind: 'unknown', detail: 'reset' }, applied: true })
    world.submit('a')
    await world.pass(5_000)
    expect(world.history('a')).toEqual(['Completed'])
  })
})
