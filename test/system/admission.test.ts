// Rows 4, 6, 7 and 13a on genuine servers: what other jobs have to say about one. Objects by kubectl,
// operator and worker as processes, and an operator that is killed in between.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kubectl } from '../servers.ts'
import { jobObject, type Program, TestSystem, until } from './system.ts'

const FINAL = ['Completed', 'Failed', 'DeadLettered', 'Cancelled']
const MAX_OBJECTS = 150

describe('a job among others', () => {
  let system: TestSystem
  let operator: Program

  const ended = (name: string, seconds = 60) =>
    until(
      `job ${name} to end`,
      async () => {
        const job = await system.job(name)
        return FINAL.includes(job.phase) ? job : undefined
      },
      seconds,
    )
  const told = (name: string, reason: string) =>
    until(`job ${name} to be told ${reason}`, async () => {
      const job = await system.job(name)
      return job.reason === reason ? job : undefined
    })
  const on = (...names: string[]) => ({ dependsOn: names.map((name) => ({ name })) })
  const starts = () =>
    system
      .effects()
      .filter(({ what }) => what === 'start')
      .map(({ name }) => name)
  const remove = (...names: string[]) =>
    kubectl(system.cluster, ['delete', 'queuejobs', '--wait=false', ...names])

  const startOperator = () =>
    system.operator({ args: ['--limits-max-objects', String(MAX_OBJECTS)] })

  beforeAll(async () => {
    system = await TestSystem.start()
    operator = await startOperator()
    system.worker({ slots: 20 })
  })

  afterAll(() => system?.stop())

  it('starts after those it depends on, in whatever order they were applied (row 6)', async () => {
    await system.create([
      jobObject('roof', on('wall-1', 'wall-2')),
      jobObject('wall-1', on('floor')),
      jobObject('wall-2', on('floor')),
      jobObject('floor', { payload: { ms: 300 } }),
    ])
    expect((await ended('roof')).phase).toBe('Completed')
    const order = starts()
    expect([order[0], order.at(-1)]).toEqual(['floor', 'roof'])
  })

  it('waits for a name that is not there, also across a restart, and is told so (row 6)', async () => {
    await system.create([jobObject('early', on('late'))])
    const { status } = await told('early', 'WaitingForDependency')
    expect(status.message).toContain('late')
    await operator.kill()
    operator = await startOperator()
    await system.create([jobObject('late')])
    expect((await ended('early')).phase).toBe('Completed')
  })

  it('ends with the chain when one it depends on fails, is deleted, or waits for it (row 6)', async () => {
    await system.create([
      jobObject('leaf', on('middle')),
      jobObject('middle', on('root')),
      jobObject('root', { suspend: true }),
      jobObject('orphan', on('parent')),
      jobObject('parent', { suspend: true }),
      jobObject('ring-1', on('ring-2')),
      jobObject('ring-2', on('ring-1')),
      jobObject('self', on('self')),
    ])
    await told('parent', 'Suspended')
    await remove('parent')
    expect((await ended('orphan')).reason).toBe('DependencyDeleted')
    expect((await ended('self')).status).toMatchObject({
      reason: 'DependencyCycle',
      message: expect.stringContaining('self → self'),
    })
    const ring = [(await ended('ring-1')).reason, (await ended('ring-2')).reason]
    expect(ring).toContain('DependencyCycle')
    await system.create([
      {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'QueueAction',
        metadata: { name: 'cancel-root', namespace: 'default' },
        spec: { action: 'Cancel', target: { kind: 'QueueJob', name: 'root' } },
      },
    ])
    expect((await ended('leaf')).status).toMatchObject({
      reason: 'DependencyFailed',
      message: 'dependency middle ended Failed; the chain is root → middle → leaf',
    })
    expect(starts()).not.toContain('leaf')
  })

  it('runs once with one key among many, across a restart of the operator (row 7)', async () => {
    const keyed = (n: number) => jobObject(`pay-${n}`, { idempotencyKey: 'order 1011' })
    await system.create(Array.from({ length: 10 }, (_, n) => keyed(n)))
    expect((await ended('pay-9')).status).toMatchObject({
      phase: 'Completed',
      reason: 'Duplicate',
      duplicateOf: { name: 'pay-0' },
    })
    await operator.kill()
    await system.create([keyed(10), jobObject('other', { idempotencyKey: 'Order 1011' })])
    operator = await startOperator()
    expect((await ended('pay-10')).reason).toBe('Duplicate')
    expect((await ended('other')).reason).toBe('Completed')
    expect(starts().filter((name) => name.startsWith('pay-'))).toEqual(['pay-0'])
  })

  it('is held when its queue has enough, and starts when there is room (row 4, maxDepth)', async () => {
    await system.create([
      {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'Queue',
        metadata: { name: 'narrow', namespace: 'default' },
        spec: { maxDepth: 2 },
      },
    ])
    const jobs = [0, 1, 2, 3].map((n) => jobObject(`deep-${n}`, { queue: 'narrow' }))
    await system.create(jobs)
    const { status } = await told('deep-3', 'QueueFull')
    expect(status.message).toContain('queue narrow has 4 waiting jobs, its maxDepth is 2')
    expect((await system.job('deep-1')).reason).not.toBe('QueueFull')
    system.worker({ slots: 1, queues: 'narrow' })
    for (const n of [0, 1, 2, 3]) expect((await ended(`deep-${n}`)).phase).toBe('Completed')
    const order = starts().filter((name) => name.startsWith('deep-'))
    expect(order).toEqual(['deep-0', 'deep-1', 'deep-2', 'deep-3'])
  })

  it('is held when the cluster has enough, unless others wait for it (row 13a)', async () => {
    const there = (await system.jobs()).length
    const many = Array.from({ length: MAX_OBJECTS - there }, (_, n) => jobObject(`many-${n}`))
    await system.create(many)
    await ended(`many-${many.length - 1}`)
    await system.create([
      jobObject('too-many'),
      jobObject('waits', on('needed')),
      jobObject('needed'),
    ])
    const { status } = await told('too-many', 'ClusterFull')
    expect(status.message).toContain(`limits.maxObjects is ${MAX_OBJECTS}`)
    expect((await ended('needed')).phase).toBe('Completed')
    await remove('many-0', 'many-1', 'many-2')
    expect((await ended('too-many')).phase).toBe('Completed')
    expect((await ended('waits')).phase).toBe('Completed')
  })
})
