// What other jobs have to say about one, over the whole controller on the virtual clock: dependencies,
// idempotency keys, and how many may wait.

import { describe, expect, it } from 'vitest'
import type { QueueSpecInput } from '../../src/api/queue.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { aQueue, SUCCEEDED } from '../builders.ts'
import type { WorkerPlan } from './fake-worker.ts'
import { World } from './world.ts'

async function aWorld(given: { readonly maxObjects?: number; readonly seed?: number } = {}) {
  const world = new World(given.seed)
  if (given.maxObjects !== undefined) world.maxObjects = given.maxObjects
  await lead(world)
  return world
}

async function lead(world: World): Promise<void> {
  world.startOperator()
  await world.until(() => world.operator?.state().leading === 16, 30_000)
}

const FAILED: Outcome = {
  kind: 'failed',
  failure: { category: 'Permanent', code: 'broken', message: 'no' },
  retryAfterMs: null,
}

/** Jobs whose name begins so fail for good. */
const fails = (prefix: string): WorkerPlan => ({
  outcome: ({ name }) => (name.startsWith(prefix) ? FAILED : SUCCEEDED),
})

let generations = 0

/** `Queue/default` says this from now on. */
function tellQueue(world: World, spec: QueueSpecInput): void {
  const place = { namespace: 'default', name: 'default' }
  world.operator?.queues.changed(aQueue({ ...place, spec, generation: ++generations }))
}

const on = (...names: string[]) => ({ spec: { dependsOn: names.map((name) => ({ name })) } })

const phase = (world: World, name: string) => world.job(name).status.phase
const reason = (world: World, name: string) => world.job(name).status.reason
const count = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n)

