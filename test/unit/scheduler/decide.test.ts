// Who starts now, and where.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { handles, servesQueue } from '../../../src/core/capacity.ts'
import { classId } from '../../../src/core/ids.ts'
import type { JobRecord } from '../../../src/core/job.ts'
import { comparePlaced, type Placed } from '../../../src/core/order.ts'
import { policyOf, type QueuePolicy } from '../../../src/core/queue-policy.ts'
import { whyWaiting } from '../../../src/core/why.ts'
import type { ClassView } from '../../../src/scheduler/snapshot.ts'
import { aClass, aSubmittedRecord, HANDLERS, NAMESPACE, NOON, QUEUE } from '../../builders.ts'
import { manyClasses, manyJobs, policies } from './arbitrary.ts'
import { Scene, type SceneOptions } from './rounds.ts'

const small = classId('class-a')
const large = classId('class-b')

const started = (records: readonly JobRecord[], classes: readonly ClassView[]) =>
  new Scene().add(...records).names(classes)

const limited = (given: Partial<QueuePolicy>): SceneOptions => ({
  policy: () => ({ ...policyOf(null), ...given }),
})

const numbered = (from: number, to: number, given: Partial<JobRecord> = {}) =>
  Array.from({ length: to - from + 1 }, (_, n) => aSubmittedRecord(from + n, given))

describe('decide', () => {
  it('starts the jobs of a lane in order, as many as there are free slots', () => {
    const records = [3, 1, 2].map((n) => aSubmittedRecord(n))
    expect(started(records, [aClass({ free: 2 })])).toEqual(['job-1', 'job-2'])
  })

  it('takes the first head of all lanes first', () => {
    const records = [
      aSubmittedRecord(1),
      aSubmittedRecord(2, { type: 'report' }),
      aSubmittedRecord(3),
      aSubmittedRecord(4, { type: 'report', priority: 0 }),
    ]
    const handlers = [...HANDLERS, { type: 'report', version: '1' }]
    expect(started(records, [aClass({ handlers, free: 3 })])).toEqual(['job-4', 'job-1', 'job-2'])
  })

  it('never lets a lane without workers hold up another one', () => {
    const records = [aSubmittedRecord(1, { type: 'unknown', priority: 0 }), aSubmittedRecord(2)]
    expect(started(records, [aClass()])).toEqual(['job-2'])
  })

  it('never lets a lane whose workers are busy hold up another one', () => {
    const records = [aSubmittedRecord(1), aSubmittedRecord(2, { type: 'report' })]
    const report = aClass({ cls: large, handlers: [{ type: 'report', version: '1' }] })
    expect(started(records, [aClass({ free: 0 }), report])).toEqual(['job-2'])
  })

  it.each([
    ['another namespace', { namespace: 'other' }],
    ['another queue', { queues: new Set(['other']) }],
    ['another type', { handlers: [{ type: 'report', version: '1' }] }],
    ['no free slot', { free: 0 }],
  ])('gives nothing to workers with %s', (_says, differs) => {
    expect(started([aSubmittedRecord(1)], [aClass(differs)])).toEqual([])
  })

  it('row 14, type routing: gives a job that asks for a version to workers of that version only', () => {
    const records = [aSubmittedRecord(1, { handlerVersion: '2' })]
    const two = aClass({ cls: large, handlers: [{ type: 'email.send', version: '2' }] })
    expect(started(records, [aClass()])).toEqual([])
    expect(new Scene().add(...records).round([aClass(), two])).toMatchObject([{ cls: large }])
  })

  it('spreads jobs to the class with the most free slots, ties to the smaller id', () => {
    const classes = [aClass({ cls: large, free: 3 }), aClass({ cls: small, free: 2 })]
    const decided = new Scene().add(...numbered(1, 4)).round(classes)
    expect(decided.map(({ cls }) => cls)).toEqual([large, small, large, small])
  })

  it('has nothing to say without jobs or without workers', () => {
    expect(started([], [aClass()])).toEqual([])
    expect(started([aSubmittedRecord(1)], [])).toEqual([])
  })
})

