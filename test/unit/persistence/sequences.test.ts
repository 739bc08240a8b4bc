// Whatever happens to a job, in whatever order: what is written is taken by the API server, is planned
// once, and never undoes an end.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isReason, REASONS } from '../../../src/api/reasons.ts'
import { NO_STOPS } from '../../../src/core/active-deadline.ts'
import { type Fact, type LossCause, onlyInforms } from '../../../src/core/facts.ts'
import { isTerminal, isWaiting, type JobObject, mayMove } from '../../../src/core/job.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import { strippedStatus } from '../../../src/persistence/size.ts'
import { planRefused } from '../../../src/persistence/status.ts'
import { aJob, aPlace, epoch, NOON, newer } from '../../builders.ts'
import { type FactOf, FIRST, plan, recordOf } from './facts.ts'
import { refusals } from './w9.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 2000 })
const failures = fc.record({
  category: fc.constantFrom('Temporary', 'Permanent', 'Timeout', 'System', 'Cancelled' as const),
  code: fc.constantFrom('A', 'B', 'InvalidPayload', 'WorkerCrashed'),
  message: text,
})
const results = fc.option(
  fc.oneof(
    fc.json({ maxDepth: 3 }),
    fc.constantFrom('{', '[9007199254740993]', `"${'x'.repeat(16_000)}"`, `"${'€'.repeat(6000)}"`),
  ),
)
const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
  results.map((resultJson) => ({ kind: 'succeeded' as const, resultJson })),
  fc.record({
    kind: fc.constant('failed' as const),
    failure: failures,
    retryAfterMs: fc.option(fc.integer({ min: 0, max: 1e9 })),
  }),
  fc.record({ kind: fc.constantFrom('timed-out', 'rejected' as const), failure: failures }),
  fc.record({ kind: fc.constant('snoozed' as const), delayMs: fc.integer({ min: 0, max: 1e9 }) }),
  fc.record({ kind: fc.constantFrom('cancelled', 'handed-back' as const) }),
)
const causes = fc.constantFrom<LossCause>('WorkerCrashed', 'WorkerEvicted', 'LeaseLost', 'NodeLost')
const places = fc.constantFrom(aPlace(), aPlace({ pod: '', node: '' }), aPlace({ pod: 'other' }))
const someplace = fc.option(places)
const times = fc.integer({ min: 0, max: 7200 }).map((seconds) => NOON + 1000 * seconds)
const rolls = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const numbers = fc.integer({ min: 1, max: 200 })
/** Few, so that facts meet the epoch that is open, closed ones and younger ones. */
const epochs = fc.integer({ min: 1, max: 12 }).map((seq) => epoch(seq))
const runIds = fc.constantFrom('', 'r1', 'r2')

/** What each act of an action says. */
const acted = {
  order: fc.integer({ min: 0, max: 8 }),
  action: fc.constant('act'),
  by: fc.constantFrom('', 'alice'),
  comment: text.map((long) => long.slice(0, 256)),
  at: times,
}

