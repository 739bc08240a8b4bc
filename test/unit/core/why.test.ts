// Why a job waits: which cause is named, in which words, and what is left unsaid.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import { REASON_NAMES, REASONS } from '../../../src/api/reasons.ts'
import { isWaiting } from '../../../src/core/job.ts'
import type { Place } from '../../../src/core/place.ts'
import { policyOf } from '../../../src/core/queue-policy.ts'
import { type WaitFacts, whyHeldAlone, whyWaiting } from '../../../src/core/why.ts'
import { statusMessage, waitingOf } from '../../../src/core/why-facts.ts'
import { aClass, aQueue, aRecord, NOON } from '../../builders.ts'

/** The eighth of its queue. */
function aPlaceInLine(given: Partial<Place> = {}): Place {
  return { ahead: 7, atLeast: false, otherKeys: 0, turnsAhead: 0, startsPerMinute: 4, ...given }
}

/** Nothing holds the job: it would start now. */
function facts(given: Partial<WaitFacts> = {}): WaitFacts {
  return {
    record: aRecord(),
    status: { phase: 'Pending' },
    restored: false,
    queue: { kind: 'open' },
    hold: null,
    dueAt: 0,
    dispatch: { kind: 'open' },
    classes: [aClass()],
    policy: policyOf(null),
    running: 3,
    rateReadyAt: 0,
    holders: () => [],
    keyAhead: () => 0,
    place: () => aPlaceInLine(),
    now: NOON,
    mono: 1_000_000,
    version: '0.1.0',
    ...given,
  }
}

const HOLDS: Readonly<Record<string, Partial<WaitFacts>>> = {
  Suspended: { record: aRecord({ suspend: true }) },
  RestoredUnconfirmed: { restored: true },
  QueueNotFound: { queue: { kind: 'missing', since: 1_000_000 } },
  QueuePaused: { queue: { kind: 'paused', queue: aQueue({ spec: { paused: true } }) } },
  QueueDraining: {
    queue: {
      kind: 'paused',
      queue: aQueue({
        status: {
          observedGeneration: 1,
          paused: { by: 'alice', since: '2026-05-01T11:00:00Z', comment: 'moving', drain: true },
        },
      }),
    },
  },
  QueueNotServed: { queue: { kind: 'not-served', fields: ['spec.weight', 'spec.breaker'] } },
  WaitingForDependency: {
    hold: { kind: 'dependency', name: 'import', phase: 'Running', missingSince: 0, unmet: 2 },
  },
  QueueFull: { hold: { kind: 'queue-full', waiting: 42, limit: 40 } },
  ClusterFull: { hold: { kind: 'cluster-full', objects: 100_001, limit: 100_000 } },
  Delayed: { dueAt: NOON + 90_000 },
  BackingOff: {
    dueAt: NOON + 4000,
    status: {
      phase: 'Retrying',
      attempt: 2,
      error: { category: 'Temporary', code: 'SmtpBusy', message: 'the server said 421' },
    },
  },
  DispatchPaused: { dispatch: { kind: 'paused' } },
  DispatchUnavailable: { dispatch: { kind: 'unavailable', cause: 'connection refused' } },
  NoWorkers: { classes: [] },
  UnknownType: { record: aRecord({ type: 'email.sned' }) },
  KeyLimit: {
    record: aRecord({ concurrencyKey: 'customer-7' }),
    policy: policyOf(aQueue({ spec: { concurrency: { perKey: 2 } } })),
    holders: () => ['job-2', 'job-1'],
    keyAhead: () => 3,
  },
  ConcurrencyLimit: { policy: policyOf(aQueue({ spec: { concurrency: { max: 3 } } })) },
  RateLimited: {
    policy: policyOf(aQueue({ spec: { rateLimit: { count: 2, perSeconds: 60 } } })),
    rateReadyAt: NOON + 20_000,
  },
  Fairness: {
    record: aRecord({ fairnessKey: 'tenant-b' }),
    policy: policyOf(aQueue({ spec: { fairness: { weights: { 'tenant-b': 3 } } } })),
    classes: [aClass({ free: 0 })],
    place: () => aPlaceInLine({ ahead: 0, otherKeys: 2, turnsAhead: 1 }),
  },
  NoFreeSlots: { classes: [aClass({ free: 0 }), aClass({ free: 0, slots: 5 })] },
}

