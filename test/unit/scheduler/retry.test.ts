// What a failed attempt leads to.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULT_BACKOFF } from '../../../src/core/backoff.ts'
import type { FailureCategory, RetryPolicy, RuleAction } from '../../../src/core/job.ts'
import { failurePolicy } from '../../../src/scheduler/retry.ts'
import { aFailure } from '../../builders.ts'

const CATEGORIES: readonly FailureCategory[] = ['Temporary', 'Permanent', 'Timeout', 'System']
const MIDDLE = 0.5

function aPolicy(given: Partial<RetryPolicy> = {}): RetryPolicy {
  return { maxAttempts: 3, backoff: DEFAULT_BACKOFF, rules: [], ...given }
}
const on = (category: FailureCategory, action: RuleAction) =>
  ({ match: { by: 'category', category }, action }) as const
const onCode = (code: string, action: RuleAction) =>
  ({ match: { by: 'code', code }, action }) as const

const decide = (
  retry: RetryPolicy,
  attempts: number,
  failure = aFailure(),
  retryAfterMs: number | null = null,
) => failurePolicy.decide(retry, attempts, failure, retryAfterMs, MIDDLE)

describe('without rules', () => {
  it.each(['Temporary', 'Timeout', 'System'] as const)(
    'a %s failure is tried again',
    (category) => {
      expect(decide(aPolicy(), 0, aFailure({ category }))).toEqual({
        kind: 'retry',
        countsAttempt: true,
        delayMs: 1000,
      })
    },
  )

  it('a permanent failure ends the job, whatever is left of its attempts', () => {
    expect(decide(aPolicy(), 0, aFailure({ category: 'Permanent' }))).toEqual({ kind: 'fail' })
  })

  it('the wait doubles with each failure', () => {
    const retry = aPolicy({ maxAttempts: 100 })
    const waits = [0, 1, 2, 3].map((attempts) => decide(retry, attempts))
    expect(waits.map((each) => each.kind === 'retry' && each.delayMs)).toEqual([
      1000, 2000, 4000, 8000,
    ])
  })

  it('the failure that uses up the last attempt makes a dead letter', () => {
    expect(decide(aPolicy({ maxAttempts: 3 }), 1).kind).toBe('retry')
    expect(decide(aPolicy({ maxAttempts: 3 }), 2).kind).toBe('dead-letter')
    expect(decide(aPolicy({ maxAttempts: 1 }), 0).kind).toBe('dead-letter')
  })

  it('a maximum lowered below the attempts used makes a dead letter (U6)', () => {
    expect(decide(aPolicy({ maxAttempts: 2 }), 5).kind).toBe('dead-letter')
  })
})

describe('with rules', () => {
  it('the first that matches wins', () => {
    const retry = aPolicy({
      rules: [onCode('Other', 'Retry'), onCode('SmtpBusy', 'DeadLetter'), on('Temporary', 'Fail')],
    })
    expect(decide(retry, 0).kind).toBe('dead-letter')
    expect(decide(retry, 0, aFailure({ code: 'Unknown' })).kind).toBe('fail')
  })

  it('what matches none follows the built-in ones', () => {
    const retry = aPolicy({ rules: [onCode('Other', 'Ignore')] })
    expect(decide(retry, 0).kind).toBe('retry')
    expect(decide(retry, 0, aFailure({ category: 'Permanent' })).kind).toBe('fail')
  })

  it('a permanent failure can be retried', () => {
    const retry = aPolicy({ rules: [on('Permanent', 'Retry')] })
    expect(decide(retry, 0, aFailure({ category: 'Permanent' })).kind).toBe('retry')
  })

  it('an ignored failure uses no attempt, not even the last one', () => {
    const retry = aPolicy({ maxAttempts: 1, rules: [on('Temporary', 'Ignore')] })
    expect(decide(retry, 0)).toEqual({ kind: 'retry', countsAttempt: false, delayMs: 1000 })
  })

  it('an ignored failure is never repeated at once (L6)', () => {
    const retry = aPolicy({
      backoff: { ...DEFAULT_BACKOFF, initialMs: 0 },
      rules: [on('Temporary', 'Ignore')],
    })
    expect(decide(retry, 0)).toMatchObject({ delayMs: 1000 })
    expect(decide(retry, 0, aFailure(), 0)).toMatchObject({ delayMs: 1000 })
  })

  it('an ignored failure is a dead letter once the maximum was lowered below the attempts (U6)', () => {
    const retry = aPolicy({ maxAttempts: 2, rules: [on('Temporary', 'Ignore')] })
    expect(decide(retry, 2).kind).toBe('dead-letter')
  })
})