/** Each kind of fact; a fence is mostly, but not always, above what it fences. */
const FACTS: { readonly [K in Fact['kind']]: fc.Arbitrary<FactOf<K>> } = {
  seen: fc.constant({ kind: 'seen' }),
  refused: fc.record({
    kind: fc.constant('refused'),
    reason: fc.constantFrom('InvalidSpec', 'NotYetSupported'),
    message: fc.constant('it is not valid'),
  }),
  waiting: fc.record({
    kind: fc.constant('waiting'),
    phase: fc.constantFrom('Scheduled', 'Delayed', 'Blocked', 'Suspended', 'Retrying'),
    reason: fc.constantFrom('NoWorkers', 'QueueNotFound', 'Suspended'),
    message: fc.constant('it waits'),
    stalled: fc.boolean(),
  }),
  running: fc.record({
    kind: fc.constant('running'),
    epoch: epochs,
    attempt: numbers,
    runId: runIds,
    place: places,
    startedAt: times,
  }),
  outcome: fc.record({
    kind: fc.constant('outcome'),
    epoch: epochs,
    attempt: numbers,
    runId: runIds,
    place: places,
    outcome: outcomes,
    startedAt: times,
    endedAt: times,
    roll: rolls,
  }),
  lost: fc.record({
    kind: fc.constant('lost'),
    runId: fc.constant(''),
    epoch: epochs,
    fence: epochs,
    cause: causes,
    counts: fc.constantFrom('crash', 'eviction', 'nothing'),
    message: text.map((long) => long.slice(0, 500).toWellFormed()),
    place: someplace,
    at: times,
    roll: rolls,
  }),
  overdue: fc.record({
    kind: fc.constant('overdue'),
    runId: fc.constant(''),
    epoch: epochs,
    fence: epochs,
    place: someplace,
    at: times,
    roll: rolls,
  }),
  stuck: fc.record({ kind: fc.constant('stuck'), epoch: epochs, fence: epochs }),
  cancel: fc.record({ ...acted, kind: fc.constant('cancel'), fence: epochs }),
  discard: fc.record({ ...acted, kind: fc.constant('discard'), fence: epochs }),
  replay: fc.record({
    ...acted,
    kind: fc.constant('replay'),
    fence: epochs,
    payload: fc.option(fc.constant({ name: 'again', uid: FIRST.uid })),
  }),
  rerun: fc.record({ kind: fc.constant('rerun'), fence: epochs, at: times }),
  'retry-now': fc.record({ ...acted, kind: fc.constant('retry-now') }),
  confirm: fc.record({ ...acted, kind: fc.constant('confirm'), fence: epochs }),
  duplicate: fc.record({
    kind: fc.constant('duplicate'),
    first: fc.constant(FIRST),
    at: times,
  }),
  trim: fc.constant({ kind: 'trim' }),
  expired: fc.record({
    kind: fc.constant('expired'),
    fence: epochs,
    attempt: fc.option(fc.record({ epoch: epochs, runId: runIds, place: someplace })),
    at: times,
  }),
  progress: fc.record({
    kind: fc.constant('progress'),
    epoch: epochs,
    percent: fc.integer({ min: 0, max: 100 }),
    message: text.map((long) => long.slice(0, 512)),
  }),
}

const facts: fc.Arbitrary<Fact> = fc.oneof(...Object.values(FACTS))
const batches = fc.array(fc.array(facts, { minLength: 1, maxLength: 3 }), { maxLength: 25 })
const specs = fc.record(
  {
    suspend: fc.boolean(),
    readiness: fc.constantFrom('Completed', 'Accepted' as const),
    retry: fc.record({ maxAttempts: fc.integer({ min: 1, max: 5 }) }, { requiredKeys: [] }),
    crashBudget: fc.record({
      max: fc.integer({ min: 0, max: 3 }),
      windowSeconds: fc.constant(600),
    }),
    activeDeadlineSeconds: fc.constantFrom(600, 3600),
    runId: fc.constantFrom('r1', 'r2'),
  },
  { requiredKeys: ['suspend', 'readiness', 'retry', 'crashBudget'] },
)
/** Between two writes the user may lower the maximum, edit, suspend or ask for another run. */
const edits = fc.array(fc.option(specs, { freq: 3 }), { maxLength: 25 })

type Edit = NonNullable<NonNullable<Parameters<typeof aJob>[0]>['spec']>

/** Plays the batches as single writes; `each` sees every one that is written. */
function play(
  start: JobObject,
  parts: readonly (readonly Fact[])[],
  changes: readonly (Edit | null)[],
  each: (object: JobObject, batch: readonly Fact[], next: JobObject, now: number) => void,
): JobObject {
  let object = start
  parts.forEach((batch, i) => {
    const now = NOON + 60_000 * i
    const change = changes[i]
    if (change) {
      // CEL lets a policy change while the job waits only.
      const { suspend, runId } = change
      const anyTime = { suspend, ...(runId === undefined ? {} : { runId }) }
      const spec = isWaiting(object.status.phase)
        ? aJob({ spec: change }).spec
        : { ...object.spec, ...anyTime }
      object = newer(object, { generation: object.generation + 1, spec })
    }
    const { status } = plan(object, batch, now)
    if (!status) return
    const next = newer(object, { status })
    each(object, batch, next, now)
    object = next
  })
  return object
}

