// Why a job waits: which cause is named, in which words, and what is left unsaid.

import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import { REASONS } from '../../../src/api/reasons.ts'
import { isWaiting } from '../../../src/core/job.ts'
import { type WaitFacts, whyWaiting } from '../../../src/core/why.ts'
import { aClass, aQueue, aRecord, NOON } from '../../builders.ts'

/** Nothing holds the job: it would start now. */
function facts(given: Partial<WaitFacts> = {}): WaitFacts {
  return {
    record: aRecord(),
    status: { observedGeneration: -1, phase: 'Pending' },
    restored: false,
    queue: { kind: 'open' },
    dueAt: 0,
    dispatch: { kind: 'open' },
    classes: [aClass()],
    ahead: () => 7,
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
  QueueNotServed: { queue: { kind: 'not-served', fields: ['spec.weight', 'spec.breaker'] } },
  Delayed: { dueAt: NOON + 90_000 },
  BackingOff: {
    dueAt: NOON + 4000,
    status: {
      observedGeneration: 1,
      phase: 'Retrying',
      attempt: 2,
      error: { category: 'Temporary', code: 'SmtpBusy', message: 'the server said 421' },
    },
  },
  DispatchPaused: { dispatch: { kind: 'paused' } },
  DispatchUnavailable: { dispatch: { kind: 'unavailable', cause: 'connection refused' } },
  NoWorkers: { classes: [] },
  UnknownType: { record: aRecord({ type: 'email.sned' }) },
  NoFreeSlots: { classes: [aClass({ free: 0 }), aClass({ free: 0, slots: 5 })] },
}

describe('whyWaiting', () => {
  it('says nothing about a job that would start now', () => {
    expect(whyWaiting(facts())).toBeNull()
  })

  it.each(Object.entries(HOLDS))('names %s', (reason, given) => {
    expect(whyWaiting(facts(given))).toMatchObject({ reason })
  })

  it.each(Object.entries(HOLDS))('gives %s the phase of the table', (reason, given) => {
    const row = REASONS[reason as keyof typeof REASONS]
    expect(whyWaiting(facts(given))?.phase).toBe(row.phase)
  })

  it('says these sentences', async () => {
    const said = Object.entries(HOLDS).map(
      ([reason, given]) => `${reason}\n  ${whyWaiting(facts(given))?.message}\n`,
    )
    await expect(said.join('\n')).toMatchFileSnapshot('../../golden/waiting.txt')
  })

  const order = ['Suspended', 'RestoredUnconfirmed', 'QueueNotFound', 'Delayed', 'DispatchPaused']
  const pairs = [...order, 'NoWorkers'].flatMap((first, i, all) =>
    all.slice(i + 1).map((later) => [first, later] as const),
  )
  it.each(pairs)('names %s rather than %s, which alone would not start the job', (first, later) => {
    expect(whyWaiting(facts({ ...HOLDS[later], ...HOLDS[first] }))).toMatchObject({ reason: first })
  })

  it.each(PHASES.filter((phase) => !isWaiting(phase)))(
    'says nothing about a job that is %s',
    (phase) => {
      const given = { ...HOLDS.NoWorkers, status: { observedGeneration: 1, phase } }
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

  it('takes the time from its condition when the spec pauses it', () => {
    const queue = aQueue({
      spec: { paused: true },
      status: {
        observedGeneration: 1,
        conditions: [
          {
            type: 'Paused',
            status: 'True',
            reason: 'QueuePaused',
            lastTransitionTime: '2026-05-01T10:00:00Z',
          },
        ],
      },
    })
    const said = whyWaiting(facts({ queue: { kind: 'paused', queue } }))?.message
    expect(said).toContain('paused by spec.paused since 2026-05-01T10:00:00Z')
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

it('busy workers are told with their slots and the jobs that go before', () => {
  const said = whyWaiting(facts(HOLDS.NoFreeSlots))?.message
  expect(said).toContain('all 15 slots')
  expect(said).toContain('7 jobs are ahead')
})

it('the jobs ahead are counted only when they are told', () => {
  const ahead = () => {
    throw new Error('was counted')
  }
  expect(whyWaiting(facts({ ...HOLDS.NoWorkers, ahead }))?.reason).toBe('NoWorkers')
})
