import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TYPES, QueueStatus } from '../../../src/api/queue.ts'
import { rfc3339 } from '../../../src/core/clock.ts'
import { noCounts, type QueueCounts } from '../../../src/core/queue-counts.ts'
import {
  factsPrint,
  type QueueFacts,
  queueChange,
  queueStatus,
} from '../../../src/core/queue-report.ts'
import type { QueueObject } from '../../../src/core/resources.ts'
import { aQueue, NAMESPACE, NOON, QUEUE } from '../../builders.ts'

interface Given extends Partial<Omit<QueueFacts, 'counts'>> {
  readonly counts?: Partial<QueueCounts>
}

function facts({ counts, ...given }: Given = {}): QueueFacts {
  return {
    counts: { ...noCounts(NAMESPACE, QUEUE), ...counts },
    startsPerMinute: 0,
    dispatch: { kind: 'open' },
    limit: null,
    pressure: null,
    version: '1',
    ...given,
  }
}

const told = (given: Given, queue: QueueObject = aQueue(), now = NOON) =>
  queueStatus(queue, facts(given), now)
const conditions = (given: Given, queue?: QueueObject) =>
  Object.fromEntries(
    (told(given, queue).conditions ?? []).map(({ type, status, reason }) => {
      return [type, `${status} ${reason}`]
    }),
  )

/** One worker with ten slots. */
const SERVED = { workers: 1, slots: 10, free: 10, types: ['email.send'] }

describe('the status of a queue', () => {
  it('tells what was counted, and of the job that waits longest how long and since when', () => {
    const counts = { waiting: 7, ready: 3, running: 2, dead: 1, oldest: NOON - 90_500, ...SERVED }
    expect(told({ counts, startsPerMinute: 12 })).toMatchObject({
      observedGeneration: 1,
      waiting: 7,
      ready: 3,
      running: 2,
      deadLettered: 1,
      oldestWaitingSeconds: 90,
      oldestWaitingTime: rfc3339(NOON - 90_500),
      workers: 1,
      slots: 10,
      freeSlots: 10,
      types: ['email.send'],
      startsPerMinute: 12,
    })
  })

  it('has no oldest job when none waits', () => {
    const before = { oldestWaitingSeconds: 5, oldestWaitingTime: rfc3339(NOON) }
    const queue = aQueue({ status: { observedGeneration: 1, ...before } })
    expect(told({}, queue)).not.toHaveProperty('oldestWaitingTime')
    expect(told({}, queue)).not.toHaveProperty('oldestWaitingSeconds')
  })

  it('keeps what an action wrote, and lists so many types and no more', () => {
    const paused = { by: 'anna', since: rfc3339(NOON) }
    const queue = aQueue({ status: { observedGeneration: 1, paused, actionOrder: 5 } })
    const types = Array.from({ length: MAX_TYPES + 5 }, (_, n) => `type-${n}`)
    const status = told({ counts: { types } }, queue)
    expect(status).toMatchObject({ paused, actionOrder: 5 })
    expect(status.types).toHaveLength(MAX_TYPES)
  })

  it('is one that the schema takes, whatever was counted', () => {
    const count = fc.integer({ min: 0, max: 100_000 })
    const any = fc.record({
      waiting: count,
      ready: count,
      running: count,
      dead: count,
      oldest: fc.oneof(
        fc.constant(Number.POSITIVE_INFINITY),
        fc.integer({ min: 0, max: 2 * NOON }),
      ),
      workers: count,
      slots: count,
      free: count,
    })
    fc.assert(
      fc.property(any, fc.boolean(), (counts, paused) => {
        const status = told({ counts }, aQueue({ spec: { paused } }))
        expect(QueueStatus.safeParse(status).success).toBe(true)
      }),
    )
  })
})

