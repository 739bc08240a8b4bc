// The life of an attempt as pure state: whatever happens in whatever order, it ends once.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../../src/core/outcome.ts'
import {
  type Abort,
  abortError,
  aborted,
  acknowledged,
  ackWithinMs,
  ended,
  type Life,
  received,
  SETTLE_MS,
  START_LIMITS,
  started,
  wakeAt,
  woken,
} from '../../../src/worker/attempt.ts'

const limit = { attempt: 1, timeoutMs: 20_000 }
const value: Outcome = { kind: 'succeeded', resultJson: '1' }
const failure: Outcome = {
  kind: 'failed',
  failure: { category: 'Temporary', code: 'Error', message: 'no' },
  retryAfterMs: null,
}

const aborts: readonly Abort[] = [
  { kind: 'timeout' },
  { kind: 'cancelled', why: 'suspended' },
  { kind: 'drain' },
  { kind: 'lease-lost' },
  { kind: 'superseded', by: 9 },
]

const step = fc.oneof(
  fc.record({ do: fc.constant('ack' as const), confirmed: fc.boolean() }),
  fc.record({ do: fc.constant('start' as const) }),
  fc.record({ do: fc.constant('abort' as const), abort: fc.constantFrom(...aborts) }),
  fc.record({ do: fc.constant('end' as const), own: fc.constantFrom(value, failure) }),
  fc.record({ do: fc.constant('wake' as const) }),
)
const history = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 12_000 })), { maxLength: 20 })

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function apply(life: Life, what: Step, now: number): Life {
  switch (what.do) {
    case 'ack':
      return acknowledged(life, what.confirmed, now)
    case 'start':
      return started(life, limit, now)
    case 'abort':
      return aborted(life, what.abort, now)
    case 'end':
      return ended(life, what.own, now)
    case 'wake':
      return woken(life, now)
  }
}

function play(steps: readonly (readonly [Step, number])[]): readonly { life: Life; now: number }[] {
  let life = received(0, 0)
  let now = 0
  return steps.map(([what, ms]) => {
    now += ms
    life = apply(life, what, now)
    return { life, now }
  })
}

describe('an attempt, whatever happens', () => {
  it('decides its outcome at most once and never changes it (O7)', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const decided = play(steps).filter(({ life }) => life.stage === 'decided')
        expect(new Set(decided.map(({ life }) => life)).size).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('runs only after a confirmed ack within the limits (K3)', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const stages = play(steps)
        const run = stages.findIndex(({ life }) => life.stage === 'running')
        if (run < 0) return
        const taken = stages.findIndex(({ life }) => life.stage === 'taken')
        const at = steps.findIndex(([what]) => what.do === 'ack' && what.confirmed)
        expect(taken).toBe(at)
        expect(taken).toBeLessThan(run)
        expect(stages[taken]?.now).toBeLessThanOrEqual(START_LIMITS.sinceReceiptMs)
      }),
    )
  })

  it('ends by itself after its deadline and the settling time, without the handler', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const last = play(steps).at(-1)
        if (!last || (last.life.stage !== 'running' && last.life.stage !== 'ending')) return
        let life: Life = last.life
        for (let at = wakeAt(life); at !== null; at = wakeAt(life)) {
          life = woken(life, Math.max(at, last.now))
        }
        expect(life).toMatchObject({ stage: 'decided', abandoned: true })
        const began = 'startedAt' in last.life ? last.life.startedAt : 0
        const until = Math.max(began + limit.timeoutMs, last.now) + SETTLE_MS
        expect(life.stage === 'decided' && life.endedAt).toBeLessThanOrEqual(until)
      }),
    )
  })

  it('is never decided as aborted by what came after its end', () => {
    const done = ended(started(acknowledged(received(0, 0), true, 1), limit, 1), value, 2)
    for (const abort of aborts) expect(aborted(done, abort, 3)).toBe(done)
    expect(woken(done, 1_000_000)).toBe(done)
  })
})

describe('an aborted attempt', () => {
  const running = started(acknowledged(received(0, 0), true, 0), limit, 0)
  const rows: readonly [Abort['kind'], signal: string, thrown: string, returned: string][] = [
    ['timeout', 'timeout', 'timed-out', 'timed-out'],
    ['cancelled', 'cancelled', 'cancelled', 'succeeded'],
    ['drain', 'drain', 'handed-back', 'succeeded'],
    ['lease-lost', 'lease-lost', 'handed-back', 'handed-back'],
    ['superseded', 'lease-lost', 'handed-back', 'handed-back'],
  ]
  it.each(rows)('by %s: signal %s; throws → %s; returns → %s', (kind, reason, threw, returned) => {
    const abort = aborts.find((one) => one.kind === kind)
    if (!abort) throw new Error(kind)
    const ending = aborted(running, abort, 5)
    expect(abortError(abort).reason).toBe(reason)
    expect(ended(ending, failure, 6)).toMatchObject({ outcome: { kind: threw } })
    expect(ended(ending, value, 6)).toMatchObject({ outcome: { kind: returned } })
    const due = wakeAt(ending) ?? 0
    expect(woken(ending, due - 1)).toBe(ending)
    expect(woken(ending, due)).toMatchObject({ outcome: { kind: threw }, abandoned: true })
  })

  it('by a cancel gets the grace that it names, and is given up after it', () => {
    for (const graceMs of [0, 1, 30_000]) {
      const ending = aborted(running, { kind: 'cancelled', why: 'cancelled', graceMs }, 5)
      expect(wakeAt(ending)).toBe(5 + graceMs)
      expect(woken(ending, 5 + graceMs)).toMatchObject({
        outcome: { kind: 'cancelled' },
        abandoned: true,
      })
    }
    const unnamed = aborted(running, { kind: 'cancelled', why: 'void' }, 5)
    expect(wakeAt(unnamed)).toBe(5 + SETTLE_MS)
  })

  it('keeps the first reason', () => {
    const ending = aborted(running, { kind: 'cancelled', why: 'cancelled' }, 5)
    expect(aborted(ending, { kind: 'drain' }, 6)).toBe(ending)
  })
})

describe('the time for an ack', () => {
  it.each([
    [0, 0, 0, 8_000],
    [0, 20_000, 20_000, 5_000],
    [0, 1_000, 8_000, 1_000],
    [0, 0, 9_000, -1_000],
  ])(
    'requested at %i, received at %i, now %i: %i ms are left',
    (requestedAt, receivedAt, now, want) => {
      expect(ackWithinMs({ requestedAt, receivedAt }, now)).toBe(want)
    },
  )
})
