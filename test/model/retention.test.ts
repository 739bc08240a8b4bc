// What becomes of finished jobs, on a whole installation with a virtual clock: history first, then the
// deletion; by age, by count, under pressure; what must stay; changes of leader, NATS and clock.

import { beforeEach, describe, expect, it } from 'vitest'
import type { QueueSpecInput } from '../../src/api/queue.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { World } from './world.ts'

let world: World
beforeEach(() => {
  world = new World()
})

const MINUTE = 60_000

/** Finished jobs of the queue stay for ten minutes. */
const TEN_MINUTES = { retention: { succeededSeconds: 600 } }

async function led(spec: QueueSpecInput = TEN_MINUTES): Promise<void> {
  world.api.queues.apply('default', spec)
  const outcome = (): Outcome => ({ kind: 'succeeded', resultJson: '"done"' })
  world.startWorker({ slots: 10, runMs: () => 10, outcome })
  world.startOperator()
  await world.until(() => (world.operator?.state().leading ?? 0) === 16, 30_000)
}

const stored = () => [...world.api.jobs.values()].map(({ name }) => name)
const told = (type: string) =>
  world.archive.events.filter((event) => event.type.endsWith(type)).map(({ subject }) => subject)
const done = (...names: string[]) =>
  world.until(
    () =>
      names.every((name) => world.api.jobs.get(`default/${name}`)?.status.phase === 'Completed'),
    60_000,
  )

describe('a finished job', () => {
  it('is in the history when it ends, and is deleted after its time, which is in the history, too', async () => {
    await led()
    world.submit('a')
    await done('a')
    await world.pass(1_000)
    expect(told('.completed')).toEqual(['a'])
    await world.pass(9 * MINUTE)
    expect(stored()).toEqual(['a'])
    await world.pass(2 * MINUTE)
    expect(stored()).toEqual([])
    expect(world.api.deleted).toEqual(['a'])
    expect(world.archive.events.at(-1)).toMatchObject({
      type: 'io.gopherqueue.job.deleted',
      data: { deletedBy: 'retention' },
    })
  })

  it('goes after its own time to live, or stays as long as the queue says', async () => {
    await led()
    world.submit('own', { spec: { ttlSecondsAfterFinished: 10 } })
    world.submit('queue')
    await done('own', 'queue')
    await world.pass(MINUTE)
    expect(stored()).toEqual(['queue'])
    await world.pass(8 * MINUTE)
    expect(stored()).toEqual(['queue'])
    await world.pass(3 * MINUTE)
    expect(stored()).toEqual([])
  })

  it('makes room for newer ones: the oldest goes first', async () => {
    await led({ retention: { maxSucceeded: 3 } })
    for (let n = 0; n < 6; n++) {
      world.submit(`job-${n}`)
      await world.pass(2_000)
    }
    await world.pass(30_000)
    expect(stored()).toEqual(['job-3', 'job-4', 'job-5'])
  })

  it('stays when its queue is changed to keep it longer, in the last moment', async () => {
    await led()
    world.submit('a')
    await done('a')
    await world.pass(9 * MINUTE)
    world.api.queues.apply('default', { retention: { succeededSeconds: 86_400 } })
    await world.pass(10 * MINUTE)
    expect(stored()).toEqual(['a'])
  })

  it('that was deleted by somebody is in the history as that', async () => {
    await led()
    world.submit('a')
    await done('a')
    world.api.delete({ namespace: 'default', name: 'a' })
    await world.pass(1_000)
    expect(world.archive.events.at(-1)).toMatchObject({ data: { deletedBy: 'request' } })
  })
})

describe('what must stay', () => {
  it('a job that a GitOps tool manages is trimmed, and never deleted', async () => {
    await led()
    world.submit('git', { tags: { gitOps: true } })
    await done('git')
    expect(world.job('git').status.result).toBe('done')
    await world.pass(30 * MINUTE)
    expect(stored()).toEqual(['git'])
    expect(world.job('git').status.phase).toBe('Completed')
    expect(world.job('git').status).not.toHaveProperty('result')
    expect(world.history('git')).toEqual(['Completed', 'Completed'])
  })

  it('a job whose idempotency key is remembered, until it is not any more', async () => {
    await led({ retention: { succeededSeconds: 60 }, idempotencyWindowSeconds: 600 })
    world.submit('first', { spec: { idempotencyKey: 'order-7' } })
    await done('first')
    await world.pass(8 * MINUTE)
    expect(stored()).toEqual(['first'])
    expect(world.job('first').status).not.toHaveProperty('result')
    await world.pass(4 * MINUTE)
    expect(stored()).toEqual([])
  })

  it('a job that a waiting one depends on, until that has started', async () => {
    await led()
    world.submit('needed', { spec: { ttlSecondsAfterFinished: 5 } })
    world.submit('later', {
      spec: { dependsOn: [{ name: 'needed' }, { name: 'never-seen' }] },
    })
    await done('needed')
    await world.pass(5 * MINUTE)
    expect(stored()).toContain('needed')
    world.submit('never-seen')
    await done('later')
    await world.pass(120_000)
    expect(stored()).not.toContain('needed')
    expect(world.job('later').status.phase).toBe('Completed')
  })
})

describe('whatever fails', () => {
  it('no job goes while the history cannot be written; when it can, all are in it', async () => {
    await led()
    world.archive.reachable = false
    for (let n = 0; n < 5; n++) world.submit(`job-${n}`)
    await done('job-4')
    await world.pass(20 * MINUTE)
    expect(stored()).toHaveLength(5)
    world.archive.reachable = true
    await world.pass(120_000)
    expect(stored()).toEqual([])
    expect(told('.completed').toSorted()).toEqual(['job-0', 'job-1', 'job-2', 'job-3', 'job-4'])
  })

  it('any leader goes on where the last one stopped, and records what that one could not', async () => {
    await led()
    world.archive.reachable = false
    world.submit('a')
    await done('a')
    world.killOperator()
    world.archive.reachable = true
    world.startOperator()
    await world.pass(13 * MINUTE)
    expect(stored()).toEqual([])
    expect([told('.completed'), told('.deleted')]).toEqual([['a'], ['a']])
  })

  it('a full cluster goes before the archive: oldest first, and only down to the limit', async () => {
    world.maxFinishedObjects = 10
    await led()
    world.archive.reachable = false
    for (let n = 0; n < 15; n++) {
      world.submit(`job-${n}`)
      await world.pass(1_000)
    }
    await world.pass(180_000)
    expect(stored()).toHaveLength(10)
    expect(stored()).not.toContain('job-0')
    expect(stored()).toContain('job-14')
  })

  it('pressure shortens every retention, and the queues say so for a while', async () => {
    world.maxFinishedObjects = 4
    await led()
    for (let n = 0; n < 8; n++) world.submit(`job-${n}`)
    await done('job-7')
    await world.pass(120_000)
    expect(stored()).toHaveLength(4)
    const pressed = () =>
      world.api.queues.get('default')?.status.conditions?.map(({ type }) => type) ?? []
    expect(pressed()).toContain('RetentionPressure')
    await world.pass(12 * MINUTE)
    expect(pressed()).not.toContain('RetentionPressure')
  })
})
