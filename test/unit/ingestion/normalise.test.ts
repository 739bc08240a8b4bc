// From what a user wrote to a complete record: job, then queue, then built-in.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PRIORITIES } from '../../../src/api/conditions.ts'
import type { QueueSpecInput } from '../../../src/api/queue.ts'
import type { QueueJobSpecInput } from '../../../src/api/queuejob.ts'
import { DEFAULT_BACKOFF } from '../../../src/core/backoff.ts'
import { boundedTime, normaliser } from '../../../src/ingestion/normalise.ts'
import { aJob, aQueue, NAMESPACE, NOON, QUEUE, TYPE, uid } from '../../builders.ts'

type Defaults = NonNullable<QueueSpecInput['defaults']>
type JobSpec = Partial<Omit<QueueJobSpecInput, 'payload'>>

function recordOf(spec: JobSpec = {}, defaults?: Defaults) {
  const queue = defaults === undefined ? null : aQueue({ spec: { defaults } })
  return normaliser(() => queue)(aJob({ spec }), 1000)
}

describe('a job that says nothing', () => {
  it('gets every built-in value', () => {
    expect(recordOf()).toEqual({
      namespace: NAMESPACE,
      name: 'welcome',
      uid: uid(1),
      queue: QUEUE,
      type: TYPE,
      handlerVersion: '',
      priority: 2,
      submission: { creationMs: NOON, firstSeen: 1000 },
      notBefore: 0,
      suspend: false,
      attemptDeadlineMs: 1_800_000,
      activeDeadlineMs: Number.POSITIVE_INFINITY,
      retry: { maxAttempts: 3, backoff: DEFAULT_BACKOFF, rules: [] },
      crashBudget: { max: 3, windowMs: 259_200_000 },
      readyWhenAccepted: false,
      payloadFrom: null,
      runId: '',
      idempotencyKey: '',
      dependsOn: [],
      concurrencyKey: '',
      fairnessKey: '',
      ttlMs: null,
    })
  })

  it('gets the same from a queue that says nothing', () => {
    expect(recordOf({}, {})).toEqual(recordOf())
  })

  it('asks for the queue by its own namespace and name', () => {
    const asked: string[] = []
    normaliser((namespace, queue) => {
      asked.push(`${namespace}/${queue}`)
      return null
    })(aJob(), 1)
    expect(asked).toEqual([`${NAMESPACE}/${QUEUE}`])
  })
})

describe("the queue's defaults", () => {
  const defaults: Defaults = {
    attemptDeadlineSeconds: 60,
    activeDeadlineSeconds: 3600,
    retry: {
      maxAttempts: 7,
      backoff: {
        strategy: 'Linear',
        initialSeconds: 2,
        maxSeconds: 90,
        multiplierPercent: 150,
        jitterPercent: 0,
      },
      rules: [{ code: 'SmtpBusy', action: 'Ignore' }],
    },
    crashBudget: { max: 9, windowSeconds: 100 },
    ttlSecondsAfterFinished: 30,
  }

  it('hold where the job says nothing', () => {
    expect(recordOf({}, defaults)).toMatchObject({
      attemptDeadlineMs: 60_000,
      activeDeadlineMs: 3_600_000,
      retry: {
        maxAttempts: 7,
        backoff: { strategy: 'Linear', initialMs: 2000, maxMs: 90_000, multiplier: 1.5, jitter: 0 },
        rules: [{ match: { by: 'code', code: 'SmtpBusy' }, action: 'Ignore' }],
      },
      crashBudget: { max: 9, windowMs: 100_000 },
      ttlMs: 30_000,
    })
  })

  it.each<[string, JobSpec, object]>([
    ['attemptDeadlineSeconds', { attemptDeadlineSeconds: 5 }, { attemptDeadlineMs: 5000 }],
    ['ttlSecondsAfterFinished, a zero', { ttlSecondsAfterFinished: 0 }, { ttlMs: 0 }],
    ['activeDeadlineSeconds', { activeDeadlineSeconds: 50 }, { activeDeadlineMs: 50_000 }],
    ['retry.maxAttempts', { retry: { maxAttempts: 1 } }, { retry: { maxAttempts: 1 } }],
    [
      'retry.backoff.maxSeconds',
      { retry: { backoff: { maxSeconds: 5 } } },
      { retry: { backoff: { strategy: 'Linear', initialMs: 2000, maxMs: 5000 } } },
    ],
    [
      'retry.backoff.initialSeconds, a zero',
      { retry: { backoff: { initialSeconds: 0 } } },
      { retry: { backoff: { initialMs: 0, maxMs: 90_000 } } },
    ],
    [
      'crashBudget.max, a zero',
      { crashBudget: { max: 0 } },
      { crashBudget: { max: 0, windowMs: 100_000 } },
    ],
    [
      'retry.rules, an empty list',
      { retry: { rules: [] } },
      { retry: { rules: [], maxAttempts: 7 } },
    ],
  ])("yield to the job's own %s, field by field", (_field, spec, want) => {
    expect(recordOf(spec, defaults)).toMatchObject(want)
  })

  it('reach a job that is normalised again after the queue changed', () => {
    let queue = aQueue()
    const normalise = normaliser(() => queue)
    expect(normalise(aJob(), 1).retry.maxAttempts).toBe(3)
    queue = aQueue({ spec: { defaults: { retry: { maxAttempts: 5 } } } })
    expect(normalise(aJob(), 1).retry.maxAttempts).toBe(5)
  })
})

