// The client on a cluster in memory and a clock that moves when told: submit, wait, watch, list.

import { getEventListeners } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Client } from '../../../src/client/client.ts'
import {
  InvalidJobError,
  JobCancelledError,
  JobDeletedError,
  JobExistsError,
  JobFailedError,
  JobNotFoundError,
  SubmissionUnknownError,
  WaitTimeoutError,
} from '../../../src/client/errors.ts'
import type { GopherQueue } from '../../../src/client/surface.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { aJob, aQueue, uid } from '../../builders.ts'
import { errorOf, sendEmail } from './builders.ts'
import { FakeActions, FakeCluster, silence, someone } from './fake-cluster.ts'
import { FakeEvidence } from './fake-evidence.ts'

const input = { to: 'a@example.com' }

let cluster: FakeCluster
let actions: FakeActions
let evidence: FakeEvidence
let clock: VirtualClock
let gq: GopherQueue
let released: number

beforeEach(() => {
  cluster = new FakeCluster()
  actions = new FakeActions()
  evidence = new FakeEvidence()
  clock = new VirtualClock()
  released = 0
  gq = new Client({
    store: cluster,
    feed: cluster,
    actions,
    evidence,
    identity: someone,
    clock,
    random: new SeededRandom(5),
    namespace: 'shop',
    release: async () => {
      released++
    },
  })
})

const settle = () => clock.advanceAsync(0)

