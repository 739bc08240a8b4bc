/**
 * What a failed attempt leads to (job-model.md, `retry`). Pure; persistence asks it at the moment the
 * status is computed, so a policy that was edited meanwhile is the one that counts (protocol U6).
 *
 *   rule of the job that matches first, by category or code
 *     else Permanent ─▶ Fail      else Temporary, Timeout, System ─▶ Retry
 *
 *   Retry       counts the attempt; the maximum reached: a dead letter
 *   Fail        ends the job, Failed
 *   DeadLetter  ends the job, DeadLettered
 *   Ignore      again without counting, but never at once (protocol L6)
 *
 * The wait is the handler's own retry-after where it gave one, else the curve of the back-off; neither
 * is longer than `maxSeconds`.
 */
import { backoffMs } from '../core/backoff.ts'
import type { FailureCategory, RetryPolicy, RuleAction } from '../core/job.ts'
import type { Failure } from '../core/outcome.ts'
import type { FailurePolicy, Verdict } from '../persistence/ports.ts'

/** An attempt that costs nothing waits at least so long, or it would be a hot loop. */
const UNCOUNTED_MS = 1_000

export const failurePolicy: FailurePolicy = { decide }

function decide(
  retry: RetryPolicy,
  attempts: number,
  failure: Failure,
  retryAfterMs: number | null,
  roll: number,
): Verdict {
  switch (actionOf(retry, failure)) {
    case 'Fail':
      return { kind: 'fail' }
    case 'DeadLetter':
      return { kind: 'dead-letter' }
    case 'Retry': {
      const counted = attempts + 1
      if (counted >= retry.maxAttempts) return { kind: 'dead-letter' }
      return { kind: 'retry', countsAttempt: true, delayMs: wait(counted) }
    }
    case 'Ignore':
      // A maximum that was lowered below what is used up ends the job here, too (U6).
      if (attempts >= retry.maxAttempts) return { kind: 'dead-letter' }
      return {
        kind: 'retry',
        countsAttempt: false,
        delayMs: Math.max(UNCOUNTED_MS, wait(attempts)),
      }
  }

  function wait(failures: number): number {
    if (retryAfterMs !== null) return Math.min(retryAfterMs, retry.backoff.maxMs)
    return Math.round(backoffMs(retry.backoff, failures, roll))
  }
}

function actionOf({ rules }: RetryPolicy, failure: Failure): RuleAction {
  const rule = rules.find(({ match }) =>
    match.by === 'code' ? match.code === failure.code : match.category === failure.category,
  )
  return rule?.action ?? BUILT_IN[failure.category]
}

/** `Cancelled` as the category of a failure is a worker's slip: the attempt did not succeed. */
const BUILT_IN: Readonly<Record<FailureCategory, RuleAction>> = {
  Temporary: 'Retry',
  Timeout: 'Retry',
  System: 'Retry',
  Cancelled: 'Retry',
  Permanent: 'Fail',
}