describe('a job that depends on another', () => {
  it('starts the moment that one has completed, not before', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 4_000 })
    world.submit('b', on('a'))
    world.submit('a')
    await world.pass(3_900)
    expect(worker.starts.map(({ name }) => name)).toEqual(['a'])
    await world.pass(300)
    expect(worker.starts.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('ends DependencyFailed when that one does not complete', async () => {
    const world = await aWorld()
    const worker = world.startWorker(fails('a'))
    world.submit('b', on('a'))
    world.submit('a')
    await world.pass(1_000)
    expect(world.job('b').status).toMatchObject({
      phase: 'Failed',
      reason: 'DependencyFailed',
      message: 'dependency a ended Failed; the chain is a → b',
    })
    expect(worker.starts.map(({ name }) => name)).toEqual(['a'])
  })

  it('starts after any end when it asked for Finished', async () => {
    const world = await aWorld()
    world.startWorker(fails('a'))
    world.submit('b', { spec: { dependsOn: [{ name: 'a', when: 'Finished' }] } })
    world.submit('a')
    await world.pass(1_000)
    expect([phase(world, 'a'), phase(world, 'b')]).toEqual(['Failed', 'Completed'])
  })

  it('waits for one that is retried, and ends only when that one does', async () => {
    const world = await aWorld()
    const failure = { category: 'Temporary', code: 'busy', message: '' } as const
    let tries = 0
    world.startWorker({
      outcome: ({ name }) => {
        if (name !== 'a' || ++tries === 3) return SUCCEEDED
        return { kind: 'failed', failure, retryAfterMs: null }
      },
    })
    world.submit('a')
    world.submit('b', on('a'))
    await world.pass(1_000)
    expect(phase(world, 'b')).toBe('Pending')
    await world.pass(30_000)
    expect([phase(world, 'a'), phase(world, 'b')]).toEqual(['Completed', 'Completed'])
  })

  it('waits for a name that is not there yet, told that it is not found, and starts when it came', async () => {
    const world = await aWorld()
    world.startWorker()
    world.submit('b', on('a'))
    await world.pass(30_000)
    expect(world.job('b').status).toMatchObject({
      phase: 'Blocked',
      reason: 'WaitingForDependency',
    })
    expect(world.job('b').status.message).toContain('job a, which is not there')
    world.submit('a')
    await world.pass(500)
    expect(phase(world, 'b')).toBe('Completed')
  })

  it('ends DependencyDeleted when that one is deleted before it has ended', async () => {
    const world = await aWorld()
    world.submit('a')
    world.submit('b', on('a'))
    await world.pass(500)
    world.api.delete(world.job('a'))
    await world.pass(500)
    expect(reason(world, 'b')).toBe('DependencyDeleted')
  })

  it('starts although that one is deleted after it had completed', async () => {
    const world = await aWorld()
    const worker = world.startWorker()
    world.submit('a')
    world.submit('b', { spec: { suspend: true, dependsOn: [{ name: 'a' }] } })
    await world.pass(500)
    world.api.delete(world.job('a'))
    await world.pass(500)
    world.api.edit(world.job('b'), { suspend: false })
    await world.pass(500)
    expect(worker.starts.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('stays ended when that one is run again', async () => {
    const world = await aWorld()
    world.startWorker(fails('a'))
    world.submit('a')
    world.submit('b', on('a'))
    await world.pass(500)
    world.api.edit(world.job('a'), { runId: '2' })
    await world.pass(5_000)
    expect([phase(world, 'b'), reason(world, 'b')]).toEqual(['Failed', 'DependencyFailed'])
  })

  it('is judged alike by the next leader', async () => {
    const world = await aWorld()
    world.startWorker({ ...fails('x'), runMs: () => 20_000 })
    world.submit('a')
    world.submit('x')
    world.submit('b', on('a'))
    world.submit('c', on('x'))
    world.submit('d', on('c'))
    await world.pass(5_000)
    world.killOperator()
    await lead(world)
    await world.pass(40_000)
    expect([phase(world, 'a'), phase(world, 'b')]).toEqual(['Completed', 'Completed'])
    expect([reason(world, 'c'), reason(world, 'd')]).toEqual([
      'DependencyFailed',
      'DependencyFailed',
    ])
    expect(world.job('d').status.message).toContain('x → c → d')
  })
})

describe('a graph of jobs', () => {
  it('of 1,000 that wait for one is started when that one completes', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ slots: 100, runMs: () => 10 })
    for (const n of count(1, 1000)) world.submit(`leaf-${n}`, on('root'))
    await world.pass(1_000)
    expect(worker.starts).toEqual([])
    world.submit('root')
    await world.until(() => world.api.written.length >= 1001, 20_000)
    expect(count(1, 1000).filter((n) => phase(world, `leaf-${n}`) !== 'Completed')).toEqual([])
  })

  it('of one that waits for 1,000 starts it after the last of them, once', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ slots: 100, runMs: () => 10 })
    const names = count(1, 1000).map((n) => `leaf-${n}`)
    world.submit('all', on(...names))
    for (const name of names) world.submit(name)
    await world.until(() => phase(world, 'all') === 'Completed', 20_000)
    expect(worker.starts.map(({ name }) => name).indexOf('all')).toBe(1000)
    expect(worker.starts).toHaveLength(1001)
  })

  it('of 101 in a chain, submitted from its end, runs from its beginning', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ runMs: () => 10 })
    for (const n of count(1, 100).reverse()) world.submit(`job-${n}`, on(`job-${n - 1}`))
    world.submit('job-0')
    await world.until(() => phase(world, 'job-100') === 'Completed', 60_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(count(0, 100).map((n) => `job-${n}`))
  })

  it('that is deeper than 100 refuses the jobs whose own chain is, and nothing else', async () => {
    const world = await aWorld()
    for (const n of count(1, 103)) world.submit(`job-${n}`, on(`job-${n - 1}`))
    world.submit('job-0', { spec: { suspend: true } })
    await world.pass(1_000)
    const failed = count(0, 103).filter((n) => phase(world, `job-${n}`) === 'Failed')
    expect(failed).toEqual([101, 102, 103])
    expect(reason(world, 'job-101')).toBe('DependencyCycle')
    expect(world.job('job-101').status.message).toContain(
      'job-0 → job-1 → (98 more) → job-100 → job-101',
    )
    world.startWorker({ runMs: () => 10 })
    world.api.edit(world.job('job-0'), { suspend: false })
    await world.until(() => phase(world, 'job-100') === 'Completed', 60_000)
    expect(phase(world, 'job-100')).toBe('Completed')
  })

  it('with a cycle refuses the jobs on it, and those that wait for them fail', async () => {
    const world = await aWorld()
    world.startWorker()
    world.submit('a', on('c'))
    world.submit('b', on('a'))
    world.submit('c', on('b'))
    world.submit('above', on('c'))
    world.submit('self', on('self'))
    world.submit('free')
    await world.pass(2_000)
    for (const name of ['a', 'b', 'c', 'self']) expect(phase(world, name)).toBe('Failed')
    expect(reason(world, 'self')).toBe('DependencyCycle')
    expect(world.job('self').status.message).toContain('self → self')
    expect(['a', 'b', 'c'].map((name) => reason(world, name))).toContain('DependencyCycle')
    expect(reason(world, 'above')).toBe('DependencyFailed')
    expect(phase(world, 'free')).toBe('Completed')
  })

  it('whose root fails ends a chain of 100 job by job, each naming the root', async () => {
    const world = await aWorld()
    world.startWorker(fails('job-0'))
    for (const n of count(1, 100)) world.submit(`job-${n}`, on(`job-${n - 1}`))
    world.submit('job-0')
    await world.until(() => phase(world, 'job-100') === 'Failed', 30_000)
    expect(count(1, 100).filter((n) => reason(world, `job-${n}`) !== 'DependencyFailed')).toEqual(
      [],
    )
    expect(world.job('job-100').status.message).toContain('the chain is job-0 → job-1 → ')
  })
})

