/** Jobs and worker classes for property tests: few values, so that ties and overlaps are common. */
import fc from 'fast-check'
import { classId } from '../../../src/core/ids.ts'
import type { PriorityRank } from '../../../src/core/job.ts'
import type { Placed } from '../../../src/core/order.ts'
import { policyOf, type QueuePolicy } from '../../../src/core/queue-policy.ts'
import type { ClassView } from '../../../src/scheduler/snapshot.ts'
import { aRecord, NOON, uid } from '../../builders.ts'

const namespaces = fc.constantFrom('a', 'b')
const queues = fc.constantFrom('q1', 'q2')
const types = fc.constantFrom('t1', 't2', 't3')
const versions = fc.constantFrom('1', '2')
const keys = fc.constantFrom('', '', 'k1', 'k2')

/** `n`-th job; its order of submission has nothing to do with `n`. */
export const jobs = (n: number): fc.Arbitrary<Placed> =>
  fc
    .record({
      namespace: namespaces,
      queue: queues,
      type: types,
      handlerVersion: fc.oneof(fc.constant(''), versions),
      concurrencyKey: keys,
      fairnessKey: keys,
      rank: fc.integer({ min: 0, max: 4 }).map((rank) => rank as PriorityRank),
      seconds: fc.integer({ min: 0, max: 3 }),
      firstSeen: fc.integer({ min: 1, max: 5 }),
    })
    .map(({ seconds, firstSeen, rank, ...rest }) => {
      const since = NOON - 400_000 * seconds
      const submission = { creationMs: since, firstSeen }
      const record = aRecord({ ...rest, uid: uid(n), name: `job-${n}`, priority: rank, submission })
      return { record, rank, since }
    })

/** Different jobs, at most `max`. */
export const manyJobs = (max: number): fc.Arbitrary<readonly Placed[]> =>
  fc
    .integer({ min: 0, max })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, n) => jobs(n))))

const oneClass = (n: number): fc.Arbitrary<ClassView> =>
  fc.record({
    cls: fc.constant(classId(`class-${n}`)),
    namespace: namespaces,
    queues: fc.uniqueArray(queues, { minLength: 1 }).map((names) => new Set(names)),
    handlers: fc.array(fc.record({ type: types, version: versions }), { maxLength: 4 }),
    free: fc.integer({ min: 0, max: 4 }),
  })

export const manyClasses = (max: number): fc.Arbitrary<readonly ClassView[]> =>
  fc
    .integer({ min: 0, max })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, n) => oneClass(n))))

const NONE = Number.POSITIVE_INFINITY
const limit = fc.constantFrom(NONE, NONE, 0, 1, 2)

export const policies: fc.Arbitrary<QueuePolicy> = fc
  .record({
    max: limit,
    perKey: fc.constantFrom(NONE, 1, 2),
    rate: fc.option(fc.record({ count: fc.constantFrom(1, 2), burst: fc.constantFrom(1, 3) })),
    weights: fc.dictionary(fc.constantFrom('k1', 'k2'), fc.integer({ min: 1, max: 5 })),
    weight: fc.integer({ min: 1, max: 3 }),
    agingMs: fc.constantFrom(NONE, 300_000),
  })
  .map(({ rate, weights, ...rest }) => ({
    ...policyOf(null),
    ...rest,
    rate: rate && { ...rate, perMs: 60_000 },
    weights: new Map(Object.entries(weights)),
  }))
