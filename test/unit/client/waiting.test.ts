// How a wait ends, with a watch that says exactly what the test wants.

import { describe, expect, it } from 'vitest'
import { JobDeletedError, WaitTimeoutError } from '../../../src/client/errors.ts'
import type { Subscriber } from '../../../src/client/follower.ts'
import { throughPhases, untilEnded } from '../../../src/client/waiting.ts'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { errorOf, jobWith } from './builders.ts'

function setup() {
  const clock = new VirtualClock()
  const subscribers = new Set<Subscriber>()
  const feeds = {
    subscribe: (subscriber: Subscriber) => {
      subscribers.add(subscriber)
      return () => {
        subscribers.delete(subscriber)
      }
    },
  }
  const tell = (say: (subscriber: Subscriber) => void) => [...subscribers].forEach(say)
  return { clock, feeds, subscribers, tell }
}

const job = jobWith({ phase: 'Running', attempts: 1 })
const never = new AbortController().signal
const forever = Number.POSITIVE_INFINITY

describe('a wait for the end', () => {
  it('ends with the last state of a job that was deleted after its end', async () => {
    const { clock, feeds, subscribers, tell } = setup()
    const waiting = untilEnded(feeds, job, { clock, timeoutMs: forever, signal: never })
    const ended = jobWith({ phase: 'Completed', result: { id: 'm-1' } })
    tell((subscriber) => subscriber.gone(ended))
    expect(await waiting).toBe(ended)
    expect(subscribers.size).toBe(0)
  })

  it('knows how often a deleted job was started', async () => {
    const { clock, feeds, tell } = setup()
    const waiting = untilEnded(feeds, job, { clock, timeoutMs: forever, signal: never })
    tell((subscriber) => subscriber.changed(jobWith({ phase: 'Retrying', attempts: 2 })))
    tell((subscriber) => subscriber.gone(null))
    const error = await errorOf(() => waiting)
    expect(error).toBeInstanceOf(JobDeletedError)
    expect(error).toMatchObject({ attempts: 2 })
  })

  it('that times out knows where the job stood last', async () => {
    const { clock, feeds, subscribers, tell } = setup()
    const waiting = untilEnded(feeds, job, { clock, timeoutMs: 1_000, signal: never })
    tell((subscriber) => subscriber.changed(jobWith({ phase: 'Retrying', attempts: 2 })))
    clock.advance(1_000)
    const error = await errorOf(() => waiting)
    expect(error).toBeInstanceOf(WaitTimeoutError)
    expect(error).toMatchObject({ phase: 'Retrying', attempts: 2 })
    expect(subscribers.size).toBe(0)
  })

  it('ends with what the watch failed of', async () => {
    const { clock, feeds, tell } = setup()
    const waiting = untilEnded(feeds, job, { clock, timeoutMs: 60_000, signal: never })
    const failure = new GopherQueueError('Forbidden', 'not you')
    tell((subscriber) => subscriber.failed(failure))
    expect(await errorOf(() => waiting)).toBe(failure)
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('a walk through the phases', () => {
  it('ends with the last state of a job that was deleted after its end', async () => {
    const { feeds, subscribers, tell } = setup()
    const walk = throughPhases(feeds, job, never)
    await walk.next()
    const next = walk.next()
    tell((subscriber) => subscriber.gone(jobWith({ phase: 'Failed' })))
    expect((await next).value).toMatchObject({ status: { phase: 'Failed' } })
    expect(await walk.next()).toMatchObject({ done: true })
    expect(subscribers.size).toBe(0)
  })

  it('hands out what was seen before it tells of a failure', async () => {
    const { feeds, tell } = setup()
    const walk = throughPhases(feeds, job, never)
    await walk.next()
    const next = walk.next()
    tell((subscriber) => subscriber.changed(jobWith({ phase: 'Retrying' })))
    tell((subscriber) => subscriber.gone(null))
    expect((await next).value).toMatchObject({ status: { phase: 'Retrying' } })
    expect(await errorOf(() => walk.next())).toBeInstanceOf(JobDeletedError)
  })

  it('keeps the newest thousand states for a slow reader', async () => {
    const { feeds, tell } = setup()
    const walk = throughPhases(feeds, job, never)
    await walk.next()
    const next = walk.next()
    for (let attempts = 1; attempts <= 5_000; attempts++) {
      tell((subscriber) => subscriber.changed(jobWith({ phase: 'Retrying', attempts })))
    }
    tell((subscriber) => subscriber.changed(jobWith({ phase: 'Completed', attempts: 5_000 })))
    const seen = [(await next).value?.status.attempts]
    for await (const { status } of walk) seen.push(status.attempts)
    expect(seen.length).toBeLessThanOrEqual(1_000)
    expect(seen.at(-1)).toBe(5_000)
  })

  it('begins nothing with a signal that is aborted already', async () => {
    const { feeds, subscribers } = setup()
    const walk = throughPhases(feeds, job, AbortSignal.abort('enough'))
    await walk.next()
    expect(await errorOf(() => walk.next())).toBe('enough')
    expect(subscribers.size).toBe(0)
  })
})