describe('the conditions of a queue', () => {
  const unserved = aQueue({ spec: { breaker: { crashPercent: 5 } } })
  const drained = aQueue({
    status: { observedGeneration: 1, paused: { by: 'anna', since: rfc3339(NOON), drain: true } },
  })
  it.each<{ when: string; given: Given; queue?: QueueObject; want: Record<string, string> }>([
    { when: 'nothing is wrong', given: {}, want: { Ready: 'True Served' } },
    {
      when: 'it uses what is not served',
      given: {},
      queue: unserved,
      want: { Ready: 'False NotYetSupported' },
    },
    {
      when: 'its spec pauses it',
      given: {},
      queue: aQueue({ spec: { paused: true } }),
      want: { Ready: 'True Served', Paused: 'True QueuePaused' },
    },
    {
      when: 'an action drains it',
      given: {},
      queue: drained,
      want: { Ready: 'True Served', Paused: 'True QueueDraining' },
    },
    {
      when: 'jobs wait and nobody serves it',
      given: { counts: { waiting: 1 } },
      want: { Ready: 'True Served', NoWorkers: 'True NoWorkers' },
    },
    {
      when: 'jobs could start and every slot is taken',
      given: { counts: { ...SERVED, waiting: 2, ready: 1, free: 0 } },
      want: { Ready: 'True Served', Saturated: 'True Saturated' },
    },
    {
      when: 'jobs wait for a time and every slot is taken',
      given: { counts: { ...SERVED, waiting: 2, free: 0 } },
      want: { Ready: 'True Served' },
    },
    {
      when: 'a limit of its own holds the next job',
      given: {
        counts: { ...SERVED, waiting: 2, ready: 2 },
        limit: { reason: 'ConcurrencyLimit', message: 'it runs 1 job' },
      },
      want: { Ready: 'True Served', Saturated: 'True ConcurrencyLimit' },
    },
    {
      when: 'a limit is reached and nobody waits for it',
      given: { counts: SERVED, limit: { reason: 'ConcurrencyLimit', message: 'it runs 1 job' } },
      want: { Ready: 'True Served' },
    },
    {
      when: 'the cluster is full, which holds jobs before they are ready',
      given: { counts: { ...SERVED, waiting: 2 }, limit: { reason: 'ClusterFull', message: '.' } },
      want: { Ready: 'True Served', Saturated: 'True ClusterFull' },
    },
    {
      when: 'more jobs are finished than may stay',
      given: { pressure: { objects: 21_000, limit: 20_000 } },
      want: { Ready: 'True Served', RetentionPressure: 'True RetentionPressure' },
    },
    {
      when: 'jobs wait and NATS is away',
      given: {
        counts: { ...SERVED, waiting: 1 },
        dispatch: { kind: 'unavailable', cause: 'refused' },
      },
      want: { Ready: 'True Served', DispatchUnavailable: 'True DispatchUnavailable' },
    },
    {
      when: 'jobs wait and the operator is configured to start nothing',
      given: { counts: { ...SERVED, waiting: 1 }, dispatch: { kind: 'paused' } },
      want: { Ready: 'True Served', DispatchUnavailable: 'True DispatchPaused' },
    },
    {
      when: 'NATS is away and nobody waits for it',
      given: { dispatch: { kind: 'unavailable', cause: 'refused' } },
      want: { Ready: 'True Served' },
    },
  ])('when $when', ({ given, queue, want }) => {
    expect(conditions(given, queue)).toEqual(want)
  })

  it('say since when, and keep that as long as it is so', () => {
    const given = { counts: { waiting: 1 } }
    const first = told(given)
    const later = told(given, aQueue({ status: first }), NOON + 60_000)
    expect(later.conditions).toEqual(first.conditions)
    const over = told({}, aQueue({ status: later }), NOON + 90_000)
    const again = told(given, aQueue({ status: over }), NOON + 120_000)
    expect(again.conditions?.at(-1)?.lastTransitionTime).toBe(rfc3339(NOON + 120_000))
  })

  it('name who paused it, since when and why', () => {
    const paused = { by: 'anna', since: rfc3339(NOON), comment: 'the mail server is down' }
    const queue = aQueue({ status: { observedGeneration: 1, paused } })
    const { message } = told({}, queue).conditions?.at(-1) ?? {}
    expect(message).toContain('paused by anna since 2026-05-01T12:00:00Z: the mail server is down')
  })
})