/** How a promise ended, once time has passed. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const outcome = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  await clock.advanceAsync(ms)
  const ended = await Promise.race([outcome, new Promise<null>((r) => setImmediate(() => r(null)))])
  if (ended === null) throw new Error(`not settled after ${ms} ms`)
  if ('error' in ended) throw ended.error
  return ended.value
}

describe('submit', () => {
  it('gives a handle with uid, name, namespace and phase', async () => {
    const job = await gq.submit(sendEmail, input)
    expect(job).toMatchObject({
      uid: 'uid-1',
      namespace: 'shop',
      phase: 'Pending',
      type: 'email.send',
      queue: 'default',
      priority: 'Normal',
    })
    expect(job.name).toMatch(/^email-send-[a-z0-9]{10}$/)
  })

  it('takes a name and a namespace', async () => {
    const job = await gq.submit(sendEmail, input, { name: 'order-7', namespace: 'other' })
    expect([job.namespace, job.name]).toEqual(['other', 'order-7'])
  })

  it('refuses an input that does not fit without a request', async () => {
    const wrong = { to: 'nobody' }
    expect(await errorOf(() => gq.submit(sendEmail, wrong))).toBeInstanceOf(InvalidJobError)
    expect(cluster.counts.creates).toBe(0)
  })

  it('makes one job when the answer is lost, with a name of its own and with a chosen one', async () => {
    for (const options of [{}, { name: 'order-7' }]) {
      cluster.fates.push('lose-answer')
      const job = await within(1_000, gq.submit(sendEmail, input, options))
      expect(cluster.jobs.filter(({ uid }) => uid === job.uid)).toHaveLength(1)
    }
    expect(cluster.jobs).toHaveLength(2)
  })

  it('says that a chosen name is taken, and by what to look', async () => {
    cluster.put({ namespace: 'shop', name: 'order-7' })
    const error = await errorOf(() => gq.submit(sendEmail, input, { name: 'order-7' }))
    expect(error).toBeInstanceOf(JobExistsError)
    expect(error).toMatchObject({
      code: 'AlreadyExists',
      job: { namespace: 'shop', name: 'order-7' },
      help: expect.stringContaining('kubectl -n shop get qj order-7'),
    })
  })

  it('says under which name to try again when nothing is known', async () => {
    cluster.create = async () => {
      throw silence()
    }
    const error = await errorOf(() =>
      within(70_000, gq.submit(sendEmail, input, { timeoutMs: 5_000 })),
    )
    expect(error).toBeInstanceOf(SubmissionUnknownError)
    const { job, help, cause } = error as SubmissionUnknownError
    expect(help).toContain(`name: "${job.name}"`)
    expect(cause).toMatchObject({ code: 'Lost' })
  })

  it('does not create a job with a short life twice', async () => {
    const create = cluster.create.bind(cluster)
    cluster.create = async (job) => {
      await create(job)
      cluster.remove(job)
      throw silence()
    }
    const submitting = gq.submit(sendEmail, input, { ttlSecondsAfterFinished: 0 })
    expect(await errorOf(() => within(70_000, submitting))).toBeInstanceOf(SubmissionUnknownError)
    expect(cluster.counts.creates).toBe(1)
  })
})

describe('a result', () => {
  it('is typed and comes as soon as the job has succeeded', async () => {
    const job = await gq.submit(sendEmail, input)
    const result = job.result()
    await settle()
    cluster.put(job, { phase: 'Running' })
    cluster.put(job, { phase: 'Completed', result: { id: 'm-1' } })
    const { id }: { id: string } = await result
    expect(id).toBe('m-1')
    expect(job.phase).toBe('Completed')
    await settle()
    expect(cluster.openWatches).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('that is known already costs no request', async () => {
    cluster.put({ namespace: 'shop', name: 'a' }, { phase: 'Completed', result: { id: 'm-1' } })
    const job = await gq.get('a', { as: sendEmail })
    expect(await job.result()).toEqual({ id: 'm-1' })
    expect(cluster.counts).toMatchObject({ gets: 1, looks: 0, watches: 0 })
  })

  it.each([
    ['Failed', JobFailedError],
    ['DeadLettered', JobFailedError],
    ['Cancelled', JobCancelledError],
  ])('of a job that ends %s is an error', async (phase, kind) => {
    const job = await gq.submit(sendEmail, input)
    const result = job.result()
    await settle()
    cluster.put(job, { phase, attempts: 2 })
    const error = await errorOf(() => result)
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ attempts: 2, job: { uid: job.uid, name: job.name } })
  })

  it('of a job that is deleted while it waits is JobDeletedError', async () => {
    const job = await gq.submit(sendEmail, input)
    const result = job.result()
    await settle()
    cluster.remove(job)
    const error = await errorOf(() => result)
    expect(error).toBeInstanceOf(JobDeletedError)
    expect(error).toMatchObject({ code: 'Deleted' })
  })

  it('is kept when retention deletes the job in the same moment', async () => {
    const job = await gq.submit(sendEmail, input)
    const result = job.result()
    await settle()
    cluster.lagging = true
    cluster.put(job, { phase: 'Completed', result: { id: 'm-1' } })
    cluster.remove(job)
    cluster.flush()
    expect(await result).toEqual({ id: 'm-1' })
  })

  it('is waited for no longer than was said, and the job goes on', async () => {
    const job = await gq.submit(sendEmail, input)
    const result = job.result({ timeoutMs: 60_000 })
    const error = await errorOf(() => within(60_000, result))
    expect(error).toBeInstanceOf(WaitTimeoutError)
    expect(error).toMatchObject({ code: 'WaitTimeout', phase: 'Pending' })
    expect(cluster.openWatches).toBe(0)
    cluster.put(job, { phase: 'Completed', result: { id: 'm-1' } })
    const again = await gq.get(job.name, { as: sendEmail })
    expect(await again.result()).toEqual({ id: 'm-1' })
  })

  it('is not waited for when there is no time, but told when it is known', async () => {
    const job = await gq.submit(sendEmail, input)
    expect(await errorOf(() => within(0, job.result({ timeoutMs: 0 })))).toBeInstanceOf(
      WaitTimeoutError,
    )
  })

  it('is given up with the reason of the signal', async () => {
    const job = await gq.submit(sendEmail, input)
    const aborter = new AbortController()
    const result = job.result({ signal: aborter.signal })
    await settle()
    aborter.abort(new Error('the request was closed'))
    expect(await errorOf(() => result)).toMatchObject({ message: 'the request was closed' })
    await settle()
    expect(cluster.openWatches).toBe(0)
    expect(await errorOf(() => job.result({ signal: aborter.signal }))).toMatchObject({
      message: 'the request was closed',
    })
  })

  it('of a duplicate is the one of the job that holds the key', async () => {
    const first = await gq.submit(sendEmail, input, { name: 'first' })
    const second = await gq.submit(sendEmail, input, { name: 'second' })
    const result = second.result()
    await settle()
    const duplicateOf = { name: first.name, uid: first.uid }
    cluster.put(second, { phase: 'Completed', reason: 'Duplicate', duplicateOf })
    await settle()
    cluster.put(first, { phase: 'Completed', result: { id: 'm-1' } })
    expect(await result).toEqual({ id: 'm-1' })
    expect(second.phase).toBe('Completed')
  })

  it('of a duplicate whose first job is gone is JobDeletedError about that one', async () => {
    const job = await gq.submit(sendEmail, input)
    const result = job.result()
    await settle()
    const duplicateOf = { name: 'first', uid: 'uid-0' }
    cluster.put(job, { phase: 'Completed', reason: 'Duplicate', duplicateOf })
    const error = await errorOf(() => result)
    expect(error).toBeInstanceOf(JobDeletedError)
    expect(error).toMatchObject({ job: { name: 'first', uid: 'uid-0' } })
  })

  it('of jobs that point to each other ends', async () => {
    const [a, b] = [
      { namespace: 'shop', name: 'a' },
      { namespace: 'shop', name: 'b' },
    ]
    const uidOf = new Map([a, b].map((key) => [key, cluster.put(key).uid]))
    const to = (key: typeof a) => ({ name: key.name, uid: uidOf.get(key) ?? '' })
    cluster.put(a, { phase: 'Completed', duplicateOf: to(b) })
    cluster.put(b, { phase: 'Completed', duplicateOf: to(a) })
    const job = await gq.get('a')
    expect(await errorOf(() => job.result())).toMatchObject({ code: 'Duplicate' })
  })
})

describe('one signal for everything a program does', () => {
  it('is listened to once, and ends all of it', async () => {
    const aborter = new AbortController()
    const { signal } = aborter
    const jobs = await Promise.all(
      Array.from({ length: 50 }, () => gq.submit(sendEmail, input, { signal })),
    )
    const ends = jobs.map((job) => errorOf(() => job.result({ signal })))
    cluster.fates.push(...Array.from({ length: 50 }, () => 'busy' as const))
    const late = Array.from({ length: 50 }, () =>
      errorOf(() => gq.submit(sendEmail, input, { signal })),
    )
    await settle()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    aborter.abort('enough')
    await settle()
    expect(await Promise.all([...ends, ...late])).toEqual(Array(100).fill('enough'))
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('a status', () => {
  it('is read now and kept as the phase of the handle', async () => {
    const job = await gq.submit(sendEmail, input)
    const finishedMs = Date.UTC(2026, 0, 2)
    cluster.put(job, { phase: 'Completed', reason: 'Completed', finishedMs, result: { id: 'x' } })
    expect(job.phase).toBe('Pending')
    expect(await job.status()).toEqual({
      phase: 'Completed',
      reason: 'Completed',
      message: '',
      attempts: 0,
      progress: null,
      worker: '',
      startedAt: null,
      finishedAt: new Date(finishedMs),
      nextAttemptAt: null,
      error: null,
      result: { id: 'x' },
    })
    expect(job.phase).toBe('Completed')
  })

  it('of a job that was deleted, or created again under the name, is JobDeletedError', async () => {
    const job = await gq.submit(sendEmail, input)
    cluster.remove(job)
    expect(await errorOf(() => job.status())).toBeInstanceOf(JobDeletedError)
    cluster.put({ namespace: job.namespace, name: job.name })
    expect(await errorOf(() => job.status())).toBeInstanceOf(JobDeletedError)
    expect(await errorOf(() => job.watch().next())).toBeInstanceOf(JobDeletedError)
  })
})

describe('a watch of one job', () => {
  it('tells each phase once, the first at once, and ends with the job', async () => {
    const job = await gq.submit(sendEmail, input)
    const seen: string[] = []
    const reading = (async () => {
      for await (const { phase, attempts } of job.watch()) seen.push(`${phase} ${attempts}`)
    })()
    await settle()
    cluster.put(job, { phase: 'Running', attempts: 1 })
    cluster.put(job, { phase: 'Running', attempts: 1 })
    cluster.put(job, { phase: 'Retrying', attempts: 1 })
    cluster.put(job, { phase: 'Running', attempts: 2 })
    cluster.put(job, { phase: 'Completed', attempts: 2 })
    await reading
    expect(seen).toEqual(['Pending 0', 'Running 1', 'Retrying 1', 'Running 2', 'Completed 2'])
    expect(job.phase).toBe('Completed')
    await settle()
    expect(cluster.openWatches).toBe(0)
  })

  it('tells progress, too', async () => {
    const job = await gq.submit(sendEmail, input)
    const watch = job.watch()
    await watch.next()
    const next = watch.next()
    await settle()
    cluster.put(job, { progress: { percent: 40, message: 'half way' } })
    expect((await next).value).toMatchObject({ progress: { percent: 40 } })
    await watch.return()
  })

  it('closes its watch when the reader leaves, and opens none before the first read', async () => {
    const job = await gq.submit(sendEmail, input)
    const unread = job.watch()
    expect(cluster.counts.watches).toBe(0)
    for await (const { phase } of job.watch()) if (phase === 'Pending') break
    await settle()
    expect(cluster.openWatches).toBe(0)
    await unread.return()
  })

  it('ends with an error when the job is deleted, and with the reason of the signal', async () => {
    const job = await gq.submit(sendEmail, input)
    const aborter = new AbortController()
    const [a, b] = [job.watch(), job.watch({ signal: aborter.signal })]
    await a.next()
    await b.next()
    const ends = [a.next(), b.next()].map((next) => errorOf(() => next))
    await settle()
    aborter.abort('enough')
    cluster.remove(job)
    expect(await Promise.all(ends)).toEqual([expect.any(JobDeletedError), 'enough'])
  })

  it('of a job that has ended tells its end and is over', async () => {
    cluster.put({ namespace: 'shop', name: 'a' }, { phase: 'Failed' })
    const job = await gq.get('a')
    const seen: string[] = []
    for await (const { phase } of job.watch()) seen.push(phase)
    expect(seen).toEqual(['Failed'])
    expect(cluster.counts.watches).toBe(0)
  })

  it('goes on with a phase that it does not know', async () => {
    const job = await gq.submit(sendEmail, input)
    const watch = job.watch()
    await watch.next()
    const next = watch.next()
    await settle()
    cluster.put(job, { phase: 'Hibernating' })
    expect((await next).value).toMatchObject({ phase: 'Hibernating' })
    await watch.return()
  })
})

describe('get', () => {
  it('gives a handle, typed by a definition', async () => {
    cluster.put({ namespace: 'shop', name: 'a' }, { phase: 'Completed', result: { id: 'm-1' } })
    const job = await gq.get('a', { as: sendEmail })
    const { id }: { id: string } = await job.result()
    expect(id).toBe('m-1')
    const untyped = await gq.get('a')
    expect(await untyped.result()).toEqual({ id: 'm-1' })
  })

  it('of a job of another type is refused', async () => {
    cluster.put({ namespace: 'shop', name: 'a' })
    const other = defineJob({ type: 'other', version: '1', input: z.void(), output: z.void() })
    expect(await errorOf(() => gq.get('a', { as: other }))).toMatchObject({
      code: 'WrongType',
      message: 'job shop/a is of type "email.send", not "other"',
    })
  })

  it('of no job says where it looked', async () => {
    const error = await errorOf(() => gq.get('a', { namespace: 'other' }))
    expect(error).toBeInstanceOf(JobNotFoundError)
    expect(error).toMatchObject({
      code: 'TargetNotFound',
      job: { namespace: 'other', name: 'a' },
      message: 'there is no QueueJob a in namespace other',
    })
  })
})

describe('list', () => {
  it('gives handles of what matches', async () => {
    const fields = { queue: 'mail', type: 'email.send' }
    cluster.put({ namespace: 'shop', name: 'b' }, { phase: 'Failed' }, fields)
    cluster.put({ namespace: 'shop', name: 'a' }, { phase: 'Failed' }, fields)
    cluster.put({ namespace: 'shop', name: 'c' }, { phase: 'Failed' }, { queue: 'other' })
    cluster.put({ namespace: 'shop', name: 'd' }, { phase: 'Running' }, fields)
    cluster.put({ namespace: 'other', name: 'e' }, { phase: 'Failed' }, fields)
    const names: string[] = []
    for await (const job of gq.list({ queue: 'mail', type: 'email.send', phase: 'Failed' })) {
      names.push(job.name)
    }
    expect(names).toEqual(['a', 'b'])
  })
})

describe('a connection that is closed', () => {
  it('ends every wait, gives connections back once, and takes nothing more', async () => {
    const job = await gq.submit(sendEmail, input)
    const result = job.result()
    const watch = job.watch()
    await watch.next()
    const next = watch.next()
    await settle()
    await gq.close()
    await gq[Symbol.asyncDispose]()
    const closed = { code: 'Closed' }
    expect(await errorOf(() => result)).toMatchObject(closed)
    expect(await errorOf(() => next)).toMatchObject(closed)
    expect(await errorOf(() => gq.submit(sendEmail, input))).toMatchObject(closed)
    expect(await errorOf(() => gq.get('a'))).toMatchObject(closed)
    expect(await errorOf(() => gq.list().next())).toMatchObject(closed)
    expect(await errorOf(() => job.result())).toMatchObject(closed)
    expect(released).toBe(1)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('an explanation', () => {
  const key = { namespace: 'shop', name: 'email-1' }
  const aWaiting = (id: number) => aJob({ ...key, uid: uid(id), spec: { delaySeconds: 90 } })

  it('tells why the job waits, and when that ends', async () => {
    cluster.put(key, {}, { uid: uid(1) })
    evidence.jobs.push({ ...aWaiting(1), creationMs: clock.now() })
    const job = await gq.get('email-1', { namespace: 'shop' })
    expect(await job.explain()).toMatchObject({ phase: 'Blocked', reason: 'QueueNotFound' })
    evidence.queues.push(aQueue({ namespace: 'shop' }))
    expect(await job.explain()).toMatchObject({
      phase: 'Delayed',
      reason: 'Delayed',
      until: new Date(clock.now() + 90_000),
    })
  })

  it('of a job that was deleted, or made again under its name, says so', async () => {
    cluster.put(key, {}, { uid: uid(1) })
    const job = await gq.get('email-1', { namespace: 'shop' })
    expect(await errorOf(() => job.explain())).toBeInstanceOf(JobDeletedError)
    evidence.jobs.push(aWaiting(2))
    expect(await errorOf(() => job.explain())).toBeInstanceOf(JobDeletedError)
  })
})