describe('row 1, order', () => {
  it('a Bulk job that has aged goes before the Critical ones that came later', () => {
    const scene = new Scene().add(
      aSubmittedRecord(1, { priority: 4, submission: { creationMs: NOON, firstSeen: 1 } }),
      aSubmittedRecord(2, { priority: 0, submission: { creationMs: NOON + 1, firstSeen: 2 } }),
    )
    scene.pass(1_199_000)
    expect(new Scene().add(...scene.ready.jobs()).names([aClass({ free: 1 })])).toEqual(['job-2'])
    scene.pass(1_000)
    expect(scene.names([aClass({ free: 1 })])).toEqual(['job-1'])
  })

  it('a job whose priority was edited while it waited takes its new place', () => {
    const scene = new Scene().add(...numbered(1, 3))
    scene.add(aSubmittedRecord(3, { priority: 0 }))
    expect(scene.names([aClass()])).toEqual(['job-3', 'job-1', 'job-2'])
  })
})

describe('row 4, limits: concurrency.max', () => {
  it('starts no more than are allowed to run, those that run already included', () => {
    const scene = new Scene({ ...limited({ max: 3 }), running: numbered(1, 2) })
    expect(scene.add(...numbered(3, 9)).names([aClass()])).toEqual(['job-3'])
    scene.end('job-1', 'job-2')
    expect(scene.names([aClass()])).toEqual(['job-4', 'job-5'])
    expect(scene.closed.every(({ why }) => why === 'ConcurrencyLimit')).toBe(true)
  })

  it('of nothing holds everything', () => {
    expect(new Scene(limited({ max: 0 })).add(...numbered(1, 3)).names([aClass()])).toEqual([])
  })

  it('counts a handler that runs on after its attempt was closed (U1)', () => {
    const { name, uid } = aSubmittedRecord(1)
    const lingering = [{ namespace: NAMESPACE, queue: QUEUE, name, uid, concurrencyKey: '' }]
    const scene = new Scene({ ...limited({ max: 1 }), lingering })
    expect(scene.add(aSubmittedRecord(2)).names([aClass()])).toEqual([])
  })
})

describe('row 4, limits: concurrency.perKey', () => {
  const keyed = (n: number, concurrencyKey: string) => aSubmittedRecord(n, { concurrencyKey })

  it('holds the jobs of a key that is taken, and nobody else', () => {
    const scene = new Scene(limited({ perKey: 1 }))
    scene.add(keyed(1, 'a'), keyed(2, 'a'), keyed(3, 'b'), keyed(4, ''), keyed(5, ''))
    expect(scene.names([aClass()])).toEqual(['job-1', 'job-3', 'job-4', 'job-5'])
    expect(scene.names([aClass()])).toEqual([])
    scene.end('job-1')
    expect(scene.names([aClass()])).toEqual(['job-2'])
  })

  it('holds a job that came to a key which is held already, until it has room', () => {
    const scene = new Scene({ ...limited({ perKey: 1 }), running: [keyed(1, 'a')] })
    expect(scene.add(keyed(2, 'a')).names([aClass()])).toEqual([])
    expect(scene.add(keyed(3, 'a')).names([aClass()])).toEqual([])
    scene.end('job-1')
    expect(scene.names([aClass()])).toEqual(['job-2'])
  })

  it('lets go of a job that lost its key by an edit, or was removed while its key was held', () => {
    const scene = new Scene({ ...limited({ perKey: 1 }), running: [keyed(1, 'a')] })
    scene.add(keyed(2, 'a'), keyed(3, 'a')).names([aClass()])
    scene.ready.remove(aSubmittedRecord(2).uid)
    scene.add(keyed(3, ''))
    expect(scene.names([aClass()])).toEqual(['job-3'])
    expect(scene.ready.size).toBe(0)
  })

  it('is kept for handlers that linger, also of a job that is gone', () => {
    const gone = { namespace: NAMESPACE, queue: QUEUE, name: 'gone', uid: aSubmittedRecord(9).uid }
    const lingering = [{ ...gone, concurrencyKey: 'a' }]
    const scene = new Scene({ ...limited({ perKey: 1 }), lingering })
    expect(scene.add(keyed(1, 'a'), keyed(2, 'b')).names([aClass()])).toEqual(['job-2'])
  })
})

