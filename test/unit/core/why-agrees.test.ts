// The explanation against the decision: a queue with its limits, keys, dependencies and workers is run by
// the scheduler itself, and what it left waiting is explained twice, by what the operator knows and by
// nothing but the objects.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PRIORITIES } from '../../../src/api/conditions.ts'
import type { QueueSpecInput } from '../../../src/api/queue.ts'
import type { ClassCapacity } from '../../../src/core/capacity.ts'
import { rfc3339 } from '../../../src/core/clock.ts'
import { isWaiting, type JobObject } from '../../../src/core/job.ts'
import { type Entry, Ledger } from '../../../src/core/ledger.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { type WaitFacts, whyWaiting } from '../../../src/core/why.ts'
import { explainFromObjects } from '../../../src/core/why-objects.ts'
import { Admission } from '../../../src/ingestion/admission.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { Queues } from '../../../src/ingestion/queues.ts'
import { DispatchCycle } from '../../../src/scheduler/cycle.ts'
import { dueAt, isUnconfirmedRestore } from '../../../src/scheduler/placement.ts'
import { aClass, aJob, aQueue, epoch, NOON, uid } from '../../builders.ts'

const QUIET = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

interface World {
  readonly spec: QueueSpecInput
  readonly slots: number | null
  readonly jobs: readonly Drawn[]
}

interface Drawn {
  readonly phase: 'Pending' | 'Running' | 'Completed'
  readonly delayed: boolean
  readonly suspend: boolean
  readonly restored: boolean
  readonly key: string
  readonly fairness: string
  readonly priority: (typeof PRIORITIES)[number]
  readonly dependsOn: readonly number[]
  readonly unknownType: boolean
}

const MISSING = 99
const seldom = fc.integer({ min: 0, max: 9 }).map((n) => n === 0)
const perhaps = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const limit = (min: number, max: number) => perhaps(fc.integer({ min, max }))

const drawn: fc.Arbitrary<Drawn> = fc.record({
  phase: fc.constantFrom('Pending', 'Pending', 'Pending', 'Running', 'Completed'),
  delayed: seldom,
  suspend: seldom,
  restored: seldom,
  key: fc.constantFrom('', 'k', 'l'),
  fairness: fc.constantFrom('', 'a', 'b'),
  priority: fc.constantFrom(...PRIORITIES),
  // Of earlier jobs only, so that there is no cycle.
  dependsOn: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(fc.constantFrom(1, 2, 3, 4, MISSING), { maxLength: 2 }),
    },
  ),
  unknownType: seldom,
})

const world: fc.Arbitrary<World> = fc.record({
  spec: fc
    .record({
      max: limit(0, 4),
      perKey: limit(1, 2),
      burst: limit(1, 3),
      maxDepth: limit(1, 6),
      paused: seldom,
    })
    .map(({ max, perKey, burst, maxDepth, paused }) => ({
      concurrency: {
        ...(max === undefined ? {} : { max }),
        ...(perKey === undefined ? {} : { perKey }),
      },
      fairness: { weights: { a: 3 } },
      ...(burst === undefined ? {} : { rateLimit: { count: 1, perSeconds: 60, burst } }),
      ...(maxDepth === undefined ? {} : { maxDepth }),
      paused,
    })),
  slots: fc.option(fc.integer({ min: 1, max: 8 }), { nil: null, freq: 8 }),
  jobs: fc.array(drawn, { minLength: 1, maxLength: 10 }),
})

/** Whether others' dependencies have ended is not read, so those that have are left out. */
function jobOf(given: Drawn, n: number, jobs: readonly Drawn[]): JobObject {
  const startTime = rfc3339(NOON - 60_000 * n)
  const dependsOn = given.dependsOn.filter((other) => {
    return other < n ? jobs[other - 1]?.phase !== 'Completed' : other === MISSING
  })
  return aJob({
    name: `job-${n}`,
    uid: uid(n),
    resourceVersion: String(1000 + n),
    creationMs: NOON - 3_600_000 + 1000 * n,
    tags: { restored: given.restored && given.phase === 'Pending' },
    spec: {
      type: given.unknownType ? 'email.sned' : 'email.send',
      priority: given.priority,
      ...(given.suspend ? { suspend: true } : {}),
      ...(given.delayed ? { delaySeconds: 7200 } : {}),
      ...(given.key ? { concurrencyKey: given.key } : {}),
      ...(given.fairness ? { fairnessKey: given.fairness } : {}),
      ...(dependsOn.length > 0 ? { dependsOn: dependsOn.map((d) => ({ name: `job-${d}` })) } : {}),
    },
    status:
      given.phase === 'Pending'
        ? {}
        : { observedGeneration: 1, phase: given.phase, epoch: epoch(n), attempt: 1, startTime },
  })
}

