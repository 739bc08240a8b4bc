import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import {
  ageEnd,
  type FinishedJob,
  finishedJob,
  keyEnd,
  type RetentionPolicy,
  retentionPolicy,
  SHELVES,
} from '../../../src/persistence/retention.ts'
import { RetentionBook } from '../../../src/persistence/retention-book.ts'
import { aJob, aQueue, NAMESPACE, NOON, QUEUE, uid } from '../../builders.ts'

const HOUR = 3_600_000
const ENDED = '2026-05-01T12:00:00Z'
const BUILT_IN = retentionPolicy(null)

function finished(
  given: Parameters<typeof aJob>[0] = {},
  queue: Parameters<typeof aQueue>[0] = {},
): FinishedJob {
  const object = aJob({
    ...given,
    status: { phase: 'Completed', completionTime: ENDED, ...given.status },
  })
  const job = finishedJob(object, normaliser(() => aQueue(queue))(object, 1))
  if (!job) throw new Error('it has not ended')
  return job
}

describe('how long a finished job stays', () => {
  it.each([
    { phase: 'Completed', want: HOUR },
    { phase: 'Failed', want: 24 * HOUR },
    { phase: 'Cancelled', want: 24 * HOUR },
    { phase: 'DeadLettered', want: 168 * HOUR },
  ] as const)('is by default $want ms when it is $phase', ({ phase, want }) => {
    expect(ageEnd(finished({ status: { phase } }), BUILT_IN)).toBe(NOON + want)
  })

  it('is what the queue says, else what its default says, else what the job itself says', () => {
    const spec = { retention: { succeededSeconds: 10 } }
    expect(ageEnd(finished(), retentionPolicy(aQueue({ spec })))).toBe(NOON + 10_000)
    const defaults = { ...spec, defaults: { ttlSecondsAfterFinished: 20 } }
    const policy = retentionPolicy(aQueue({ spec: defaults }))
    expect(ageEnd(finished({}, { spec: defaults }), policy)).toBe(NOON + 20_000)
    const own = finished({ spec: { ttlSecondsAfterFinished: 0 } }, { spec: defaults })
    expect(ageEnd(own, policy)).toBe(NOON)
  })

  it('counts from its end, or from its creation where it has none', () => {
    expect(finished({ status: { completionTime: '2026-05-01T13:00:00Z' } }).endedAt).toBe(
      NOON + HOUR,
    )
    const object = aJob({ status: { phase: 'Failed' } })
    expect(finishedJob(object, normaliser(() => null)(object, 1))?.endedAt).toBe(NOON)
  })

  it('is for good when a GitOps tool manages it, unless it says itself how long', () => {
    const tags = { gitOps: true }
    expect(finished({ tags }).staysForGood).toBe(true)
    const defaults = { spec: { defaults: { ttlSecondsAfterFinished: 5 } } }
    expect(finished({ tags }, defaults).staysForGood).toBe(true)
    expect(finished({ tags, spec: { ttlSecondsAfterFinished: 5 } }).staysForGood).toBe(false)
  })

  it('is at least the window of its idempotency key', () => {
    const job = finished({ spec: { idempotencyKey: 'order-7' } })
    expect(keyEnd(job, BUILT_IN)).toBe(NOON + 24 * HOUR)
    const spec = { idempotencyWindowSeconds: 60 }
    expect(keyEnd(job, retentionPolicy(aQueue({ spec })))).toBe(NOON + 60_000)
    expect(keyEnd(finished(), BUILT_IN)).toBe(0)
  })

  it('is no question for a job that has not ended, or is being deleted', () => {
    const running = aJob({ status: { phase: 'Running' } })
    expect(finishedJob(running, normaliser(() => null)(running, 1))).toBeNull()
    const deleting = aJob({ deleting: true, status: { phase: 'Completed' } })
    expect(finishedJob(deleting, normaliser(() => null)(deleting, 1))).toBeNull()
  })
})

/** The n-th job, which ended n seconds after noon. */
function nth(n: number, given: Partial<FinishedJob> = {}): FinishedJob {
  return {
    ...{ namespace: NAMESPACE, name: `job-${n}`, uid: uid(n), queue: QUEUE, shelf: 'succeeded' },
    ...{ endedAt: NOON + n * 1_000, ttlMs: null, staysForGood: false, hasKey: false },
    trimmable: true,
    ...given,
  }
}
const names = (jobs: readonly FinishedJob[]) => jobs.map(({ name }) => name)
const mostOf = (most: number): RetentionPolicy => ({
  ...BUILT_IN,
  most: { succeeded: most, failed: most, deadLettered: most },
})

