// The whole client on the genuine API server; the test does what the operator would.

import { beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { z } from 'zod'
import {
  InvalidJobError,
  JobCancelledError,
  JobDeletedError,
  JobExistsError,
  JobFailedError,
  WaitTimeoutError,
} from '../../../src/client/errors.ts'
import type { GopherQueue, Job } from '../../../src/client/surface.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { clientOver, connect } from '../../../src/main/client.ts'
import { type Door, type Json, openDoor } from '../api/door.ts'
import { accessOf, type Operator, operatorAt } from './place.ts'

const namespace = 'client-whole'
const sendEmail = defineJob({
  type: 'email.send',
  version: '1',
  input: z.object({ to: z.email(), note: z.string().optional() }),
  output: z.object({ id: z.string() }),
})
const input = { to: 'a@example.com' }

let gq: GopherQueue
let door: Door
let operator: Operator
beforeAll(async () => {
  gq = await connect({ kubeconfig: inject('servers').kubeconfig, namespace })
  door = await openDoor(namespace)
  operator = operatorAt(door)
  return () => gq.close()
})

const stored = async (name: string, plural = 'queuejobs') =>
  (await door.send('GET', door.path(plural, name))).body

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => new Error('there was no error'),
    (error: unknown) => error,
  )
}

describe('connect', () => {
  it('finds the cluster as kubectl does, and the namespace of its context', async () => {
    vi.stubEnv('KUBECONFIG', inject('servers').kubeconfig)
    await using found = await connect()
    vi.unstubAllEnvs()
    const job = await found.submit(sendEmail, input)
    expect(job.namespace).toBe('default')
  })

  it('says what it looked for when there is no cluster', async () => {
    const error = await errorOf(connect({ kubeconfig: '/nowhere/config' }))
    expect(error).toMatchObject({ code: 'KubeconfigMissing' })
    expect(String(error)).toContain('/nowhere/config')
  })
})

describe('submit', () => {
  it('stores what was said, as the client, and nothing more', async () => {
    const job = await gq.submit(sendEmail, input, {
      queue: 'mail',
      retry: { maxAttempts: 5 },
      startAfter: new Date(Date.UTC(2030, 0, 1)),
      correlationId: 'order-7',
      labels: { team: 'a' },
    })
    expect(await stored(job.name)).toMatchObject({
      metadata: {
        uid: job.uid,
        labels: { team: 'a' },
        annotations: { 'gopherqueue.io/correlation-id': 'order-7' },
        managedFields: [{ manager: 'gopherqueue-client', operation: 'Update' }],
      },
      spec: {
        type: 'email.send',
        queue: 'mail',
        payload: input,
        retry: { maxAttempts: 5 },
        startAfter: '2030-01-01T00:00:00.000Z',
      },
    })
  })

  it('keeps a large payload as one string', async () => {
    const rows = defineJob({
      type: 'rows',
      version: '1',
      input: z.record(z.string(), z.number()),
      output: z.void(),
    })
    const value = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`key-${n}`, n]))
    const job = await gq.submit(rows, value, { asString: true })
    const { spec } = (await stored(job.name)) as { spec: Json }
    expect(JSON.parse(String(spec.payload))).toEqual(value)
  })

  it('says which field the API server refuses, as it does for its own', async () => {
    const error = await errorOf(
      gq.submit(sendEmail, input, { startAfter: new Date(), delaySeconds: 1 }),
    )
    expect(error).toBeInstanceOf(InvalidJobError)
    expect(error).toMatchObject({ code: 'InvalidSpec', field: 'spec.delaySeconds' })
  })

  it('says that a chosen name is taken', async () => {
    await gq.submit(sendEmail, input, { name: 'order-7' })
    const error = await errorOf(gq.submit(sendEmail, input, { name: 'order-7' }))
    expect(error).toBeInstanceOf(JobExistsError)
  })

  it.each([
    ['every answer but the last is lost', 'lose-answer'],
    ['every request but the last is lost', 'lose-request'],
  ] as const)('makes one job when %s', async (_, fate) => {
    const access = await accessOf(inject('servers').kubeconfig)
    for (const options of [{}, { name: `lossy-${fate}` }]) {
      const lossy = clientOver(access, namespace, {
        onCall: ({ n }) => (n <= 3 ? fate : 'send'),
      })
      const correlationId = `lossy-${fate}-${Object.keys(options).length}`
      const job = await lossy.submit(sendEmail, input, { ...options, correlationId })
      const all = (await door.send('GET', door.path('queuejobs'))).body.items as Json[]
      const same = all.filter(({ metadata }) => JSON.stringify(metadata).includes(correlationId))
      expect(same.map(({ metadata }) => (metadata as Json).uid)).toEqual([job.uid])
      await lossy.close()
    }
  })
})

