/**
 * What a job may say for itself and a queue may say for all its jobs: retry, crash budget, limits of
 * one attempt, deadlines, retention (job-model.md section 1). Defined once, used by QueueJob.spec
 * and Queue.spec.defaults. None has a schema default: a stored default would look like the user's
 * own word, and the queue's value could never win.
 */
import { z } from 'zod'
import { about, ascii, choice, int, list, type Mutability, PATTERNS } from './fields.ts'

/** Where the field stands decides what its default is called and when it may change. */
export interface Place {
  readonly mutable: Mutability
  /** `'the queue's, else '` on a job, `''` on a queue. */
  readonly before: string
}

export const ON_JOB: Place = { mutable: 'while waiting', before: "the queue's, else " }
export const ON_QUEUE: Place = { mutable: 'always', before: '' }

export const RETRY_ACTIONS = ['Retry', 'Fail', 'DeadLetter', 'Ignore'] as const
export const BACKOFF_STRATEGIES = ['Constant', 'Linear', 'Exponential'] as const
/** What a rule can match; a cancelled attempt is never a failure. */
export const RULE_CATEGORIES = ['Temporary', 'Permanent', 'Timeout', 'System'] as const

/** Built-in values, used where neither job nor queue says anything. */
export const BUILT_IN = {
  attemptDeadlineSeconds: 1800,
  maxAttempts: 3,
  backoff: {
    strategy: 'Exponential',
    initialSeconds: 1,
    maxSeconds: 3600,
    multiplierPercent: 200,
    jitterPercent: 10,
  },
  crashBudget: { max: 3, windowSeconds: 259_200 },
} as const

function backoff(place: Place) {
  const { before, mutable } = place
  const built = BUILT_IN.backoff
  return about(
    z.object({
      strategy: choice(BACKOFF_STRATEGIES, {
        says: 'How the delay after the n-th failure grows: c; c·n; c·m^(n-1).',
        default: `${before}${built.strategy}`,
        mutable,
      }).optional(),
      initialSeconds: int(0, 86_400, {
        says: 'Delay after the first failure.',
        unit: 'seconds',
        default: `${before}${built.initialSeconds}`,
        mutable,
      }).optional(),
      maxSeconds: int(1, 604_800, {
        says: 'Longest delay; it also caps a wait that a handler asks for.',
        unit: 'seconds',
        default: `${before}${built.maxSeconds}`,
        mutable,
      }).optional(),
      multiplierPercent: int(100, 1000, {
        says: 'Growth of an Exponential delay from one failure to the next.',
        unit: 'percent',
        default: `${before}${built.multiplierPercent}`,
        mutable,
      }).optional(),
      jitterPercent: int(0, 100, {
        says: 'Random part that is added or taken away.',
        unit: 'percent of the delay',
        default: `${before}${built.jitterPercent}`,
        mutable,
      }).optional(),
    }),
    {
      says: 'Delay between attempts.',
      default: `${before}the value of each field`,
      mutable,
      rules: [
        {
          rule: '!has(self.initialSeconds) || !has(self.maxSeconds) || self.initialSeconds <= self.maxSeconds',
          messageExpression:
            "'`initialSeconds` (%d) must not be greater than `maxSeconds` (%d)'.format([self.initialSeconds, self.maxSeconds])",
          message: '`initialSeconds` must not be greater than `maxSeconds`',
          fieldPath: '.initialSeconds',
        },
      ],
    },
  )
}

function retryRule(mutable: Mutability) {
  return about(
    z.object({
      category: choice(RULE_CATEGORIES, {
        says: 'Failure category that this rule matches. Excludes `code`.',
        default: 'none',
        mutable,
      }).optional(),
      code: ascii(64, PATTERNS.code, {
        says: 'Failure code that this rule matches. Excludes `category`.',
        default: 'none',
        mutable,
      }).optional(),
      action: choice(RETRY_ACTIONS, {
        says: 'What happens. Ignore: again without using an attempt.',
        default: 'none, required',
        mutable,
      }),
    }),
    {
      says: 'One rule.',
      rules: [
        {
          rule: 'has(self.category) != has(self.code)',
          message: 'must have exactly one of `category` and `code`',
        },
      ],
    },
  )
}

export function retry(place: Place) {
  const { before, mutable } = place
  return about(
    z.object({
      maxAttempts: int(1, 100, {
        says: 'Executions counted against failures and timeouts.',
        default: `${before}${BUILT_IN.maxAttempts}`,
        mutable,
      }).optional(),
      backoff: backoff(place).optional(),
      rules: list(retryRule(mutable), 20, {
        says: 'Failure policy: the first rule that matches wins. Without a match Temporary, Timeout and System are retried, Permanent fails.',
        default: `${before}none`,
        mutable,
      }).optional(),
    }),
    { says: 'Retry policy.', default: `${before}the value of each field`, mutable },
  )
}

export function crashBudget(place: Place) {
  const { before, mutable } = place
  return about(
    z.object({
      max: int(0, 1000, {
        says: 'Lost workers that do not use up attempts.',
        default: `${before}${BUILT_IN.crashBudget.max}`,
        mutable,
      }).optional(),
      windowSeconds: int(1, 2_592_000, {
        says: 'Only losses within this time count.',
        unit: 'seconds',
        default: `${before}${BUILT_IN.crashBudget.windowSeconds}`,
        mutable,
      }).optional(),
    }),
    {
      says: 'How many lost workers a job survives; over it the job is dead-lettered with reason CrashBudgetExceeded.',
      default: `${before}the value of each field`,
      mutable,
    },
  )
}

export function resources(place: Place, frozen?: string) {
  const mutable: Mutability = frozen === undefined ? place.mutable : 'never'
  return about(
    z.object({
      memoryMiB: int(1, 1_048_576, {
        says: 'Memory of one attempt.',
        unit: 'MiB',
        default: `${place.before}none`,
        mutable,
      }).optional(),
      cpuSeconds: int(1, 604_800, {
        says: 'Processor time of one attempt.',
        unit: 'seconds',
        default: `${place.before}none`,
        mutable,
      }).optional(),
    }),
    {
      says: 'Limits of one attempt, enforced by a worker that isolates attempts.',
      default: `${place.before}none`,
      mutable,
      ...(frozen === undefined ? {} : { frozen }),
    },
  )
}

export function attemptDeadlineSeconds(place: Place) {
  return int(1, 604_800, {
    says: 'Execution time of one attempt; passing it aborts the handler with failure category Timeout.',
    unit: 'seconds',
    default: `${place.before}${BUILT_IN.attemptDeadlineSeconds}`,
    mutable: place.mutable,
  })
}

export function activeDeadlineSeconds(place: Place) {
  return int(1, 31_536_000, {
    says: 'Time from the moment the job may first start to its end; the clock stops while `suspend` or a paused queue holds it. Passing it dead-letters the job.',
    unit: 'seconds',
    default: `${place.before}none`,
    mutable: place.mutable,
  })
}

export function ttlSecondsAfterFinished(place: Place, fallback: string) {
  return int(0, 315_360_000, {
    says: 'How long the job stays after its end.',
    unit: 'seconds',
    default: fallback,
    mutable: place.mutable === 'while waiting' ? 'always' : place.mutable,
  })
}