describe('the book of finished jobs', () => {
  it('lets a job go when its age is over, not before', () => {
    const book = new RetentionBook()
    book.put(nth(0), BUILT_IN, NOON)
    expect(book.nextAt).toBe(NOON + HOUR)
    book.age(NOON + HOUR - 1)
    expect(book.ready(NOON + HOUR - 1, 9)).toEqual([])
    book.age(NOON + HOUR)
    expect(names(book.ready(NOON + HOUR, 9))).toEqual(['job-0'])
  })

  it('keeps the newest of each shelf of each queue, in whatever order they come', () => {
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6], { minLength: 7 })
    fc.assert(
      fc.property(order, (sequence) => {
        const book = new RetentionBook()
        for (const n of sequence) book.put(nth(n), mostOf(3), NOON)
        book.put(nth(9, { shelf: 'failed', endedAt: NOON }), mostOf(3), NOON)
        book.put(nth(8, { queue: 'other', endedAt: NOON }), mostOf(3), NOON)
        const gone = names(book.ready(NOON, 99)).toSorted()
        expect(gone).toEqual(['job-0', 'job-1', 'job-2', 'job-3'])
      }),
    )
  })

  it('shortens over all queues, oldest first, and spares what has just ended', () => {
    const book = new RetentionBook()
    for (let n = 0; n < 6; n++) book.put(nth(n, { queue: `q-${n % 2}` }), BUILT_IN, NOON)
    expect(book.shorten(4, NOON + 2_000, NOON)).toBe(3)
    expect(names(book.ready(NOON, 9))).toEqual(['job-0', 'job-1', 'job-2'])
  })

  it('trims what stays for good and never gives it away, nor counts it', () => {
    const book = new RetentionBook()
    for (let n = 0; n < 5; n++) book.put(nth(n, { staysForGood: true }), mostOf(1), NOON)
    book.put(nth(9), mostOf(1), NOON)
    expect([...book.takeTrims(9)]).toEqual([])
    book.age(NOON + 2 * HOUR)
    expect(book.takeTrims(9)).toHaveLength(5)
    expect(names(book.ready(NOON + 999 * HOUR, 9))).toEqual(['job-9'])
    expect(book.shorten(9, Number.POSITIVE_INFINITY, NOON)).toBe(0)
  })

  it('trims a job whose key is remembered, and lets it go when it is not any more', () => {
    const book = new RetentionBook()
    book.put(nth(0, { hasKey: true }), BUILT_IN, NOON)
    book.age(NOON + HOUR)
    expect(book.takeTrims(9)).toEqual([uid(0)])
    expect(book.ready(NOON + HOUR, 9)).toEqual([])
    // What the trim wrote comes back.
    book.put(nth(0, { hasKey: true, trimmable: false }), BUILT_IN, NOON + HOUR)
    expect(book.takeTrims(9)).toEqual([])
    expect(book.nextAt).toBe(NOON + 24 * HOUR)
    expect(names(book.ready(NOON + 24 * HOUR, 9))).toEqual(['job-0'])
  })

  it('makes room once for each job that is too many, however many wait for their deletion', () => {
    const book = new RetentionBook()
    for (let n = 0; n < 5; n++) book.put(nth(n), mostOf(4), NOON)
    for (let look = 0; look < 3; look++) book.put(nth(4), mostOf(4), NOON)
    expect(names(book.ready(NOON, 9))).toEqual(['job-0'])
  })

  it('forgets a job that is gone or runs again', () => {
    const book = new RetentionBook()
    book.put(nth(0), BUILT_IN, NOON)
    book.age(NOON + HOUR)
    book.drop(uid(0))
    expect([book.size, book.condemned, book.nextAt]).toEqual([0, 0, Number.POSITIVE_INFINITY])
  })

  it('waits with a job that was postponed', () => {
    const book = new RetentionBook()
    book.put(nth(0), mostOf(0), NOON)
    book.postpone(uid(0), NOON + 5_000)
    expect(book.ready(NOON + 4_999, 9)).toEqual([])
    expect(names(book.ready(NOON + 5_000, 9))).toEqual(['job-0'])
  })

  it('never gives away more than the policy says', () => {
    const anyJob = fc.record({
      n: fc.integer({ min: 1, max: 40 }),
      shelf: fc.constantFrom(...SHELVES),
      queue: fc.constantFrom('a', 'b'),
      ttlMs: fc.option(fc.integer({ min: 0, max: 4 * HOUR })),
      staysForGood: fc.boolean(),
      hasKey: fc.boolean(),
    })
    const unique = fc.uniqueArray(anyJob, { selector: ({ n }) => n })
    const most = fc.integer({ min: 0, max: 6 })
    fc.assert(
      fc.property(unique, most, fc.integer({ min: 0, max: 48 * HOUR }), (jobs, limit, later) => {
        const policy = mostOf(limit)
        const now = NOON + later
        const book = new RetentionBook()
        const all = jobs.map(({ n, ...given }) => nth(n, given))
        for (const job of all) book.put(job, policy, now)
        book.age(now)
        const gone = new Set(book.ready(now, 1_000).map((job) => job.uid))
        for (const job of all) {
          const newer = all.filter(
            (other) =>
              other.queue === job.queue &&
              other.shelf === job.shelf &&
              !other.staysForGood &&
              other.endedAt > job.endedAt,
          )
          const over = ageEnd(job, policy) <= now || newer.length >= limit
          const mayGo = over && !job.staysForGood && keyEnd(job, policy) <= now
          expect([job.name, gone.has(job.uid)]).toEqual([job.name, mayGo])
        }
      }),
    )
  })
})