describe('any sequence of facts', () => {
  const scenario = fc.tuple(specs, batches, edits)

  it('gives statuses that the API server takes (W9)', () => {
    fc.assert(
      fc.property(scenario, ([spec, parts, changes]) => {
        play(aJob({ spec }), parts, changes, (object, _batch, next) => {
          expect(refusals(object, next.status)).toEqual([])
        })
      }),
      { numRuns: 300 },
    )
  })

  it('moves only as the state machine allows', () => {
    fc.assert(
      fc.property(scenario, ([spec, parts, changes]) => {
        play(aJob({ spec }), parts, changes, (object, _batch, next) => {
          const again = (next.status.replays ?? 0) > (object.status.replays ?? 0)
          expect(mayMove(object.status.phase, next.status.phase, again)).toBe(true)
        })
      }),
    )
  })

  it('is planned once: what was applied changes nothing on what was written, but for what it tells', () => {
    fc.assert(
      fc.property(scenario, ([spec, parts, changes]) => {
        play(aJob({ spec }), parts, changes, (object, batch, next, now) => {
          const { applied } = plan(object, batch, now)
          // A spec that is seen is seen each time; it changes nothing twice.
          const contained = batch.filter((fact, i) => applied[i] && !onlyInforms(fact))
          expect(plan(next, contained, now).status).toBeNull()
        })
      }),
    )
  })

  it('gives equal statuses for equal input', () => {
    fc.assert(
      fc.property(scenario, ([spec, parts, changes]) => {
        play(aJob({ spec }), parts, changes, (object, batch, next, now) => {
          const again = plan(object, batch, now).status
          expect(JSON.stringify(again)).toBe(JSON.stringify(next.status))
        })
      }),
    )
  })

  it('counts no epoch twice: each attempt ends once', () => {
    fc.assert(
      fc.property(scenario, ([spec, parts, changes]) => {
        const end = play(aJob({ spec }), parts, changes, () => {})
        const ended = (end.status.history ?? []).map((entry) => entry.epoch)
        expect(new Set(ended).size).toBe(ended.length)
        expect([...ended].sort((a, b) => a - b)).toEqual(ended)
      }),
    )
  })

  it('leaves an open attempt only in the phase Running, and says so in a reason of the table', () => {
    fc.assert(
      fc.property(scenario, ([spec, parts, changes]) => {
        play(aJob({ spec }), parts, changes, (_object, batch, { status }) => {
          const reason = status.reason ?? 'Pending'
          expect(isReason(reason) && REASONS[reason].scope).toBe('Job')
          const waited = batch.some(({ kind }) => kind === 'waiting')
          // A told wait carries the phase that its teller chose.
          if (!waited && isReason(reason) && status.phase !== 'Pending') {
            const { phase } = REASONS[reason]
            if (phase !== 'Blocked' && reason !== 'NoWorkers' && reason !== 'Suspended') {
              expect(phase).toBe(status.phase)
            }
          }
          if (isTerminal(status.phase)) {
            expect(status.completionTime).toBeDefined()
            expect(status).not.toHaveProperty('nextAttemptTime')
          }
          if (status.phase !== 'Running') expect(status).not.toHaveProperty('progress')
        })
      }),
    )
  })

  it('a due time is never lost before it has passed, nor moved by what only informs', () => {
    fc.assert(
      fc.property(scenario, ([spec, parts, changes]) => {
        play(aJob({ spec }), parts, changes, (object, batch, { status }, now) => {
          const { nextAttemptTime } = object.status
          const informs = batch.every(({ kind }) => kind === 'waiting' || kind === 'seen')
          if (!informs || nextAttemptTime === undefined) return
          if (Date.parse(nextAttemptTime) > now)
            expect(status.nextAttemptTime).toBe(nextAttemptTime)
        })
      }),
    )
  })

  it('has for each write two smaller forms that the API server takes, too (W5)', () => {
    fc.assert(
      fc.property(scenario, ([spec, parts, changes]) => {
        play(aJob({ spec }), parts, changes, (object, _batch, next, now) => {
          if (!isTerminal(object.status.phase)) {
            expect(refusals(object, strippedStatus(next.status))).toEqual([])
          }
          const input = { object, record: recordOf(object), now, stops: NO_STOPS }
          const refused = planRefused(input, next.status, 'status.message: too long')
          expect(refused === null).toBe(isTerminal(object.status.phase))
          if (refused) expect(refusals(object, refused)).toEqual([])
        })
      }),
    )
  })
})
