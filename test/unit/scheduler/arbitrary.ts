/** Jobs and worker classes for property tests: few values, so that ties and overlaps are common. */
import fc from 'fast-check'
import { classId } from '../../../src/core/ids.ts'
import type { JobRecord, PriorityRank } from '../../../src/core/job.ts'
import type { ClassView } from '../../../src/scheduler/snapshot.ts'
import { aRecord, NOON, uid } from '../../builders.ts'

const namespaces = fc.constantFrom('a', 'b')
const queues = fc.constantFrom('q1', 'q2')
const types = fc.constantFrom('t1', 't2', 't3')
const versions = fc.constantFrom('1', '2')

/** `n`-th job; its order of submission has nothing to do with `n`. */
export const jobs = (n: number): fc.Arbitrary<JobRecord> =>
  fc
    .record({
      namespace: namespaces,
      queue: queues,
      type: types,
      handlerVersion: fc.oneof(fc.constant(''), versions),
      priority: fc.integer({ min: 0, max: 4 }).map((rank) => rank as PriorityRank),
      seconds: fc.integer({ min: 0, max: 3 }),
      firstSeen: fc.integer({ min: 1, max: 5 }),
    })
    .map(({ seconds, firstSeen, ...rest }) =>
      aRecord({
        ...rest,
        uid: uid(n),
        name: `job-${n}`,
        submission: { creationMs: NOON + 1000 * seconds, firstSeen },
      }),
    )

/** Different jobs, at most `max`. */
export const manyJobs = (max: number): fc.Arbitrary<readonly JobRecord[]> =>
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