describe('row 4, limits: rateLimit', () => {
  it('starts a burst, then one for each token, and says when to look again', () => {
    const scene = new Scene(limited({ rate: { count: 1, perMs: 1_000, burst: 2 } }))
    scene.add(...numbered(1, 5))
    expect(scene.names([aClass()])).toEqual(['job-1', 'job-2'])
    expect(scene.closed.at(-1)).toEqual({ queue: QUEUE, why: 'RateLimited', until: 1_000 })
    scene.pass(999)
    expect(scene.names([aClass()])).toEqual([])
    scene.pass(1)
    expect(scene.names([aClass()])).toEqual(['job-3'])
  })

  it('of one queue leaves the slots to the others', () => {
    const policy = (_: string, queue: string): QueuePolicy => ({
      ...policyOf(null),
      rate: queue === QUEUE ? { count: 1, perMs: 1_000, burst: 1 } : null,
    })
    const scene = new Scene({ policy }).add(
      ...numbered(1, 2),
      ...numbered(3, 4, { queue: 'other' }),
    )
    const both = aClass({ queues: new Set([QUEUE, 'other']) })
    expect(scene.names([both])).toEqual(['job-1', 'job-3', 'job-4'])
  })
})

describe('row 5, fairness', () => {
  const fair = (n: number, fairnessKey: string) => aSubmittedRecord(n, { fairnessKey })

  it('goes round the fairness keys of a queue', () => {
    const scene = new Scene().add(
      fair(1, 'a'),
      fair(2, 'a'),
      fair(3, 'a'),
      fair(4, 'b'),
      fair(5, ''),
    )
    expect(scene.names([aClass()])).toEqual(['job-1', 'job-4', 'job-5', 'job-2', 'job-3'])
  })

  it('gives a key the share of its weight', () => {
    const scene = new Scene(limited({ weights: new Map([['a', 3]]) }))
    scene.add(...numbered(1, 20, { fairnessKey: 'a' }), ...numbered(21, 40, { fairnessKey: 'b' }))
    const first = scene.round([aClass({ free: 8 })])
    expect(first.filter(({ record }) => record.fairnessKey === 'a')).toHaveLength(6)
  })

  it('a tenant with 20,000 old jobs does not delay the first job of another one', () => {
    const scene = new Scene()
    const hours = { submission: { creationMs: NOON - 86_400_000, firstSeen: 1 } }
    scene.add(...numbered(1, 20_000, { fairnessKey: 'noisy', priority: 0, ...hours }))
    scene.round([aClass({ free: 10 })])
    scene.add(aSubmittedRecord(30_000, { fairnessKey: 'quiet', priority: 4 }))
    expect(scene.names([aClass({ free: 1 })])).toEqual(['job-30000'])
  })

  it('a key whose jobs nobody can run does not hold up the next one', () => {
    const scene = new Scene().add(
      aSubmittedRecord(1, { fairnessKey: 'a', type: 'unknown' }),
      fair(2, 'b'),
      fair(3, 'b'),
    )
    expect(scene.names([aClass()])).toEqual(['job-2', 'job-3'])
  })

  it('goes round the queues that share workers, by their weights', () => {
    const policy = (_: string, queue: string): QueuePolicy => ({
      ...policyOf(null),
      weight: queue === QUEUE ? 3 : 1,
    })
    const both = aClass({ queues: new Set([QUEUE, 'other']), free: 8 })
    const scene = new Scene({ policy })
    scene.add(...numbered(1, 20, { queue: 'other' }), ...numbered(21, 40))
    const first = scene.round([both])
    expect(first.filter(({ record }) => record.queue === QUEUE)).toHaveLength(6)
  })
})