describe('a result', () => {
  it('comes by watch, typed', async () => {
    const job = await gq.submit(sendEmail, input)
    const result = job.result({ timeoutMs: 30_000 })
    await operator.write(job, { phase: 'Running', epoch: 1, attempt: 1 })
    await operator.write(job, { phase: 'Completed', epoch: 1, attempt: 1, result: { id: 'm-1' } })
    const { id }: { id: string } = await result
    expect(id).toBe('m-1')
    expect(job.phase).toBe('Completed')
  })

  it.each<[string, Json, new (...a: never[]) => Error, Json]>([
    [
      'Failed',
      { reason: 'PermanentFailure', error: { category: 'Permanent', code: 'CardDeclined' } },
      JobFailedError,
      { code: 'CardDeclined', reason: 'PermanentFailure', category: 'Permanent', attempts: 2 },
    ],
    [
      'DeadLettered',
      { reason: 'AttemptsExhausted', error: { category: 'Temporary', code: 'SmtpDown' } },
      JobFailedError,
      { code: 'SmtpDown', reason: 'AttemptsExhausted', phase: 'DeadLettered', attempts: 2 },
    ],
    ['Cancelled', { reason: 'Cancelled' }, JobCancelledError, { code: 'Cancelled' }],
  ])('of a job that ends %s is an error that says how', async (phase, status, kind, fields) => {
    const job = await gq.submit(sendEmail, input)
    const result = errorOf(job.result({ timeoutMs: 30_000 }))
    await operator.write(job, { phase, epoch: 1, attempt: 2, ...status })
    expect(await result).toBeInstanceOf(kind)
    expect(await result).toMatchObject(fields)
  })

  it('of a job that is deleted is JobDeletedError, unless it had ended', async () => {
    const [open, ended] = [await gq.submit(sendEmail, input), await gq.submit(sendEmail, input)]
    const results = [errorOf(open.result()), ended.result()]
    await operator.write(ended, { phase: 'Completed', epoch: 1, result: { id: 'm-1' } })
    await operator.remove(ended)
    await operator.remove(open)
    expect(await results[0]).toBeInstanceOf(JobDeletedError)
    expect(await results[1]).toEqual({ id: 'm-1' })
  })

  it('is not waited for longer than was said', async () => {
    const job = await gq.submit(sendEmail, input)
    expect(await errorOf(job.result({ timeoutMs: 50 }))).toBeInstanceOf(WaitTimeoutError)
  })
})

