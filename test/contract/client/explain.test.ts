// Why a job waits, from the objects of the genuine API server alone: no operator runs here. Where an
// operator would have written something, the test writes it.

import { beforeAll, describe, expect, inject, it } from 'vitest'
import { z } from 'zod'
import { explain } from '../../../src/client/explain.ts'
import type { GopherQueue } from '../../../src/client/surface.ts'
import { rfc3339 } from '../../../src/core/clock.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { connect } from '../../../src/main/client.ts'
import { api, create, type Json, patch } from '../api/door.ts'
import { openPlace, type Place } from './place.ts'

const namespace = 'client-explain'
const noop = defineJob({ type: 'noop', version: '1', input: z.void(), output: z.unknown() })

let place: Place
let gq: GopherQueue
beforeAll(async () => {
  place = await openPlace(namespace)
  gq = await connect({ kubeconfig: inject('servers').kubeconfig, namespace })
  return () => gq.close()
})

async function aQueue(name: string, spec: Json = {}, status?: Json): Promise<string> {
  await create(place.door, 'queues', api('Queue', spec, { name }))
  if (!status) return name
  const change = { status: { observedGeneration: 1, ...status } }
  const answer = await patch(place.door, 'queues', name, change, 'status')
  expect(answer.code, answer.message).toBe(200)
  return name
}

/** One worker for these jobs, all of its slots taken. */
const BUSY = { workers: 1, slots: 5, freeSlots: 0, types: ['noop'], startsPerMinute: 30 }

describe('a job that waits, with no operator', () => {
  it('for nothing that is known says so, and where to look', async () => {
    const job = await gq.submit(noop, undefined)
    const said = await job.explain()
    expect(said).toMatchObject({ phase: 'Pending', reason: 'Pending', until: null })
    expect(said.advice).toContain('see whether an operator runs')
  })

  it('for a queue that does not exist', async () => {
    const job = await gq.submit(noop, undefined, { queue: 'nowhere' })
    expect(await job.explain()).toMatchObject({
      reason: 'QueueNotFound',
      message: `there is no Queue nowhere in namespace ${namespace}`,
    })
  })

  it('for a queue that is paused by its spec', async () => {
    const job = await gq.submit(noop, undefined, {
      queue: await aQueue('paused', { paused: true }),
    })
    const said = await job.explain()
    expect(said).toMatchObject({ phase: 'Blocked', reason: 'QueuePaused' })
    expect(said.advice).toContain(`patch gq paused --type=merge -p '{"spec":{"paused":null}}'`)
  })

  it('for a time, with that time', async () => {
    const startAfter = new Date(Date.now() + 3_600_000)
    const job = await gq.submit(noop, undefined, { startAfter })
    const seconds = Math.floor(startAfter.getTime() / 1000) * 1000
    const { reason, until } = await job.explain()
    expect(reason).toBe('Delayed')
    expect(Math.floor((until?.getTime() ?? 0) / 1000) * 1000).toBe(seconds)
  })

  it('for another job, and for one that is not there', async () => {
    const first = await gq.submit(noop, undefined)
    const queue = await aQueue('chained')
    const job = await gq.submit(noop, undefined, { queue, dependsOn: [first.name, 'not-there'] })
    expect((await job.explain()).message).toBe(
      `waits for job ${first.name}, which is Pending; dependencies not met: 2`,
    )
    await place.operator.write(first, { phase: 'Completed', epoch: 1 })
    expect((await job.explain()).message).toBe(
      'waits for job not-there, which is not there; dependencies not met: 1',
    )
  })

  it('for a worker, as the Queue last said', async () => {
    const queue = await aQueue('idle', {}, { workers: 0 })
    const job = await gq.submit(noop, undefined, { queue })
    expect((await job.explain()).reason).toBe('NoWorkers')
  })

  it('in a line, with its place and an estimate', async () => {
    const queue = await aQueue('busy', {}, BUSY)
    const jobs = []
    for (let n = 0; n < 4; n++) jobs.push(await gq.submit(noop, undefined, { queue }))
    expect((await jobs[3]?.explain())?.message).toBe(
      'all 5 slots of the workers of queue busy are busy; 3 jobs are ahead of it; at 30 starts per minute it starts in about 8 s',
    )
  })

  it('for the limit of its queue and for its key, with who holds them', async () => {
    const queue = await aQueue('limited', { concurrency: { max: 2, perKey: 1 } })
    const options = { queue, concurrencyKey: 'seven' }
    const running = await gq.submit(noop, undefined, options)
    await place.operator.write(running, { phase: 'Running', epoch: 1, attempt: 1 })
    const keyed = await gq.submit(noop, undefined, options)
    expect((await keyed.explain()).message).toBe(
      `concurrency key seven is held by ${running.name}; queue limited allows 1 at once; jobs with the key ahead of this one: 0`,
    )
    const other = await gq.submit(noop, undefined, { queue })
    await place.operator.write(other, { phase: 'Running', epoch: 1, attempt: 1 })
    const last = await gq.submit(noop, undefined, { queue })
    expect(await last.explain()).toMatchObject({ phase: 'Blocked', reason: 'ConcurrencyLimit' })
  })

  it('for a token of its queue’s rate, from the starts of ended jobs', async () => {
    const queue = await aQueue('rated', { rateLimit: { count: 1, perSeconds: 3600 } })
    const ended = await gq.submit(noop, undefined, { queue })
    const startTime = rfc3339(Date.now())
    await place.operator.write(ended, { phase: 'Completed', epoch: 1, attempt: 1, startTime })
    const job = await gq.submit(noop, undefined, { queue })
    const { reason, until } = await job.explain()
    expect(reason).toBe('RateLimited')
    expect(until?.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
  })
})

it('a job that has ended tells how, and what to do next', async () => {
  const job = await gq.submit(noop, undefined)
  const message = 'attempt 1 failed for good with BadAddress: no such street'
  await place.operator.write(job, {
    phase: 'Failed',
    epoch: 1,
    reason: 'PermanentFailure',
    message,
  })
  expect(await job.explain()).toEqual({
    phase: 'Failed',
    reason: 'PermanentFailure',
    message,
    advice: `to run it again when the cause is gone: gq replay ${job.name} -n ${namespace}`,
    until: null,
  })
})

it('a job that is not there is not explained', async () => {
  const key = { namespace, name: 'not-there' }
  expect(await explain(place.evidence, key, () => Date.now())).toBeNull()
})

describe('the other jobs of a queue', () => {
  it('are read without those that have ended, unless asked for, and not more than asked for', async () => {
    const queue = await aQueue('counted')
    const jobs = []
    for (let n = 0; n < 3; n++) jobs.push(await gq.submit(noop, undefined, { queue }))
    const phases = ['Completed', 'Failed', 'DeadLettered', 'Cancelled'] as const
    for (const phase of phases) {
      const job = await gq.submit(noop, undefined, { queue })
      await place.operator.write(job, { phase, epoch: 1 })
    }
    await gq.submit(noop, undefined)
    const read = async (ended: boolean, most: number) => {
      const found = await place.evidence.jobsOf({ namespace, name: queue }, { ended, most })
      return [found.jobs.length, found.more]
    }
    expect(await read(false, 10)).toEqual([3, false])
    expect(await read(false, 3)).toEqual([3, false])
    expect(await read(true, 10)).toEqual([7, false])
    expect(await read(true, 6)).toEqual([6, true])
  })
})
