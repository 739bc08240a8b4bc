// The way of a job through the whole system, on genuine servers: operator and worker as processes,
// objects by kubectl.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kubectl } from '../servers.ts'
import { jobObject, type Program, read, TestSystem, until } from './system.ts'

interface AuditEvent {
  readonly verb: string
  readonly user: { readonly username: string }
  readonly userAgent?: string
  readonly objectRef?: {
    readonly resource?: string
    readonly subresource?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code?: number }
}

const OPERATOR = 'system:serviceaccount:gopherqueue-system:gopherqueue-operator'

describe('the whole system', () => {
  let system: TestSystem
  let operator: Program & { readonly url: string }

  const audit = (): readonly AuditEvent[] =>
    readFileSync(system.cluster.auditLog, 'utf8')
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as AuditEvent)
  /** Writes on QueueJobs by the operator, by name of the job. */
  const statusWrites = (prefix: string) => {
    const counts = new Map<string, number>()
    for (const { verb, user, objectRef } of audit()) {
      if (user.username !== OPERATOR || objectRef?.resource !== 'queuejobs') continue
      if (verb === 'get' || !objectRef.name?.startsWith(prefix)) continue
      counts.set(objectRef.name, (counts.get(objectRef.name) ?? 0) + 1)
    }
    return counts
  }
  const ended = (name: string, seconds = 60) =>
    until(
      `job ${name} to end`,
      async () => {
        const job = await system.job(name)
        const over = ['Completed', 'Failed', 'DeadLettered', 'Cancelled'].includes(job.phase)
        return over ? job : undefined
      },
      seconds,
    )
  const started = (name: string) =>
    until(`job ${name} to start`, () =>
      system.effects().find((effect) => effect.name === name && effect.what === 'start'),
    )
  const cancel = (name: string) =>
    system.create([
      {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'QueueAction',
        metadata: { name: `cancel-${name}`, namespace: 'default' },
        spec: { action: 'Cancel', target: { kind: 'QueueJob', name }, comment: 'not needed' },
      },
    ])

  beforeAll(async () => {
    system = await TestSystem.start()
    operator = await system.operator()
    system.worker({ slots: 20 })
  })

  afterAll(() => system?.stop())

  it('runs a job to Completed with the result of its handler', async () => {
    await system.create([jobObject('hello', { payload: { result: { greeting: 'hi' } } })])
    const { status } = await ended('hello')
    expect(status).toMatchObject({
      phase: 'Completed',
      reason: 'Completed',
      attempt: 1,
      result: { greeting: 'hi' },
      observedGeneration: 1,
    })
    const wait = await kubectl(system.cluster, [
      'wait',
      'qj/hello',
      '--for=condition=Finished',
      '--timeout=5s',
    ])
    expect(wait).toContain('condition met')
  })

  it('writes a job that runs for less than a second once, and one that waits never', async () => {
    await system.create(Array.from({ length: 50 }, (_, n) => jobObject(`short-${n}`)))
    await system.create([jobObject('waiting', { delaySeconds: 2 })])
    await until('all short jobs to complete', async () => {
      const rows = (await system.jobs()).filter((row) => row.name.startsWith('short-'))
      return rows.every((row) => row.phase === 'Completed') ? rows : undefined
    })
    expect(statusWrites('waiting').size).toBe(0)
    const writes = statusWrites('short-')
    expect(writes.size).toBe(50)
    expect([...writes.values()]).toEqual(Array.from({ length: 50 }, () => 1))
  })

  it('writes a job that runs for longer twice: Running, Completed', async () => {
    await system.create([jobObject('long', { payload: { ms: 2_500 } })])
    await ended('long')
    expect(statusWrites('long').get('long')).toBe(2)
  })

  it('retries what fails and keeps its history', async () => {
    await system.create([
      jobObject('flaky', {
        payload: { failures: 1 },
        retry: { backoff: { initialSeconds: 0 } },
      }),
    ])
    const { status } = await ended('flaky')
    expect(status).toMatchObject({ phase: 'Completed', attempt: 2, attempts: 1 })
    expect(status.history).toMatchObject([{ number: 1, category: 'Temporary' }, { number: 2 }])
  })

  it('dead-letters what fails in every attempt', async () => {
    await system.create([
      jobObject('hopeless', {
        payload: { failures: 9 },
        retry: { maxAttempts: 2, backoff: { initialSeconds: 0 } },
      }),
    ])
    const { status } = await ended('hopeless')
    expect(status).toMatchObject({
      phase: 'DeadLettered',
      reason: 'AttemptsExhausted',
      attempts: 2,
    })
  })

  it('does not retry what its handler calls permanent', async () => {
    await system.create([jobObject('broken', { payload: { permanent: true } })])
    const { status } = await ended('broken')
    expect(status).toMatchObject({ phase: 'Failed', reason: 'PermanentFailure' })
    expect(status.error).toMatchObject({ category: 'Permanent', code: 'asked' })
  })

  it('refuses a payload that its handler does not accept, and names the path', async () => {
    await system.create([jobObject('misfit', { payload: { ms: 'soon' } })])
    const { status } = await ended('misfit')
    expect(status).toMatchObject({ phase: 'Failed', reason: 'InvalidPayload' })
    expect(JSON.stringify(status.error)).toContain('ms')
  })

  it('aborts an attempt at its deadline', async () => {
    await system.create([
      jobObject('slow', {
        payload: { ms: 60_000 },
        attemptDeadlineSeconds: 1,
        retry: { maxAttempts: 1 },
      }),
    ])
    const { status } = await ended('slow')
    expect(status).toMatchObject({ phase: 'DeadLettered', attempts: 1 })
    expect(status.error).toMatchObject({ category: 'Timeout' })
    expect(system.effects()).toContainEqual(
      expect.objectContaining({ name: 'slow', what: 'abort' }),
    )
  })

  it('starts a delayed job after its delay', async () => {
    await system.create([jobObject('later', { delaySeconds: 3 })])
    await ended('later')
    const job = JSON.parse(await kubectl(system.cluster, ['get', 'qj', 'later', '-o', 'json'])) as {
      metadata: { creationTimestamp: string }
    }
    const { at } = await started('later')
    expect(at - Date.parse(job.metadata.creationTimestamp)).toBeGreaterThanOrEqual(3_000)
  })

  it('cancels a running job: its handler is aborted, the action says so', async () => {
    await system.create([jobObject('unwanted', { payload: { ms: 120_000 } })])
    await started('unwanted')
    await cancel('unwanted')
    const { status } = await ended('unwanted')
    expect(status).toMatchObject({ phase: 'Cancelled', reason: 'Cancelled' })
    await until('the handler to be aborted', () =>
      system.effects().find((effect) => effect.name === 'unwanted' && effect.what === 'abort'),
    )
    const action = await kubectl(system.cluster, ['get', 'qact', 'cancel-unwanted', '-o', 'json'])
    expect(JSON.parse(action)).toMatchObject({ status: { phase: 'Completed', done: 1 } })
  })

  it('cancels a waiting job, which then never starts', async () => {
    await system.create([jobObject('postponed', { delaySeconds: 3600 })])
    await cancel('postponed')
    const { status } = await ended('postponed')
    expect(status).toMatchObject({ phase: 'Cancelled' })
    expect(system.effects().some(({ name }) => name === 'postponed')).toBe(false)
  })

  it('stops the handler of a deleted job', async () => {
    await system.create([jobObject('deleted', { payload: { ms: 120_000 } })])
    await started('deleted')
    await kubectl(system.cluster, ['delete', 'qj', 'deleted'])
    await until('the handler to be aborted', () =>
      system.effects().find((effect) => effect.name === 'deleted' && effect.what === 'abort'),
    )
  })

  it('says on the job and in one Event that its type is unknown, and which is near', async () => {
    await system.create([jobObject('typo', { type: 'wrok' })])
    const job = await until('the job to be told', async () => {
      const row = await system.job('typo')
      return row.reason === 'UnknownType' ? row : undefined
    })
    expect(job.status.message).toContain('work')
    const text = await until('the Event', async () => {
      const found = await kubectl(system.cluster, [
        'get',
        'events.events.k8s.io',
        '--field-selector=reason=UnknownType',
        '-o',
        'json',
      ])
      return (JSON.parse(found) as { items: unknown[] }).items.length > 0 ? found : undefined
    })
    const { items } = JSON.parse(text) as { items: { regarding: { name: string } }[] }
    expect(items.map(({ regarding }) => regarding.name)).toEqual(['typo'])
  })

  it('refuses a field that this release does not serve, by name', async () => {
    await system.create([jobObject('ahead', { array: { size: 2 } })])
    const { status } = await ended('ahead')
    expect(status).toMatchObject({ phase: 'Failed', reason: 'NotYetSupported' })
    expect(status.message).toContain('spec.array')
  })

  it('refuses a payload beyond 128 KiB, and leaves its neighbours alone', async () => {
    await system.create([
      jobObject('heavy', { payload: { text: 'x'.repeat(140_000) } }),
      jobObject('neighbour'),
      jobObject('fits', { payload: { result: 'ok', text: 'x'.repeat(120_000) } }),
    ])
    expect((await ended('heavy')).status).toMatchObject({ reason: 'PayloadTooLarge' })
    expect((await ended('neighbour')).phase).toBe('Completed')
    expect((await ended('fits')).phase).toBe('Completed')
  })

  it('writes who acted and in which term into the audit log', () => {
    const agents = audit()
      .filter(
        ({ user, objectRef }) => user.username === OPERATOR && objectRef?.resource === 'queuejobs',
      )
      .map(({ userAgent }) => userAgent ?? '')
    expect(agents.length).toBeGreaterThan(0)
    for (const agent of agents) expect(agent).toMatch(/^gopherqueue-operator\/\S+ term=\d+$/)
  })

  it('never got a right that it lacks refused', () => {
    const refused = audit().filter(
      ({ user, responseStatus }) => user.username === OPERATOR && responseStatus?.code === 403,
    )
    expect(refused).toEqual([])
  })

  it('starts 2,000 jobs of one kubectl create in submission order, on one slot', async () => {
    const one = system.worker({ queues: 'serial', slots: 1, env: { TYPES: 'serial' } })
    await system.create([
      {
        apiVersion: 'gopherqueue.io/v1alpha1',
        kind: 'Queue',
        metadata: { name: 'serial', namespace: 'default' },
        spec: {},
      },
    ])
    const names = Array.from({ length: 2_000 }, (_, n) => `serial-${n}`)
    await system.create(names.map((name) => jobObject(name, { queue: 'serial', type: 'serial' })))
    await until(
      'all 2,000 to start',
      () => {
        const starts = system
          .effects()
          .filter((e) => e.what === 'end' && e.name.startsWith('serial-'))
        return starts.length >= names.length ? true : undefined
      },
      120,
    )
    const order = system
      .effects()
      .filter((effect) => effect.what === 'start' && effect.name.startsWith('serial-'))
      .map(({ name }) => name)
    expect(order).toEqual(names)
    await one.terminate()
  })

  it('ends within two seconds of SIGTERM, with exit code 0', async () => {
    const began = Date.now()
    expect(await operator.terminate()).toBe(0)
    system.note(`operator stopped after ${Date.now() - began} ms`)
    expect(read(operator.log)).not.toMatch(/"level":"error"/)
  })
})
