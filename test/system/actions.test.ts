// An action on many jobs, on genuine servers: the operator is killed on the way, the next one goes on where
// the status says, and the audit log of the API server counts what was written.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kubectl } from '../servers.ts'
import { jobObject, type Program, TestSystem, until } from './system.ts'

const JOBS = 120
const OPERATOR = 'system:serviceaccount:gopherqueue-system:gopherqueue-operator'

interface AuditEvent {
  readonly verb: string
  readonly user: { readonly username: string }
  readonly objectRef?: { readonly resource?: string; readonly name?: string }
  readonly responseStatus?: { readonly code?: number }
}

interface ActionStatus {
  readonly phase: string
  readonly cursor?: string
  readonly matched?: number
  readonly done?: number
  readonly skipped?: number
  readonly failed?: number
}

describe('an action on many jobs', () => {
  let system: TestSystem
  let operator: Program

  const act = (name: string, spec: Readonly<Record<string, unknown>>) =>
    system.create([
      {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'QueueAction',
        metadata: { name, namespace: 'default' },
        spec,
      },
    ])
  const statusOf = async (name: string): Promise<ActionStatus> => {
    const text = await kubectl(system.cluster, ['get', 'queueaction', name, '-o', 'json'])
    return (JSON.parse(text) as { status: ActionStatus }).status
  }
  /** Writes of the operator that were taken, by name of the job. */
  const writes = (verb: 'update' | 'delete') => {
    const counts = new Map<string, number>()
    const lines = readFileSync(system.cluster.auditLog, 'utf8').split('\n')
    for (const line of lines.filter((each) => each.endsWith('}'))) {
      const event = JSON.parse(line) as AuditEvent
      const { name = '', resource } = event.objectRef ?? {}
      if (event.user.username !== OPERATOR || resource !== 'queuejobs') continue
      if (event.verb !== verb || (event.responseStatus?.code ?? 500) >= 300) continue
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    return counts
  }
  const jobName = (prefix: string, n: number) => `${prefix}-${String(n).padStart(3, '0')}`
  const submit = (prefix: string) =>
    system.create(
      Array.from({ length: JOBS }, (_, n) =>
        jobObject(jobName(prefix, n), { queue: prefix, startAfter: '2100-01-01T00:00:00Z' }),
      ),
    )

  beforeAll(async () => {
    system = await TestSystem.start()
    await system.create(
      ['stopped', 'emptied'].map((name) => ({
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'Queue',
        metadata: { name, namespace: 'default' },
        spec: { paused: true },
      })),
    )
    operator = await system.operator()
  })

  afterAll(() => system?.stop())

  it('reaches each of them and no later one, although its leader is killed in the middle', async () => {
    await submit('stopped')
    const target = { kind: 'QueueJob', selector: { queue: 'stopped' } }
    await act('stop', { action: 'Cancel', target, ratePerSecond: 15 })
    await until('the action to be under way', async () =>
      ((await statusOf('stop')).done ?? 0) > 10 ? true : undefined,
    )
    await operator.kill()
    const half = await statusOf('stop')
    expect(half.phase).toBe('Running')
    expect(half.done).toBeLessThan(JOBS)
    await system.create([jobObject('stopped-000-later', { queue: 'stopped' })])
    operator = await system.operator()
    const status = await until(
      'the action to end',
      async () => {
        const now = await statusOf('stop')
        return now.phase === 'Running' ? undefined : now
      },
      120,
    )
    const counts = { matched: JOBS, done: JOBS, skipped: 0, failed: 0 }
    expect(status).toMatchObject({ phase: 'Completed', ...counts })
    const jobs = new Map((await system.jobs()).map((job) => [job.name, job.phase]))
    const updates = writes('update')
    for (let n = 0; n < JOBS; n++) {
      const name = jobName('stopped', n)
      expect([name, jobs.get(name)]).toEqual([name, 'Cancelled'])
      // A job that waits for a time may have been told so once before; its end is one write.
      expect(updates.get(name) ?? 0).toBeLessThanOrEqual(2)
    }
    expect(jobs.get('stopped-000-later')).not.toBe('Cancelled')
  })

  it('purges a queue, each job on the version that was seen, and nothing else', async () => {
    await submit('emptied')
    await act('empty', {
      action: 'Purge',
      target: { kind: 'Queue', name: 'emptied' },
      ratePerSecond: 1000,
    })
    const status = await until(
      'the purge to end',
      async () => {
        const now = await statusOf('empty')
        return now.phase === 'Completed' || now.phase === 'Failed' ? now : undefined
      },
      60,
    )
    expect(status).toMatchObject({ phase: 'Completed', matched: JOBS, done: JOBS, failed: 0 })
    const deletions = writes('delete')
    expect([...deletions.keys()].sort()).toEqual(
      Array.from({ length: JOBS }, (_, n) => jobName('emptied', n)),
    )
    expect(new Set(deletions.values())).toEqual(new Set([1]))
    const left = (await system.jobs()).filter(({ name }) => name.startsWith('emptied'))
    expect(left).toEqual([])
  })
})