describe('a job that is waited for', () => {
  // The slot that a job leaves is free before its end is written, and so before its dependent may start.
  it('goes in the class of the job that waits for it, through others', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ slots: 1, runMs: () => 100 })
    world.submit('first')
    await world.pass(20)
    for (const n of count(1, 4)) world.submit(`normal-${n}`)
    world.submit('bulk', { spec: { priority: 'Bulk' } })
    world.submit('middle', { spec: { priority: 'Low', dependsOn: [{ name: 'bulk' }] } })
    world.submit('critical', { spec: { priority: 'Critical', dependsOn: [{ name: 'middle' }] } })
    await world.pass(5_000)
    const order = worker.starts.map(({ name }) => name)
    expect(order.slice(0, 2)).toEqual(['first', 'bulk'])
    expect(order.filter((name) => !name.startsWith('normal')).slice(2)).toEqual([
      'middle',
      'critical',
    ])
    expect(order.indexOf('critical')).toBeLessThan(order.indexOf('normal-3'))
  })

  it('goes in its own class again when nobody waits for it any more', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ slots: 1, runMs: () => 1_000 })
    world.submit('first')
    await world.pass(20)
    world.submit('bulk', { spec: { priority: 'Bulk' } })
    world.submit('normal')
    world.submit('critical', { spec: { priority: 'Critical', dependsOn: [{ name: 'bulk' }] } })
    await world.pass(100)
    world.api.delete(world.job('critical'))
    await world.pass(5_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['first', 'normal', 'bulk'])
  })
})