describe("the handler's own wait", () => {
  it('replaces the curve', () => {
    expect(decide(aPolicy(), 0, aFailure(), 42_000)).toMatchObject({ delayMs: 42_000 })
  })

  it('is capped by the longest wait of the back-off', () => {
    const retry = aPolicy({ backoff: { ...DEFAULT_BACKOFF, maxMs: 60_000 } })
    expect(decide(retry, 0, aFailure(), 3_600_000)).toMatchObject({ delayMs: 60_000 })
  })

  it('does not save a job from its last attempt', () => {
    expect(decide(aPolicy({ maxAttempts: 1 }), 0, aFailure(), 1000).kind).toBe('dead-letter')
  })
})

describe('whatever the policy', () => {
  const policies = fc.record({
    maxAttempts: fc.integer({ min: 1, max: 100 }),
    backoff: fc.record({
      strategy: fc.constantFrom('Constant', 'Linear', 'Exponential' as const),
      initialMs: fc.integer({ min: 0, max: 86_400_000 }),
      maxMs: fc.integer({ min: 1000, max: 604_800_000 }),
      multiplier: fc.integer({ min: 100, max: 1000 }).map((percent) => percent / 100),
      jitter: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
    }),
    rules: fc.array(
      fc.record({
        match: fc.oneof(
          fc.record({
            by: fc.constant('category' as const),
            category: fc.constantFrom(...CATEGORIES),
          }),
          fc.record({ by: fc.constant('code' as const), code: fc.constantFrom('A', 'B', 'C') }),
        ),
        action: fc.constantFrom('Retry', 'Fail', 'DeadLetter', 'Ignore' as const),
      }),
      { maxLength: 5 },
    ),
  })
  const failures = fc.record({
    category: fc.constantFrom(...CATEGORIES),
    code: fc.constantFrom('A', 'B', 'C', 'D'),
    message: fc.constant(''),
  })
  const waits = fc.option(fc.integer({ min: 0, max: 1e12 }))
  const rolls = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const attempts = fc.integer({ min: 0, max: 100 })

  it('a wait is a whole number of milliseconds between 0 and the longest one', () => {
    fc.assert(
      fc.property(
        policies,
        attempts,
        failures,
        waits,
        rolls,
        (retry, used, failure, after, roll) => {
          const verdict = failurePolicy.decide(retry, used, failure, after, roll)
          if (verdict.kind !== 'retry') return
          expect(Number.isInteger(verdict.delayMs)).toBe(true)
          expect(verdict.delayMs).toBeGreaterThanOrEqual(0)
          expect(verdict.delayMs).toBeLessThanOrEqual(retry.backoff.maxMs)
        },
      ),
    )
  })

  it('counted failures never bring the attempts above the maximum', () => {
    fc.assert(
      fc.property(
        policies,
        attempts,
        failures,
        waits,
        rolls,
        (retry, used, failure, after, roll) => {
          const verdict = failurePolicy.decide(retry, used, failure, after, roll)
          if (verdict.kind !== 'retry') return
          expect(used + (verdict.countsAttempt ? 1 : 0)).toBeLessThan(retry.maxAttempts + 1)
          expect(used).toBeLessThan(retry.maxAttempts)
        },
      ),
    )
  })

  it('a job whose failures all count ends after at most its maximum of them', () => {
    fc.assert(
      fc.property(policies, failures, rolls, (retry, failure, roll) => {
        fc.pre(retry.rules.every((rule) => rule.action !== 'Ignore'))
        let used = 0
        let executions = 0
        for (;;) {
          const verdict = failurePolicy.decide(retry, used, failure, null, roll)
          executions += 1
          if (verdict.kind !== 'retry') break
          used += 1
        }
        expect(executions).toBeLessThanOrEqual(retry.maxAttempts)
      }),
    )
  })
})