const serves = (offer: ClassView, record: JobRecord) =>
  servesQueue(offer, record) && offer.handlers.some((handler) => handles(handler, record))

describe('whatever waits, runs and is free', () => {
  const situations = fc
    .tuple(manyJobs(20), manyClasses(4), fc.tuple(policies, policies, policies, policies))
    .map(([jobs, classes, [a1, a2, b1, b2]]) => {
      const rules: Record<string, QueuePolicy> = { 'a/q1': a1, 'a/q2': a2, 'b/q1': b1, 'b/q2': b2 }
      const policy = (namespace: string, queue: string) =>
        rules[`${namespace}/${queue}`] ?? policyOf(null)
      // Every fourth job runs already.
      const running = jobs.filter((_, n) => n % 4 === 3).map(({ record }) => record)
      const waiting = jobs.filter((_, n) => n % 4 !== 3)
      return { waiting, running, classes, policy }
    })
  type Situation = typeof situations extends fc.Arbitrary<infer S> ? S : never

  const played = ({ waiting, running, classes, policy }: Situation) => {
    const scene = new Scene({ policy, running }).add(...waiting)
    const decided = scene.round(classes)
    const left = waiting.filter(({ record }) => !decided.some((one) => one.record === record))
    const free = (each: ClassView) =>
      each.free - decided.filter(({ cls }) => cls === each.cls).length
    return { scene, decided, left, free }
  }
  const check = (that: (situation: Situation) => void) =>
    fc.assert(fc.property(situations, that), { numRuns: 500 })

  it('no class gets more than its free slots, and none a job that it does not serve', () => {
    check((situation) => {
      const { decided, free } = played(situation)
      for (const each of situation.classes) expect(free(each)).toBeGreaterThanOrEqual(0)
      for (const { record, cls } of decided) {
        const chosen = situation.classes.find((each) => each.cls === cls)
        expect(chosen && serves(chosen, record)).toBe(true)
      }
    })
  })

  it('no job starts twice, and none that did not wait', () => {
    check((situation) => {
      const { decided, left, scene } = played(situation)
      expect(decided.length + left.length).toBe(situation.waiting.length)
      expect(new Set(decided.map(({ record }) => record.uid)).size).toBe(decided.length)
      expect(scene.ready.size).toBe(left.length)
    })
  })

  it('no limit is passed by a start', () => {
    check((situation) => {
      const { decided, scene } = played(situation)
      for (const { record } of decided) {
        const { namespace, queue, concurrencyKey } = record
        const { max, perKey, rate } = situation.policy(namespace, queue)
        const usage = scene.usage()
        expect(usage.holders(namespace, queue).length).toBeLessThanOrEqual(max)
        if (concurrencyKey !== '') {
          const holders = usage.holders(namespace, queue, concurrencyKey)
          expect(holders.length).toBeLessThanOrEqual(perKey)
        }
        const starts = decided.filter((one) => one.record.queue === queue)
        const here = starts.filter((one) => one.record.namespace === namespace)
        if (rate) expect(here.length).toBeLessThanOrEqual(rate.burst)
      }
    })
  })

  it('each job is dispatched or has exactly one reason, whose limit is really reached', () => {
    check((situation) => {
      const { left, scene, free } = played(situation)
      const classes = situation.classes.map((each) => ({ ...each, slots: 4, free: free(each) }))
      for (const job of left) {
        const reason = reasonOf(job.record, scene, classes)
        expect(isReached(reason, job.record, scene, classes)).toBe(true)
      }
    })
  })

  it('a job goes before every other of its fairness key that could have started in its place', () => {
    check((situation) => {
      const { decided, left, scene } = played(situation)
      for (const { record, cls } of decided) {
        const chosen = situation.classes.find((each) => each.cls === cls)
        const job = situation.waiting.find((each) => each.record === record)
        for (const other of left) {
          if (!chosen || !job || !serves(chosen, other.record)) continue
          if (!sameTurn(record, other.record) || isKeyFull(other.record, scene)) continue
          const { agingMs } = situation.policy(record.namespace, record.queue)
          expect(comparePlaced(job, other, scene.now, agingMs)).toBeLessThan(0)
        }
      }
    })
  })

  it('the answer does not depend on the order in which jobs and classes are listed', () => {
    check((situation) => {
      // Who became active first decides between equal turns, so keys and queues come as they came.
      const named = (jobs: readonly Placed[]) =>
        jobs.map((job) => ({ ...job, record: { ...job.record, fairnessKey: '', queue: 'q1' } }))
      const waiting = named(situation.waiting)
      const forward = played({ ...situation, waiting })
      const backward = played({
        ...situation,
        waiting: waiting.toReversed(),
        classes: situation.classes.toReversed(),
      })
      const sorted = (all: typeof forward.decided) =>
        all.map(({ record, cls }) => `${record.name} ${cls}`).sort()
      expect(sorted(backward.decided)).toEqual(sorted(forward.decided))
    })
  })
})

