// What the objects say of a wait where the operator wrote something that nobody else knows, and what is
// said where nothing stands. That the reasons are those of the operator: `why-agrees.test.ts`.

import { describe, expect, it } from 'vitest'
import type { Condition } from '../../../src/api/fields.ts'
import type { QueueStatus } from '../../../src/api/queue.ts'
import { MAX_TYPES } from '../../../src/api/queue.ts'
import { sentence } from '../../../src/api/reasons.ts'
import type { SeenObjects, SeenQueue } from '../../../src/core/seen.ts'
import { asksForOthers, explainFromObjects } from '../../../src/core/why-objects.ts'
import { aJob, aQueue, NOON, uid } from '../../builders.ts'

function seen(given: Partial<SeenObjects> = {}): SeenObjects {
  return {
    job: aJob(),
    queue: aQueue(),
    dependencies: new Map(),
    others: [],
    more: false,
    now: NOON,
    ...given,
  }
}

const why = (given: Partial<SeenObjects>) => explainFromObjects(seen(given))
const queueSaying = (status: Partial<QueueStatus>): SeenQueue =>
  aQueue({ status: { observedGeneration: 1, ...status } })
const condition = (type: string, reason: string, message: string, status = 'True') =>
  ({ type, reason, message, status, lastTransitionTime: '2026-05-01T12:00:00Z' }) as Condition

describe('a Queue that no operator has looked at', () => {
  it('says nothing about workers, so they are no reason', () => {
    expect(why({})).toMatchObject({ phase: 'Pending', reason: 'Pending' })
  })

  it('is what Queue default is when it does not exist', () => {
    expect(why({ job: aJob({ spec: { queue: 'default' } }), queue: null }).reason).toBe('Pending')
  })

  it('is missing when it is any other, and an error a minute after the job came', () => {
    expect(why({ queue: null })).toMatchObject({ reason: 'QueueNotFound', until: NOON + 60_000 })
    expect(why({ queue: null, now: NOON + 60_000 }).until).toBe(0)
  })
})

describe('what the Queue says of its workers', () => {
  const types = ['email.send', 'report']

  it.each([
    ['NoWorkers', { workers: 0 }, {}],
    ['UnknownType', { workers: 1, slots: 5, freeSlots: 5, types }, { type: 'email.sned' }],
    ['NoFreeSlots', { workers: 1, slots: 5, freeSlots: 0, types }, {}],
    ['Pending', { workers: 1, slots: 5, freeSlots: 1, types }, {}],
    // Versions are not listed.
    ['Pending', { workers: 1, slots: 5, freeSlots: 1, types }, { handlerVersion: '7' }],
  ] as const)('is %s for %j', (reason, status, spec) => {
    expect(why({ queue: queueSaying(status), job: aJob({ spec }) }).reason).toBe(reason)
  })

  it('is no proof that a type is missing when not all types are listed', () => {
    const many = Array.from({ length: MAX_TYPES }, (_, n) => `type-${n}`)
    const status = { workers: 9, slots: 9, freeSlots: 9, types: many }
    expect(why({ queue: queueSaying(status) }).reason).toBe('Pending')
  })
})

describe('what only the operator knows', () => {
  it.each([
    [
      'DispatchPaused',
      condition('DispatchUnavailable', 'DispatchPaused', sentence('DispatchPaused', {})),
    ],
    [
      'DispatchUnavailable',
      condition(
        'DispatchUnavailable',
        'DispatchUnavailable',
        sentence('DispatchUnavailable', { cause: 'connection refused' }),
      ),
    ],
  ])('is %s when the Queue says so, in the same words', (reason, said) => {
    const explained = why({ queue: queueSaying({ conditions: [said] }) })
    expect(explained).toMatchObject({ reason, message: said.message })
  })

  it('is over when the condition is', () => {
    const said = condition('DispatchUnavailable', 'DispatchPaused', '', 'False')
    expect(why({ queue: queueSaying({ conditions: [said] }) }).reason).toBe('Pending')
  })

  it('is that it does not serve the queue', () => {
    const fields = 'spec.breaker'
    const message = `${sentence('NotYetSupported', { fields, version: '0.3.0' })}; delete it`
    const queue = aQueue({
      spec: { breaker: { crashPercent: 50 } },
      status: {
        observedGeneration: 1,
        conditions: [condition('Ready', 'NotYetSupported', message, 'False')],
      },
    })
    expect(why({ queue }).message).toBe(
      'queue outbox uses spec.breaker, which this release of the operator (0.3.0) does not serve; its jobs are held',
    )
  })

  it('is that the cluster is full, when the job was told so', () => {
    const told = sentence('ClusterFull', { objects: 100_001, limit: 100_000 })
    const message = `${told}; delete finished jobs, or whatever is advised`
    const job = aJob({ status: { phase: 'Blocked', reason: 'ClusterFull', message } })
    expect(why({ job })).toMatchObject({ reason: 'ClusterFull', message: told })
  })
})

describe('a dependency', () => {
  const job = aJob({ spec: { dependsOn: [{ name: 'a' }, { name: 'b', when: 'Finished' }] } })
  const having = (a: 'Completed' | 'Failed', b: 'Completed' | 'Failed') =>
    new Map([
      ['a', aJob({ name: 'a', uid: uid(2), status: { phase: a } })],
      ['b', aJob({ name: 'b', uid: uid(3), status: { phase: b } })],
    ])

  it('that ended as it should holds nothing', () => {
    expect(why({ job, dependencies: having('Completed', 'Failed') }).reason).toBe('Pending')
  })

  it('that failed holds the job until an operator ends it', () => {
    expect(why({ job, dependencies: having('Failed', 'Failed') }).message).toBe(
      'waits for job a, which is Failed; dependencies not met: 1',
    )
  })

  it('is not asked for by a job that has started once', () => {
    const again = aJob({ spec: job.spec, status: { phase: 'Scheduled', attempt: 1 } })
    expect(why({ job: again }).reason).toBe('Pending')
  })
})

describe('the other jobs of the queue', () => {
  it.each([
    ['the job is suspended', { job: aJob({ spec: { suspend: true } }) }, false],
    ['the queue has no limit and says nothing of slots', {}, false],
    ['the queue has a limit', { queue: aQueue({ spec: { concurrency: { max: 1 } } }) }, true],
    ['all slots are taken', { queue: queueSaying({ workers: 1, types: ['email.send'] }) }, true],
    ['the job runs', { job: aJob({ status: { phase: 'Running' } }) }, false],
  ] as const)('when %s: are they needed? %#', (_, given, want) => {
    expect(asksForOthers(seen(given))).toBe(want)
  })

  it('do not hold a job for the depth of a queue that was read in part', () => {
    const queue = aQueue({ spec: { maxDepth: 1 } })
    const others = [aJob({ uid: uid(9), name: 'first', creationMs: NOON - 1000 })]
    expect(why({ queue, others }).reason).toBe('QueueFull')
    expect(why({ queue, others, more: true }).reason).toBe('Pending')
  })
})
