// Conditions as kubectl and GitOps tools read them: the state table, and transition times that only move
// with a transition.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import { conditionsOf, mergeConditions } from '../../../src/core/conditions.ts'
import { isTerminal } from '../../../src/core/job.ts'
import { NOON } from '../../builders.ts'

const said = (phase: (typeof PHASES)[number], stalled = false) =>
  conditionsOf(phase, stalled).map(({ type, status }) => `${type}=${status}`)

describe('conditionsOf', () => {
  it.each([
    ['Pending', []],
    ['Scheduled', ['Reconciling=True']],
    ['Delayed', ['Reconciling=True']],
    ['Blocked', ['Reconciling=True']],
    ['Retrying', ['Reconciling=True']],
    ['Running', ['Reconciling=True']],
    ['Suspended', ['Ready=True']],
    ['Completed', ['Ready=True', 'Succeeded=True', 'Finished=True']],
    ['Failed', ['Stalled=True', 'Succeeded=False', 'Finished=True']],
    ['DeadLettered', ['Stalled=True', 'Succeeded=False', 'Finished=True']],
    ['Cancelled', ['Stalled=True', 'Succeeded=False', 'Finished=True']],
  ] as const)('of %s are %j', (phase, want) => {
    expect(said(phase)).toEqual(want)
  })

  it('of a wait that only a person can end are Stalled', () => {
    expect(said('Blocked', true)).toEqual(['Stalled=True'])
  })

  it('tell `kubectl wait` of the end of a job exactly when it has ended', () => {
    for (const phase of PHASES) {
      expect(said(phase).includes('Finished=True')).toBe(isTerminal(phase))
    }
  })

  it('never say Ready and Stalled at once: kstatus would be torn', () => {
    for (const phase of PHASES) {
      for (const stalled of [true, false]) {
        const types = said(phase, stalled).join()
        expect(types.includes('Ready') && types.includes('Stalled')).toBe(false)
      }
    }
  })
})

describe('mergeConditions', () => {
  const reconciling = [{ type: 'Reconciling', status: 'True' }] as const
  const before = mergeConditions(undefined, reconciling, 'NoWorkers', NOON)

  it('gives a new condition the time of now', () => {
    expect(before).toEqual([
      {
        type: 'Reconciling',
        status: 'True',
        reason: 'NoWorkers',
        lastTransitionTime: '2026-05-01T12:00:00Z',
      },
    ])
  })

  it('keeps the time of one that holds as before, whatever its reason is now', () => {
    expect(mergeConditions(before, reconciling, 'Running', NOON + 5000)).toEqual([
      {
        type: 'Reconciling',
        status: 'True',
        reason: 'Running',
        lastTransitionTime: '2026-05-01T12:00:00Z',
      },
    ])
  })

  it('moves the time of one that turned', () => {
    const turned = [{ type: 'Reconciling', status: 'False' }] as const
    expect(mergeConditions(before, turned, 'Running', NOON + 5000)[0]?.lastTransitionTime).toBe(
      '2026-05-01T12:00:05Z',
    )
  })

  it('leaves out what is not said any more', () => {
    expect(mergeConditions(before, [], 'Pending', NOON)).toEqual([])
  })

  it('is the same when it is done again: equal input, equal bytes, no write', () => {
    const phases = fc.constantFrom(...PHASES)
    fc.assert(
      fc.property(phases, phases, fc.integer({ min: 0, max: 1e9 }), (first, second, ms) => {
        const old = mergeConditions(undefined, conditionsOf(first, false), 'A', NOON)
        const once = mergeConditions(old, conditionsOf(second, false), 'B', NOON + ms)
        expect(mergeConditions(once, conditionsOf(second, false), 'B', NOON + ms + 9000)).toEqual(
          once,
        )
      }),
    )
  })
})
