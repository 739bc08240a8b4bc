// Each invariant holds for what the protocol does, and is broken by what it forbids: a checker that
// cannot fail proves nothing.

import { describe, expect, it } from 'vitest'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import type { History, Start, Violations } from '../../invariants/history.ts'
import { cancelWins, startsAreExplained, writeBudget } from '../../invariants/runs.ts'
import {
  deadLettersComplete,
  epochRises,
  fencing,
  oneEffectiveCompletion,
  statusIsHonest,
  terminalIsFinal,
} from '../../invariants/status.ts'

type Written = Partial<QueueJobStatus> & Pick<QueueJobStatus, 'phase'>

const condition = (status: 'True' | 'False') => ({
  conditions: [
    { type: 'Succeeded', status, reason: 'A', lastTransitionTime: '2026-05-01T12:00:00Z' },
  ],
})
const yes = condition('True')
const no = condition('False')
const error = { category: 'Temporary', code: 'A' } as const

/** One write a second; starts a moment before the second that is named. */
function history(
  statuses: readonly Written[],
  starts: readonly (readonly [number, number])[] = [],
): History {
  return {
    versions: statuses.map((status, n) => ({
      uid: 'u',
      name: 'a',
      generation: 1,
      maxAttempts: 3,
      status: { observedGeneration: 1, ...status },
      at: 1000 * n,
    })),
    starts: starts.map(([epoch, second]): Start => ({ uid: 'u', epoch, at: 1000 * second - 1 })),
  }
}

const whole = history(
  [
    { phase: 'Running', epoch: 1 },
    { phase: 'Retrying', epoch: 1, attempts: 1, error, history: [{ number: 1, epoch: 1 }] },
    {
      phase: 'DeadLettered',
      reason: 'AttemptsExhausted',
      epoch: 2,
      attempts: 2,
      error,
      history: [1, 2].map((epoch) => ({ number: epoch, epoch })),
      ...no,
    },
    { phase: 'Scheduled', epoch: 3, replays: 1, actionOrder: 7 },
    { phase: 'Cancelled', epoch: 4, replays: 1, actionOrder: 8, ...no },
    { phase: 'Scheduled', epoch: 5, replays: 2, actionOrder: 9 },
    { phase: 'Completed', epoch: 6, replays: 2, actionOrder: 9, ...yes },
  ],
  [
    [1, 0],
    [2, 2],
    [6, 6],
  ],
)

const invariants: readonly (readonly [string, (of: History) => Violations])[] = [
  ['I-S4', oneEffectiveCompletion],
  ['I-S5', fencing],
  ['I-S6', epochRises],
  ['I-S7', startsAreExplained],
  ['I-S8', terminalIsFinal],
  ['I-S10', deadLettersComplete],
  ['I-S11', (of) => cancelWins(of, 5)],
  ['I-S18', (of) => writeBudget(of, () => ({ acts: 3, edits: 0 }))],
  ['I-S19', statusIsHonest],
]

describe('a life that the protocol allows', () => {
  it.each(invariants)('keeps %s', (_id, invariant) => {
    expect(invariant(whole)).toEqual([])
  })
})

describe('what the protocol forbids', () => {
  const first = { phase: 'Scheduled', epoch: 1 } as const
  const rows: readonly (readonly [string, string, History])[] = [
    [
      'I-S4',
      'two ends in one run',
      history([
        { phase: 'Completed', epoch: 1, ...yes },
        first,
        { phase: 'Failed', epoch: 2, error, ...no },
      ]),
    ],
    [
      'I-S4',
      'an attempt that ends twice',
      history([
        {
          ...first,
          history: [
            { number: 1, epoch: 1 },
            { number: 2, epoch: 1 },
          ],
        },
      ]),
    ],
    [
      'I-S5',
      'an attempt that counts after it was fenced',
      history([
        { phase: 'Scheduled', epoch: 5 },
        { phase: 'Retrying', epoch: 6, history: [{ number: 1, epoch: 4 }] },
      ]),
    ],
    [
      'I-S5',
      'an attempt that counts after it was closed',
      history([
        { phase: 'Scheduled', epoch: 5 },
        { phase: 'Retrying', epoch: 5, history: [{ number: 1, epoch: 5 }] },
      ]),
    ],
    [
      'I-S6',
      'an epoch that falls',
      history([
        { phase: 'Scheduled', epoch: 5 },
        { phase: 'Scheduled', epoch: 4 },
      ]),
    ],
    [
      'I-S6',
      'a replay with the old epoch',
      history([
        { phase: 'Failed', epoch: 5, error, ...no },
        { phase: 'Scheduled', epoch: 5, replays: 1 },
      ]),
    ],
    [
      'I-S6',
      'a cancel without a fence',
      history([first, { phase: 'Cancelled', epoch: 1, actionOrder: 3, ...no }]),
    ],
    [
      'I-S7',
      'more attempts than the maximum',
      history([{ phase: 'Retrying', epoch: 1, attempts: 4 }]),
    ],
    [
      'I-S7',
      'two starts with one token',
      history(
        [first],
        [
          [1, 1],
          [1, 2],
        ],
      ),
    ],
    [
      'I-S7',
      'a start that nothing explains',
      history(
        [first],
        [
          [1, 1],
          [2, 1],
          [3, 1],
        ],
      ),
    ],
    [
      'I-S8',
      'an end that becomes another',
      history([
        { phase: 'Failed', epoch: 1, error, ...no },
        { phase: 'Completed', epoch: 2, ...yes },
      ]),
    ],
    [
      'I-S8',
      'an end that is left without a replay',
      history([
        { phase: 'Failed', epoch: 1, error, ...no },
        { phase: 'Scheduled', epoch: 2 },
      ]),
    ],
    [
      'I-S10',
      'a dead letter without its error',
      history([{ phase: 'DeadLettered', reason: 'AttemptsExhausted', epoch: 1, ...no }]),
    ],
    [
      'I-S10',
      'a dead letter that forgot its attempts',
      history([
        { phase: 'DeadLettered', reason: 'AttemptsExhausted', epoch: 1, attempts: 3, error, ...no },
      ]),
    ],
    [
      'I-S10',
      'a dead letter by nothing',
      history([{ phase: 'DeadLettered', reason: 'Cancelled', epoch: 1, error, ...no }]),
    ],
    [
      'I-S11',
      'a start after a cancel',
      history([{ phase: 'Cancelled', epoch: 1, ...no }], [[2, 2]]),
    ],
    [
      'I-S11',
      'an outcome after a cancel',
      history([
        { phase: 'Cancelled', epoch: 1, ...no },
        { phase: 'Completed', epoch: 2, ...yes },
      ]),
    ],
    [
      'I-S18',
      'writes that nothing asked for',
      history([
        first,
        ...Array.from({ length: 9 }, (_, n) => ({ phase: 'Scheduled', epoch: n + 2 }) as const),
      ]),
    ],
    [
      'I-S19',
      'observedGeneration that falls',
      history([
        { ...first, observedGeneration: 1 },
        { ...first, observedGeneration: 0 },
      ]),
    ],
    [
      'I-S19',
      'observedGeneration ahead of the spec',
      history([{ ...first, observedGeneration: 2 }]),
    ],
    ['I-S19', 'a failure that succeeded', history([{ phase: 'Failed', epoch: 1, error, ...yes }])],
  ]
  it.each(rows)('breaks %s: %s', (id, _what, broken) => {
    const invariant = invariants.find(([name]) => name === id)?.[1]
    expect(invariant?.(broken)).not.toEqual([])
  })
})