describe('the rest of a spec', () => {
  it.each(PRIORITIES.map((name, rank) => [name, rank] as const))(
    'priority %s has rank %i',
    (priority, rank) => {
      expect(recordOf({ priority }).priority).toBe(rank)
    },
  )

  it('is taken over', () => {
    expect(
      recordOf({ suspend: true, handlerVersion: '2', readiness: 'Accepted', runId: 'r1' }),
    ).toMatchObject({ suspend: true, handlerVersion: '2', readyWhenAccepted: true, runId: 'r1' })
  })

  it('rules by category come as such', () => {
    const { rules } = recordOf({ retry: { rules: [{ category: 'System', action: 'Fail' }] } }).retry
    expect(rules).toEqual([{ match: { by: 'category', category: 'System' }, action: 'Fail' }])
  })
})

describe('the earliest start', () => {
  it('is at once when nothing is said', () => {
    expect(recordOf().notBefore).toBe(0)
    expect(recordOf({ delaySeconds: 0 }).notBefore).toBe(0)
  })

  it('is creation plus the delay', () => {
    expect(recordOf({ delaySeconds: 90 }).notBefore).toBe(NOON + 90_000)
  })

  it.each([
    ['2026-05-01T12:00:00Z', NOON],
    ['2026-05-01t12:00:00z', NOON],
    ['2026-05-01T14:00:00+02:00', NOON],
    ['2026-05-01T12:00:00.123456789Z', NOON + 123],
  ])('is the time %s', (startAfter, want) => {
    expect(recordOf({ startAfter }).notBefore).toBe(want)
  })

  it('does not contain a back-off, which stands in the status', () => {
    const object = aJob({ status: { phase: 'Retrying', nextAttemptTime: '2026-05-01T13:00:00Z' } })
    expect(normaliser(() => null)(object, 1).notBefore).toBe(0)
  })

  it.each([
    ['0001-01-01T00:00:00Z', 0],
    ['9999-12-31T23:59:59-23:59', Date.UTC(2200, 0, 1) - 1],
  ])('of the year in %s is taken to the nearest that a clock can show', (startAfter, want) => {
    expect(recordOf({ startAfter }).notBefore).toBe(want)
    expect(boundedTime(startAfter)).toBeNull()
  })

  it('is always a time that prints as RFC 3339', () => {
    const two = (max: number, min = 0) =>
      fc.integer({ min, max }).map((n) => String(n).padStart(2, '0'))
    const times = fc
      .tuple(fc.integer({ min: 0, max: 9999 }), two(12, 1), two(28, 1), two(23), two(59), two(59))
      .chain(([year, month, day, h, m, s]) =>
        fc
          .constantFrom('Z', '+23:59', '-23:59')
          .map((zone) => `${String(year).padStart(4, '0')}-${month}-${day}T${h}:${m}:${s}${zone}`),
      )
    fc.assert(
      fc.property(times, (startAfter) => {
        const { notBefore } = recordOf({ startAfter })
        expect(new Date(notBefore).toISOString()).toMatch(/^\d{4}-/)
        const bounded = boundedTime(startAfter)
        if (bounded !== null) expect(notBefore).toBe(bounded)
      }),
    )
  })
})