/** Nothing holds the job, or what was done to it is told; and the breaker, which is not served yet. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set([
  'Pending',
  'Requeued',
  'Replayed',
  'BreakerOpen',
])

describe('whyWaiting', () => {
  it('says nothing about a job that would start now', () => {
    expect(whyWaiting(facts())).toBeNull()
  })

  it('has a row here for every reason of a waiting job that this release tells', () => {
    const waiting = REASON_NAMES.filter((name) => {
      const { scope, phase } = REASONS[name]
      return scope === 'Job' && phase !== null && isWaiting(phase)
    })
    expect(Object.keys(HOLDS).toSorted()).toEqual(
      waiting.filter((name) => !TOLD_ELSEWHERE.has(name)).toSorted(),
    )
  })

  it.each(Object.entries(HOLDS))('names %s', (reason, given) => {
    expect(whyWaiting(facts(given))).toMatchObject({ reason })
  })

  it.each(Object.entries(HOLDS))('gives %s the phase of the table', (reason, given) => {
    const row = REASONS[reason as keyof typeof REASONS]
    expect(whyWaiting(facts(given))?.phase).toBe(row.phase)
  })

  it('says these sentences', async () => {
    const said = Object.entries(HOLDS).map(([reason, given]) => {
      const waiting = whyWaiting(facts(given))
      return `${reason}\n  ${waiting?.message}\n  → ${waiting?.advice}\n`
    })
    await expect(said.join('\n')).toMatchFileSnapshot('../../golden/waiting.txt')
  })

  const order = [
    'Suspended',
    'RestoredUnconfirmed',
    'QueueNotFound',
    'WaitingForDependency',
    'Delayed',
    'DispatchPaused',
    'NoWorkers',
    'KeyLimit',
  ]
  const pairs = order.flatMap((first, i, all) =>
    all.slice(i + 1).map((later) => [first, later] as const),
  )
  it.each(pairs)('names %s rather than %s, which alone would not start the job', (first, later) => {
    const record = { ...aRecord(), ...HOLDS[later]?.record, ...HOLDS[first]?.record }
    const both = { ...HOLDS[later], ...HOLDS[first], record }
    expect(whyWaiting(facts(both))).toMatchObject({ reason: first })
  })

  it.each(PHASES.filter((phase) => !isWaiting(phase)))(
    'says nothing about a job that is %s',
    (phase) => {
      const given = { ...HOLDS.NoWorkers, status: { phase } }
      expect(whyWaiting(facts(given))).toBeNull()
    },
  )

  it('leaves the jobs of a queue that another operator serves to that one', () => {
    expect(whyWaiting(facts({ queue: { kind: 'foreign' }, classes: [] }))).toBeNull()
  })
})

describe('a queue that is missing', () => {
  const missing = (mono: number) =>
    whyWaiting(facts({ queue: { kind: 'missing', since: 1_000_000 }, mono }))

  it('is waited for during a minute', () => {
    expect(missing(1_000_000)).toMatchObject({ stalled: false, until: NOON + 60_000 })
    expect(missing(1_059_999)).toMatchObject({ stalled: false, until: NOON + 1 })
  })

  it('is an error after it', () => {
    expect(missing(1_060_000)).toMatchObject({ stalled: true, until: 0 })
  })
})

it('a queue that this release does not serve is an error at once', () => {
  expect(whyWaiting(facts(HOLDS.QueueNotServed))).toMatchObject({ stalled: true })
})

describe('a paused queue', () => {
  it('names who paused it, since when and why, when an action did', () => {
    const queue = aQueue({
      status: {
        observedGeneration: 1,
        paused: { by: 'alice', since: '2026-05-01T11:00:00Z', comment: 'deploying' },
      },
    })
    const said = whyWaiting(facts({ queue: { kind: 'paused', queue } }))?.message
    expect(said).toContain('paused by alice since 2026-05-01T11:00:00Z: deploying')
  })

  it('takes the time from its pauses when the spec pauses it', () => {
    const queue = aQueue({
      spec: { paused: true },
      status: { observedGeneration: 1, pauses: [{ startTime: '2026-05-01T10:00:00Z' }] },
    })
    const said = whyWaiting(facts({ queue: { kind: 'paused', queue } }))?.message
    expect(said).toContain('paused by spec.paused since 2026-05-01T10:00:00Z: no comment')
  })
})

describe('a time', () => {
  it('that is now or past holds nothing', () => {
    expect(whyWaiting(facts({ dueAt: NOON }))).toBeNull()
  })

  it('tells when to look again', () => {
    expect(whyWaiting(facts({ dueAt: NOON + 90_000 }))).toMatchObject({
      until: NOON + 90_000,
      message: 'not before 2026-05-01T12:01:30Z',
    })
  })

  it('of the spec that lies behind the back-off is a delay', () => {
    const given = { ...HOLDS.BackingOff, record: aRecord({ notBefore: NOON + 4000 }) }
    expect(whyWaiting(facts(given))).toMatchObject({ reason: 'Delayed' })
  })
})

describe('a type that no worker handles', () => {
  const unknown = (given: Partial<WaitFacts>) => whyWaiting(facts(given))?.message ?? ''

  it('is told with the nearest name and all that is served', () => {
    const handlers = ['report', 'email.send', 'email.read'].map((type) => ({ type, version: '1' }))
    const said = unknown({
      record: aRecord({ type: 'email.sent' }),
      classes: [aClass({ handlers })],
    })
    expect(said).toContain('nearest type served: email.send')
    expect(said).toContain('served: email.read, email.send, report')
  })

  it('is told without a nearest name when none is near', () => {
    const said = unknown({ record: aRecord({ type: 'invoice' }) })
    expect(said).toContain('nearest type served: (none)')
  })

  it('is told with versions when only the version is missing', () => {
    const said = unknown({ record: aRecord({ handlerVersion: '2' }) })
    expect(said).toContain('none handles type email.send@2')
    expect(said).toContain('nearest type served: email.send@1')
  })

  it('looks only at workers that serve the queue', () => {
    const elsewhere = aClass({
      queues: new Set(['other']),
      handlers: [{ type: 'report', version: '1' }],
    })
    const given = { record: aRecord({ type: 'report' }), classes: [aClass(), elsewhere] }
    expect(whyWaiting(facts(given))?.reason).toBe('UnknownType')
  })

  it('stays within what a status holds, however many types are served', () => {
    const handlers = Array.from({ length: 1000 }, (_, n) => ({
      type: `${'x'.repeat(50)}.${n}`,
      version: '1',
    }))
    const said = unknown({ record: aRecord({ type: 'report' }), classes: [aClass({ handlers })] })
    expect(said.length).toBeLessThanOrEqual(1024)
  })
})

it('what nobody knows is no reason', () => {
  expect(whyWaiting(facts({ classes: null }))).toBeNull()
})

describe('a dependency that is not there', () => {
  const missing = (mono: number) =>
    whyWaiting(
      facts({
        hold: {
          kind: 'dependency',
          name: 'import',
          phase: null,
          missingSince: 1_000_000,
          unmet: 1,
        },
        mono,
      }),
    )

  it('is waited for during a minute, then a person must act', () => {
    expect(missing(1_059_999)).toMatchObject({ stalled: false, until: NOON + 1 })
    expect(missing(1_060_000)).toMatchObject({ stalled: true, until: 0 })
  })

  it('is told as such', () => {
    expect(missing(1_000_000)?.message).toContain('waits for job import, which is not there')
  })
})

describe('a concurrency key', () => {
  const keyed = (given: Partial<WaitFacts>) => whyWaiting(facts({ ...HOLDS.KeyLimit, ...given }))

  it('that fewer jobs hold than may holds nothing', () => {
    expect(keyed({ holders: () => ['job-1'] })).toBeNull()
  })

  it('names five of many holders', () => {
    const holders = () => Array.from({ length: 7 }, (_, n) => `job-${n}`)
    expect(keyed({ holders })?.message).toContain('job-0, job-1, job-2, job-3, job-4 and 2 more')
  })

  it.each([
    ['a job without a key', { record: aRecord() }],
    ['a queue without a limit', { policy: policyOf(null) }],
  ] satisfies [string, Partial<WaitFacts>][])('asks nobody for holders: %s', (_, given) => {
    const holders = () => {
      throw new Error('was asked')
    }
    expect(keyed({ ...given, holders })).toBeNull()
  })
})

describe('what a queue shares', () => {
  it('is told with the place of the job, slots with how many there are', () => {
    const said = whyWaiting(facts(HOLDS.NoFreeSlots))?.message
    expect(said).toContain('all 15 slots')
    expect(said).toContain('7 jobs are ahead of it')
  })

  it('is the limit of the queue before its workers', () => {
    const both = { ...HOLDS.NoFreeSlots, ...HOLDS.ConcurrencyLimit }
    expect(whyWaiting(facts(both))?.reason).toBe('ConcurrencyLimit')
  })

  it.each([
    ['its turn comes next', { ahead: 0, otherKeys: 2, turnsAhead: 0 }],
    ['jobs of its own key go first', { ahead: 1, otherKeys: 2, turnsAhead: 2 }],
    ['there is no other key', { ahead: 0, otherKeys: 0, turnsAhead: 0 }],
  ])('is told instead of the turn of its key when %s', (_, place) => {
    const given = { ...HOLDS.Fairness, place: () => aPlaceInLine(place) }
    expect(whyWaiting(facts(given))?.reason).toBe('NoFreeSlots')
  })

  it('holds nothing while a slot, a token and the limit are free', () => {
    const policy = policyOf(
      aQueue({ spec: { concurrency: { max: 4 }, rateLimit: { count: 1, perSeconds: 60 } } }),
    )
    expect(whyWaiting(facts({ policy, running: 3, rateReadyAt: NOON }))).toBeNull()
  })

  it('is left out for a job that is asked about alone, and nobody counts its place', () => {
    const { place: _, ...own } = facts(HOLDS.NoFreeSlots)
    expect(whyHeldAlone(own)).toBeNull()
  })

  it('the place is counted only when it is told', () => {
    const place = () => {
      throw new Error('was counted')
    }
    expect(whyWaiting(facts({ ...HOLDS.NoWorkers, place }))?.reason).toBe('NoWorkers')
  })
})

describe('the message of a status', () => {
  const alone = (given: Partial<WaitFacts>) => {
    const { place: _, ...own } = facts(given)
    const held = whyHeldAlone(own)
    if (!held) throw new Error('nothing holds it')
    return { ...waitingOf(held), status: statusMessage(held) }
  }

  it('says what would lift it', () => {
    const { status, message, advice } = alone(HOLDS.NoWorkers ?? {})
    expect(status).toBe(`${message}; ${advice}`)
  })

  it('does not advise to wait for a time that it names', () => {
    expect(alone(HOLDS.Delayed ?? {}).status).toBe('not before 2026-05-01T12:01:30Z')
  })

  it('fits into a status', () => {
    const handlers = Array.from({ length: 40 }, (_, n) => ({
      type: 'x'.repeat(60) + n,
      version: '1',
    }))
    const given = { record: aRecord({ type: 'y'.repeat(63) }), classes: [aClass({ handlers })] }
    expect(alone(given).status.length).toBeLessThanOrEqual(1024)
  })

  it('is made only when somebody wants to hear it', () => {
    const keyAhead = () => {
      throw new Error('was counted')
    }
    const { place: _, ...own } = facts({ ...HOLDS.KeyLimit, keyAhead })
    expect(whyHeldAlone(own)?.reason).toBe('KeyLimit')
  })
})

it('there is exactly one reason, whatever holds a job at once, and lifting it leaves a later one or none', () => {
  const names = Object.keys(HOLDS)
  fc.assert(
    fc.property(fc.subarray(names, { minLength: 1 }), (chosen) => {
      const record = aRecord(Object.assign({}, ...chosen.map((name) => HOLDS[name]?.record)))
      const all = facts({ ...Object.assign({}, ...chosen.map((name) => HOLDS[name])), record })
      const { place: _, ...own } = all
      const found = whyWaiting(all)
      expect(REASON_NAMES).toContain(found?.reason)
      const alone = whyHeldAlone(own)
      // What is told on the job alone is what is told when everything is looked at.
      if (alone) expect(found).toEqual(waitingOf(alone))
    }),
  )
})