describe('jobs with one idempotency key', () => {
  const keyed = (key: string, spec = {}) => ({ spec: { idempotencyKey: key, ...spec } })

  it('run once: the first in order of submission, the others end Duplicate and name it', async () => {
    const world = await aWorld()
    const worker = world.startWorker()
    for (const n of count(1, 20)) world.submit(`job-${n}`, keyed('k'))
    await world.pass(2_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['job-1'])
    expect(world.job('job-20').status).toMatchObject({
      phase: 'Completed',
      reason: 'Duplicate',
      duplicateOf: { name: 'job-1', uid: 'uid-job-1' },
    })
  })

  it('are told apart by case, by type, and by what stands inside', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ types: ['work', 'rest'] })
    world.submit('a', keyed('k'))
    world.submit('b', keyed('K'))
    world.submit('c', keyed('k k'))
    world.submit('d', keyed('k', { type: 'rest' }))
    world.submit('e', keyed('k  k'))
    await world.pass(2_000)
    expect(worker.starts).toHaveLength(5)
  })

  it('run again after the window of the queue, and not before', async () => {
    const world = await aWorld()
    tellQueue(world, { idempotencyWindowSeconds: 100 })
    const worker = world.startWorker()
    world.submit('a', keyed('k'))
    await world.pass(95_000)
    world.submit('b', keyed('k'))
    await world.pass(10_000)
    world.submit('c', keyed('k'))
    await world.pass(1_000)
    expect(reason(world, 'b')).toBe('Duplicate')
    expect(worker.starts.map(({ name }) => name)).toEqual(['a', 'c'])
  })

  it('hold nothing when they were cancelled or refused before a start', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ ...fails('broken') })
    world.submit('broken')
    world.submit('a', keyed('k', { dependsOn: [{ name: 'broken' }] }))
    await world.pass(1_000)
    expect(reason(world, 'a')).toBe('DependencyFailed')
    world.submit('b', keyed('k'))
    await world.pass(1_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['broken', 'b'])
  })

  it('hold their key by having failed', async () => {
    const world = await aWorld()
    world.startWorker(fails('a'))
    world.submit('a', keyed('k'))
    await world.pass(1_000)
    world.submit('b', keyed('k'))
    await world.pass(1_000)
    expect([phase(world, 'a'), reason(world, 'b')]).toEqual(['Failed', 'Duplicate'])
  })

  it('stay what they were when the holder is deleted or run again', async () => {
    const world = await aWorld()
    const worker = world.startWorker()
    world.submit('a', keyed('k'))
    world.submit('b', keyed('k'))
    await world.pass(1_000)
    world.api.edit(world.job('a'), { runId: '2' })
    await world.pass(1_000)
    world.api.delete(world.job('a'))
    await world.pass(1_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['a', 'a'])
    expect(reason(world, 'b')).toBe('Duplicate')
  })

  it('stay duplicates when a duplicate is run again', async () => {
    const world = await aWorld()
    const worker = world.startWorker()
    world.submit('a', keyed('k'))
    world.submit('b', keyed('k'))
    await world.pass(1_000)
    world.api.edit(world.job('b'), { runId: '2' })
    await world.pass(2_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['a'])
    expect(reason(world, 'b')).toBe('Duplicate')
  })

  it.each(count(1, 12))(
    'run once across a take-over in whatever order they are listed (seed %i)',
    async (seed) => {
      const world = await aWorld({ seed })
      const worker = world.startWorker({ runMs: () => 3_000 })
      const names = count(1, 8).map((n) => `job-${n}`)
      for (const name of names.slice(0, 4)) world.submit(name, keyed('k'))
      await world.pass(Math.floor(world.random.uniform() * 40))
      world.killOperator()
      for (const name of names.slice(4)) world.submit(name, keyed('k'))
      const shuffled = [...world.api.jobs].sort(() => world.random.uniform() - 0.5)
      world.api.jobs.clear()
      for (const [key, job] of shuffled) world.api.jobs.set(key, job)
      await lead(world)
      await world.pass(30_000)
      expect(new Set(worker.starts.map(({ name }) => name)).size).toBe(1)
      const duplicates = names.filter((name) => reason(world, name) === 'Duplicate')
      expect(duplicates).toHaveLength(7)
    },
  )
})

describe('a queue with maxDepth', () => {
  it('holds all but the first jobs, and starts them in order as those end', async () => {
    const world = await aWorld()
    tellQueue(world, { maxDepth: 3 })
    const worker = world.startWorker({ slots: 1, runMs: () => 20_000 })
    for (const n of count(1, 6)) world.submit(`job-${n}`)
    await world.pass(10_000)
    expect(count(1, 6).map((n) => reason(world, `job-${n}`))).toEqual([
      ...['Running', undefined, undefined, undefined],
      ...['QueueFull', 'QueueFull'],
    ])
    await world.pass(120_000)
    const order = count(1, 6).map((n) => `job-${n}`)
    expect(worker.starts.map(({ name }) => name)).toEqual(order)
  })

  it('lets them go when it is raised, and holds more when it is lowered', async () => {
    const world = await aWorld()
    tellQueue(world, { maxDepth: 1 })
    for (const n of count(1, 4)) world.submit(`job-${n}`)
    await world.pass(100)
    expect(world.operator?.state().ready).toBe(1)
    tellQueue(world, { maxDepth: 3 })
    await world.pass(100)
    expect(world.operator?.state().ready).toBe(3)
    tellQueue(world, { maxDepth: 2 })
    await world.pass(100)
    expect(world.operator?.state().ready).toBe(2)
    tellQueue(world, {})
    await world.pass(100)
    expect(world.operator?.state().ready).toBe(4)
  })
})