describe('whether a status is worth a write', () => {
  const counts = { ...SERVED, waiting: 4, ready: 4, oldest: NOON }
  const before = told({ counts, startsPerMinute: 3 })
  const changeTo = (given: Given, queue: Partial<QueueObject> = {}, now = NOON) =>
    queueChange(before, told(given, aQueue({ status: before, ...queue }), now))

  it.each<{ when: string; given: Given; after?: number; want: string }>([
    { when: 'nothing changed', given: { counts, startsPerMinute: 3 }, want: 'nothing' },
    {
      when: 'only time passed',
      given: { counts, startsPerMinute: 3 },
      after: 86_400_000,
      want: 'nothing',
    },
    {
      when: 'only the rate of starts moved',
      given: { counts, startsPerMinute: 900 },
      want: 'nothing',
    },
    { when: 'the rate fell to zero', given: { counts, startsPerMinute: 0 }, want: 'numbers' },
    {
      when: 'a job came',
      given: { counts: { ...counts, waiting: 5 }, startsPerMinute: 3 },
      want: 'numbers',
    },
    {
      when: 'another job is the oldest',
      given: { counts: { ...counts, oldest: NOON + 1_000 }, startsPerMinute: 3 },
      want: 'numbers',
    },
    {
      when: 'a condition came',
      given: { counts, startsPerMinute: 3, pressure: { objects: 2, limit: 1 } },
      want: 'numbers',
    },
  ])('$want when $when', ({ given, after = 0, want }) => {
    expect(changeTo(given, {}, NOON + after)).toBe(want)
  })

  it('at once when a person edited, paused or resumed it', () => {
    const given = { counts, startsPerMinute: 3 }
    expect(changeTo(given, { generation: 2 })).toBe('standing')
    expect(changeTo(given, { spec: aQueue({ spec: { paused: true } }).spec })).toBe('standing')
    const paused = { by: 'anna', since: rfc3339(NOON) }
    expect(changeTo(given, { status: { ...before, paused } })).toBe('standing')
  })

  it('none for a status that was just written, whatever it says, for ever', () => {
    const count = fc.integer({ min: 0, max: 20 })
    fc.assert(
      fc.property(count, count, count, fc.boolean(), fc.nat(1e9), (waiting, ready, free, p, ms) => {
        const given = { counts: { ...SERVED, waiting, ready, free, oldest: NOON - 1 } }
        const queue = aQueue({ spec: { paused: p } })
        const written = told(given, queue)
        const later = told(given, { ...queue, status: written }, NOON + ms)
        expect(queueChange(written, later)).toBe('nothing')
      }),
    )
  })
})

describe('the print of the facts', () => {
  it('is another one whenever the status is worth a write', () => {
    const count = fc.integer({ min: 0, max: 2 })
    const any = fc.record({
      counts: fc.record({
        ...{ waiting: count, ready: count, running: count, dead: count },
        ...{ workers: count, slots: count, free: count },
        oldest: fc.constantFrom(NOON, NOON + 1_000, Number.POSITIVE_INFINITY),
        types: fc.constantFrom([], ['a'], ['a', 'b']),
      }),
      startsPerMinute: count,
      dispatch: fc.constantFrom({ kind: 'open' }, { kind: 'paused' }),
      limit: fc.constantFrom(null, { reason: 'ConcurrencyLimit', message: 'x' }),
      pressure: fc.constantFrom(null, { objects: 1, limit: 1 }),
    })
    fc.assert(
      fc.property(any, any, (a, b) => {
        const [before, after] = [a, b] as Given[]
        const written = told(before ?? {})
        const next = told(after ?? {}, aQueue({ status: written }))
        if (queueChange(written, next) !== 'nothing') {
          expect(factsPrint(facts(after))).not.toBe(factsPrint(facts(before)))
        }
      }),
    )
  })
})