/** The rooms of the operator that hold a job, with nothing around them. */
function anOperator({ spec, slots, jobs }: World) {
  const clock = new VirtualClock(NOON)
  const queues = new Queues('gopherqueue.io/default', () => clock.monotonic())
  const queue = aQueue({ spec })
  queues.set(queue)
  const ledger = new Ledger(normaliser(() => queue))
  const admission = new Admission({
    ...{ ledger, queues, clock },
    maxObjects: Number.POSITIVE_INFINITY,
    unfit: () => false,
    consider: () => {},
  })
  ledger.watch(admission)
  const open = () => [...ledger.open()].length
  const classes = (): readonly ClassCapacity[] => {
    return slots === null ? [] : [aClass({ slots, free: Math.max(0, slots - open()) })]
  }
  let seq = 100
  const cycle = new DispatchCycle({
    ledger,
    clock,
    gate: { open: true, leads: () => true },
    logger: QUIET,
    metrics: { count() {}, set() {}, observe() {} },
    capacity: { classes, lingering: () => [] },
    epochs: { next: () => epoch(++seq), nonce: () => 'nonce' },
    dispatcher: { publish: async () => ({ kind: 'stored' }), purge: async () => {} },
    payloads: {
      readPayload: async () => ({ kind: 'found', json: null }),
      readActionPayload: async () => ({ kind: 'gone' }),
    },
    refused: (entry) => admission.verdict(entry) !== null,
    queueHolds: (namespace, name) => queues.holds(namespace, name),
    policy: (namespace, name) => queues.policy(namespace, name),
    hold: (entry) => admission.hold(entry),
    rankOf: (entry) => entry.record.priority,
    acceptsPayload: () => true,
    payloadLost: () => {},
    holdUntil: () => 0,
  })
  jobs.forEach((given, n) => void ledger.observe(jobOf(given, n + 1, jobs), clock.monotonic()))
  // A start takes a job out of the depth of its queue, which lets the next one in.
  for (let started = 1; started > 0; ) {
    for (const entry of ledger.entries()) cycle.place(entry)
    started = cycle.runOnce()
  }
  const left = [...ledger.entries()].filter(
    (entry) => isWaiting(entry.object.status.phase) && !entry.attempt && !admission.verdict(entry),
  )
  const why = (entry: Entry) => {
    const { record, object } = entry
    const { namespace, queue: name, concurrencyKey: key } = record
    const { standing } = cycle
    const { others, weight } = standing.turn(namespace, name, record.fairnessKey)
    const facts: WaitFacts = {
      record,
      status: object.status,
      restored: isUnconfirmedRestore(entry),
      queue: queues.state(namespace, name),
      hold: admission.hold(entry),
      dueAt: dueAt({ entry, holdUntil: 0, now: NOON, mono: clock.monotonic() }),
      dispatch: { kind: 'open' },
      classes: classes(),
      policy: queues.policy(namespace, name),
      running: standing.running(namespace, name),
      rateReadyAt: standing.rateReadyAt(namespace, name),
      holders: () => standing.holders(namespace, name, key).map((holder) => holder.name),
      keyAhead: () => 0,
      place: () => ({
        ahead: standing.ahead(record),
        atLeast: false,
        otherKeys: others,
        // Whose turn it is stands in no object: by weights, as the objects see it.
        turnsAhead: others / weight,
        startsPerMinute: null,
      }),
      now: NOON,
      mono: clock.monotonic(),
      version: '1',
    }
    return whyWaiting(facts)
  }
  return { clock, queue, ledger, classes, left, why }
}

/** As the API server has the world when the operator has written what it did. */
function objectsOf({ queue, ledger, classes }: ReturnType<typeof anOperator>) {
  const [offer] = classes()
  const jobs = [...ledger.entries()].map(({ object, attempt }): JobObject => {
    if (!attempt || object.status.phase === 'Running') return object
    const running = { phase: 'Running', epoch: attempt.epoch, startTime: rfc3339(NOON) } as const
    return { ...object, status: { ...object.status, ...running } }
  })
  const status = {
    observedGeneration: 1,
    workers: offer ? 1 : 0,
    slots: offer?.slots ?? 0,
    freeSlots: offer?.free ?? 0,
    types: offer ? ['email.send'] : [],
  }
  return { jobs, queue: { ...queue, status } }
}

it('no job is left waiting without a reason, and the objects alone give the same one', () => {
  fc.assert(
    fc.property(world, (drawn) => {
      const operator = anOperator(drawn)
      const { jobs, queue } = objectsOf(operator)
      const dependencies = new Map(jobs.map((job) => [job.name, job]))
      for (const entry of operator.left) {
        const told = operator.why(entry)
        expect(told, `${entry.object.name} waits for nothing`).not.toBeNull()
        const seen = {
          job: entry.object,
          queue,
          dependencies,
          others: jobs,
          more: false,
          now: NOON,
        }
        const explained = explainFromObjects(seen)
        expect(`${entry.object.name}: ${explained.reason}`).toBe(
          `${entry.object.name}: ${told?.reason}`,
        )
      }
    }),
    { numRuns: 500 },
  )
})