describe('more jobs than limits.maxObjects', () => {
  it('hold the newest that never started, until there is room', async () => {
    const world = await aWorld({ maxObjects: 4 })
    const worker = world.startWorker({ slots: 1, runMs: () => 60_000 })
    for (const n of count(1, 6)) world.submit(`job-${n}`)
    await world.pass(10_000)
    const held = count(1, 6).filter((n) => reason(world, `job-${n}`) === 'ClusterFull')
    expect(held).toEqual([5, 6])
    for (const n of [2, 3]) world.api.delete(world.job(`job-${n}`))
    await world.pass(200_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['job-1', 'job-4', 'job-5', 'job-6'])
  })

  it('never hold a job that others wait for', async () => {
    const world = await aWorld({ maxObjects: 3 })
    world.startWorker()
    for (const n of count(1, 5)) world.submit(`job-${n}`, on('last'))
    world.submit('last')
    await world.pass(1_000)
    expect(phase(world, 'last')).toBe('Completed')
  })
})

describe('what may change while a job waits', () => {
  it('is obeyed: a higher priority goes first', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ slots: 1, runMs: () => 1_000 })
    for (const n of count(1, 4)) world.submit(`job-${n}`)
    await world.pass(200)
    world.api.edit(world.job('job-4'), { priority: 'Critical' })
    await world.pass(10_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['job-1', 'job-4', 'job-2', 'job-3'])
  })

  it('is obeyed: an earlier and a later startAfter', async () => {
    const world = await aWorld()
    const worker = world.startWorker()
    const at = (ms: number) => new Date(world.clock.now() + ms).toISOString()
    world.submit('earlier', { spec: { startAfter: at(3_600_000) } })
    world.submit('later', { spec: { startAfter: at(10_000) } })
    await world.pass(1_000)
    world.api.edit(world.job('earlier'), { startAfter: at(5_000) })
    world.api.edit(world.job('later'), { startAfter: at(60_000) })
    await world.pass(30_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['earlier'])
    await world.pass(40_000)
    expect(worker.starts.map(({ name }) => name)).toEqual(['earlier', 'later'])
  })

  it('is obeyed: a version that somebody serves', async () => {
    const world = await aWorld()
    world.startWorker()
    world.submit('a', { spec: { handlerVersion: '99' } })
    await world.pass(8_000)
    expect(reason(world, 'a')).toBe('UnknownType')
    world.api.edit(world.job('a'), { handlerVersion: '1' })
    await world.pass(500)
    expect(phase(world, 'a')).toBe('Completed')
  })

  it('is obeyed: suspend, and its end', async () => {
    const world = await aWorld()
    const worker = world.startWorker({ slots: 1, runMs: () => 1_000 })
    world.submit('first')
    world.submit('a')
    await world.pass(200)
    world.api.edit(world.job('a'), { suspend: true })
    await world.pass(5_000)
    expect(worker.starts).toHaveLength(1)
    world.api.edit(world.job('a'), { suspend: false })
    await world.pass(2_000)
    expect(phase(world, 'a')).toBe('Completed')
  })

  it('is obeyed: fewer and more attempts, between two of them', async () => {
    const world = await aWorld()
    const failure = { category: 'Temporary', code: 'busy', message: '' } as const
    world.startWorker({ outcome: () => ({ kind: 'failed', failure, retryAfterMs: null }) })
    const backoff = { strategy: 'Constant', initialSeconds: 10, jitterPercent: 0 } as const
    world.submit('fewer', { spec: { retry: { maxAttempts: 9, backoff } } })
    world.submit('more', { spec: { retry: { maxAttempts: 2, backoff } } })
    await world.pass(1_000)
    world.api.edit(world.job('fewer'), { retry: { maxAttempts: 2, backoff } })
    world.api.edit(world.job('more'), { retry: { maxAttempts: 4, backoff } })
    await world.pass(120_000)
    expect(world.job('fewer').status.attempts).toBe(2)
    expect(world.job('more').status.attempts).toBe(4)
  })
})