describe('a thousand results at once', () => {
  /** Watches on QueueJobs that the API server holds open right now. */
  async function openWatches(): Promise<number> {
    const { message } = await door.send('GET', '/metrics')
    const lines = message.split('\n').filter((line) => {
      return /^apiserver_longrunning_requests\{.*resource="queuejobs".*verb="WATCH"/.test(line)
    })
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  it('share a handful of watches, and each gets its own', async () => {
    const before = await openWatches()
    const jobs: Job<{ id: string }>[] = []
    for (let batch = 0; batch < 20; batch++) {
      const made = Array.from({ length: 50 }, () => gq.submit(sendEmail, input))
      jobs.push(...(await Promise.all(made)))
    }
    const results = jobs.map((job) => job.result({ timeoutMs: 60_000 }))
    let most = 0
    for (let batch = 0; batch < 20; batch++) {
      const some = jobs.slice(batch * 50, batch * 50 + 50)
      await Promise.all(
        some.map((job) =>
          operator.write(job, { phase: 'Completed', epoch: 1, result: { id: job.uid } }),
        ),
      )
      most = Math.max(most, (await openWatches()) - before)
    }
    expect(await Promise.all(results)).toEqual(jobs.map(({ uid }) => ({ id: uid })))
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(9)
  })
})

describe('a watch of one job', () => {
  it('tells its phases to the end', async () => {
    const job = await gq.submit(sendEmail, input)
    const seen: string[] = []
    for await (const { phase, progress } of job.watch()) {
      seen.push(progress ? `${phase} ${progress.percent} %` : phase)
      if (phase === 'Pending') await operator.write(job, { phase: 'Running', epoch: 1 })
      if (seen.length === 2) {
        await operator.write(job, { phase: 'Running', epoch: 1, progress: { percent: 40 } })
      }
      if (progress) await operator.write(job, { phase: 'Completed', epoch: 1 })
    }
    expect(seen).toEqual(['Pending', 'Running', 'Running 40 %', 'Completed 40 %'])
  })
})

describe('get and list', () => {
  it('find what was submitted, by queue, type and phase', async () => {
    const options = { queue: 'listed' }
    const [a, b] = [
      await gq.submit(sendEmail, input, options),
      await gq.submit(sendEmail, input, options),
    ]
    await operator.write(b, { phase: 'Failed', epoch: 1, reason: 'InvalidSpec' })
    expect(await gq.get(a.name)).toMatchObject({ uid: a.uid, phase: 'Pending', queue: 'listed' })
    const failed: string[] = []
    for await (const job of gq.list({ queue: 'listed', type: 'email.send', phase: 'Failed' })) {
      failed.push(job.name)
    }
    expect(failed).toEqual([b.name])
    expect(await errorOf(gq.get('none'))).toMatchObject({ code: 'TargetNotFound' })
  })

  it('take any text as a name without being led astray', async () => {
    for (const name of ['a,status.phase=Failed', '../queues', 'a=b', 'ä b', 'a/status']) {
      expect(await errorOf(gq.get(name))).toMatchObject({ code: 'TargetNotFound' })
    }
  })
})

describe('cancel', () => {
  it('stores an action for this very job, in the name of who asks', async () => {
    const job = await gq.submit(sendEmail, input)
    const cancelling = job.cancel({ comment: 'no longer needed', wait: true })
    const action = await theActionOn(job.name)
    expect(action.spec).toEqual({
      action: 'Cancel',
      target: { kind: 'QueueJob', name: job.name, uid: job.uid },
      comment: 'no longer needed',
      requestedBy: 'admin',
    })
    const { name } = action.metadata as { name: string }
    await operator.write(job, { phase: 'Cancelled', epoch: 1, reason: 'Cancelled' })
    await door.send(
      'PATCH',
      door.path('queueactions', name, 'status'),
      { status: { observedGeneration: 1, phase: 'Completed' } },
      { contentType: 'application/merge-patch+json' },
    )
    expect(await cancelling).toEqual({ action: name, done: true })
    expect(await errorOf(job.result())).toBeInstanceOf(JobCancelledError)
  })

  /** The API server may answer 429 while it opens the storage of a kind for the first time. */
  async function theActionOn(job: string): Promise<Json> {
    return vi.waitUntil(
      async () => {
        const { body } = await door.send('GET', door.path('queueactions'))
        const items = (body.items ?? []) as Json[]
        return items.find(({ spec }) => JSON.stringify(spec).includes(job))
      },
      { timeout: 20_000 },
    )
  }
})