function sameTurn(a: JobRecord, b: JobRecord): boolean {
  return a.namespace === b.namespace && a.queue === b.queue && a.fairnessKey === b.fairnessKey
}

function isKeyFull({ namespace, queue, concurrencyKey }: JobRecord, scene: Scene): boolean {
  if (concurrencyKey === '') return false
  const holders = scene.usage().holders(namespace, queue, concurrencyKey)
  return holders.length >= scene.policy(namespace, queue).perKey
}

type Offered = ClassView & { readonly slots: number }

/** The words of `core/why.ts` on the facts that the round left. */
function reasonOf(record: JobRecord, scene: Scene, classes: readonly Offered[]) {
  const { namespace, queue, concurrencyKey } = record
  const readyAt = scene.rateReadyAt(namespace, queue)
  const waiting = whyWaiting({
    record,
    status: { phase: 'Pending' },
    restored: false,
    queue: { kind: 'open' },
    hold: null,
    dueAt: 0,
    dispatch: { kind: 'open' },
    classes,
    policy: scene.policy(namespace, queue),
    running: scene.usage().holders(namespace, queue).length,
    rateReadyAt: readyAt > scene.mono ? scene.now + (readyAt - scene.mono) : 0,
    holders: () =>
      scene
        .usage()
        .holders(namespace, queue, concurrencyKey)
        .map(({ name }) => name),
    keyAhead: () => 0,
    place: () => ({ ahead: 1, atLeast: false, otherKeys: 0, turnsAhead: 0, startsPerMinute: null }),
    now: scene.now,
    mono: scene.mono,
    version: 'test',
  })
  return waiting?.reason
}

function isReached(
  reason: string | undefined,
  record: JobRecord,
  scene: Scene,
  classes: readonly Offered[],
): boolean {
  const { namespace, queue } = record
  const { max } = scene.policy(namespace, queue)
  const able = classes.filter((each) => serves(each, record))
  switch (reason) {
    case 'NoWorkers':
      return !classes.some((each) => servesQueue(each, record))
    case 'UnknownType':
      return able.length === 0
    case 'NoFreeSlots':
      return able.every(({ free }) => free === 0)
    case 'ConcurrencyLimit':
      return scene.usage().holders(namespace, queue).length >= max
    case 'KeyLimit':
      return isKeyFull(record, scene)
    case 'RateLimited':
      return scene.rateReadyAt(namespace, queue) > scene.mono
    default:
      return false
  }
}
