// Which limit of a queue holds all of it, and that what is told there is not told on its jobs.

import { describe, expect, it } from 'vitest'
import type { QueueSpecInput } from '../../../src/api/queue.ts'
import { type LimitFacts, limitHold, ON_QUEUE } from '../../../src/core/queue-hold.ts'
import { policyOf } from '../../../src/core/queue-policy.ts'
import { aQueue, NOON } from '../../builders.ts'

const policy = (spec: QueueSpecInput) => policyOf(aQueue({ spec }))

function facts(given: Partial<LimitFacts> = {}): LimitFacts {
  return {
    queue: 'outbox',
    policy: policyOf(null),
    running: 5,
    rateReadyAt: 0,
    waiting: 42,
    now: NOON,
    ...given,
  }
}

describe('a queue', () => {
  it('without a limit is held by none', () => {
    expect(limitHold(facts())).toBeNull()
  })

  it('that runs as many as it may is held by its concurrency', () => {
    const held = limitHold(facts({ policy: policy({ concurrency: { max: 5 } }) }))
    expect(held).toEqual({
      reason: 'ConcurrencyLimit',
      message: 'queue outbox runs 5 jobs, its concurrency.max is 5; jobs that wait: 42',
    })
    expect(limitHold(facts({ policy: policy({ concurrency: { max: 6 } }) }))).toBeNull()
  })

  it('without a token is held by its rate until there is one', () => {
    const limited = policy({ rateLimit: { count: 10, perSeconds: 60 } })
    const held = limitHold(facts({ policy: limited, rateReadyAt: NOON + 3_000 }))
    expect(held).toEqual({
      reason: 'RateLimited',
      message:
        'queue outbox starts at most 10 jobs per 60 seconds, the next one at 2026-05-01T12:00:03Z; jobs that wait: 42',
    })
    expect(limitHold(facts({ policy: limited, rateReadyAt: NOON }))).toBeNull()
  })

  it('tells what its jobs are not told', () => {
    for (const reason of ['ConcurrencyLimit', 'RateLimited'] as const) {
      expect(ON_QUEUE.has(reason)).toBe(true)
    }
  })
})
