import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import { isWaiting } from '../../../src/core/job.ts'
import { type PlacementInput, placementOf } from '../../../src/scheduler/placement.ts'
import { aJob, anAttempt, anEntry, aRecord, NOON } from '../../builders.ts'

const input = (change: Partial<PlacementInput> = {}): PlacementInput => ({
  entry: anEntry(),
  leading: true,
  refused: false,
  queueHolds: false,
  hold: null,
  holdUntil: 0,
  now: NOON,
  mono: 1_000,
  ...change,
})
const later = '2026-05-01T12:01:00Z'
const entryOf = (given: Parameters<typeof aJob>[0]) => anEntry({ object: aJob(given) })

describe('where a job belongs', () => {
  const cases: readonly [string, PlacementInput, ReturnType<typeof placementOf>][] = [
    ['nothing holds it: ready', input(), { kind: 'ready' }],
    ['the shard is not led: nowhere', input({ leading: false }), { kind: 'none' }],
    ['it is refused: nowhere', input({ refused: true }), { kind: 'none' }],
    [
      'an attempt is open: nowhere',
      input({ entry: anEntry({ attempt: anAttempt() }) }),
      { kind: 'none' },
    ],
    [
      'a write is under way: nowhere (D6)',
      input({ entry: anEntry({ facts: 1 }) }),
      { kind: 'none' },
    ],
    [
      'a cancel is being written: nowhere (U1)',
      input({ entry: anEntry({ cancelling: true }) }),
      { kind: 'none' },
    ],
    [
      'it is being deleted: nowhere',
      input({ entry: entryOf({ deleting: true }) }),
      { kind: 'none' },
    ],
    ['its queue holds it: held', input({ queueHolds: true }), { kind: 'held' }],
    [
      'another job holds it: held',
      input({ hold: { kind: 'queue-full', waiting: 11, limit: 10 } }),
      { kind: 'held' },
    ],
    [
      'it is suspended: held (U2)',
      input({ entry: anEntry({ record: aRecord({ suspend: true }) }) }),
      { kind: 'held' },
    ],
    [
      'a backup put it back unwritten: held',
      input({ entry: entryOf({ tags: { restored: true } }) }),
      { kind: 'held' },
    ],
    [
      'a backup put it back and it was written since: ready',
      input({
        entry: entryOf({ tags: { restored: true }, status: { epoch: 1, phase: 'Scheduled' } }),
      }),
      { kind: 'ready' },
    ],
    [
      'its spec asks for a time: due then',
      input({ entry: anEntry({ record: aRecord({ notBefore: NOON + 5 }) }) }),
      { kind: 'due', at: NOON + 5 },
    ],
    [
      'its back-off still runs: due when it ends',
      input({ entry: entryOf({ status: { phase: 'Retrying', nextAttemptTime: later } }) }),
      { kind: 'due', at: NOON + 60_000 },
    ],
    [
      'nobody took it last time: due when D7 lets it go',
      input({ holdUntil: 3_000 }),
      { kind: 'due', at: NOON + 2_000 },
    ],
  ]
  it.each(cases)('%s', (_, given, want) => {
    expect(placementOf(given)).toEqual(want)
  })

  it('is ready only in a waiting phase, whatever else holds', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PHASES),
        fc.record({ leading: fc.boolean(), refused: fc.boolean(), queueHolds: fc.boolean() }),
        (phase, given) => {
          const { kind } = placementOf(input({ ...given, entry: entryOf({ status: { phase } }) }))
          const may = isWaiting(phase) && given.leading && !given.refused && !given.queueHolds
          expect(kind === 'ready').toBe(may)
        },
      ),
    )
  })

  it('is never ready before any of its times', () => {
    const time = fc.integer({ min: 0, max: 100 })
    fc.assert(
      fc.property(time, time, (notBefore, hold) => {
        const record = aRecord({ notBefore: NOON + notBefore })
        const placed = placementOf(input({ entry: anEntry({ record }), holdUntil: 1_000 + hold }))
        const last = Math.max(notBefore, hold)
        expect(placed).toEqual(last === 0 ? { kind: 'ready' } : { kind: 'due', at: NOON + last })
      }),
    )
  })
})
