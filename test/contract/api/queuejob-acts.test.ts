// What the status writer makes of the facts of a job's life, written to the genuine API server one after
// the other: its rules (protocol W9) take every step that the state machine allows.

import { beforeAll, describe, it } from 'vitest'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import type { Fact } from '../../../src/core/facts.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { aJob, epoch, NOON, newer } from '../../builders.ts'
import {
  cancel,
  confirm,
  discard,
  duplicate,
  expired,
  FIRST,
  failure,
  lost,
  outcome,
  planned,
  refused,
  replay,
  rerun,
  retryNow,
  running,
  seen,
  trim,
  waiting,
} from '../../unit/persistence/facts.ts'
import { api, create, type Door, expectAccepted, type Json, openDoor, patch } from './door.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor('api-queuejob-acts')
})

/** A fact, or an edit of the spec. */
type Move = Fact | { readonly spec: Json }

/** The whole status, as the writer sends it. */
async function put(name: string, status: QueueJobStatus): Promise<void> {
  const { body } = await door.send('GET', door.path('queuejobs', name))
  expectAccepted(
    await door.send('PUT', door.path('queuejobs', name, 'status'), { ...body, status }),
  )
}

async function live(given: Json, moves: readonly Move[]): Promise<void> {
  const spec = { type: 'a', queue: 'default', ...given }
  const name = await create(door, 'queuejobs', api('QueueJob', spec))
  let job: JobObject = aJob({ spec })
  const at = NOON + 3_600_000
  for (const move of moves) {
    if ('kind' in move) {
      job = newer(job, { status: planned(job, [move], at) })
      await put(name, job.status)
    } else {
      expectAccepted(await patch(door, 'queuejobs', name, { spec: move.spec }))
      const changed = { ...job.spec, ...move.spec } as JobObject['spec']
      job = newer(job, { generation: job.generation + 1, spec: changed })
    }
  }
}

const once = { retry: { maxAttempts: 1 } }
const next = (seq: number) => ({ epoch: epoch(seq) })
const crash = (seq: number) => lost({ epoch: epoch(seq), fence: epoch(seq + 1) })
const success = outcome({ ...next(9), outcome: { kind: 'succeeded', resultJson: '{"sent":1}' } })

const lives: readonly (readonly [string, Json, readonly Move[]])[] = [
  [
    'a replay of a dead letter, which uses its attempts up again',
    once,
    [
      running(),
      failure(),
      replay(),
      running(next(4)),
      failure(next(4)),
      replay({ order: 3001, fence: epoch(5), payload: FIRST }),
      success,
    ],
  ],
  [
    'a replay after crashes beyond the budget',
    { crashBudget: { max: 1, windowSeconds: 600 } },
    [crash(1), crash(3), replay({ fence: epoch(5) }), crash(6), crash(8)],
  ],
  ['a replay of a success: its result goes', {}, [outcome({ outcome: success.outcome }), replay()]],
  ['a replay of a cancelled job that never started', {}, [cancel(), replay()]],
  ['a replay of a refused job', {}, [refused(), replay()]],
  ['a replay, trimmed before', {}, [failure(), { ...success, ...next(2) }, trim, replay()]],
  [
    'a run for each runId',
    { runId: 'a' },
    [
      running({ runId: 'a' }),
      { spec: { runId: 'b' } },
      outcome({ runId: 'a' }),
      rerun(),
      outcome({ ...next(4), runId: 'b' }),
      { spec: { runId: 'c' } },
      rerun({ fence: epoch(5) }),
    ],
  ],
  [
    'a run of a duplicate, by its runId',
    { idempotencyKey: 'k' },
    [duplicate(), { spec: { runId: 'b' } }, rerun(), outcome({ ...next(4), runId: 'b' })],
  ],
  [
    'a duplicate that was told before why it waits',
    { idempotencyKey: 'k' },
    [waiting(), duplicate()],
  ],
  [
    'a dead letter that is discarded, and replayed after all',
    once,
    [failure(), discard(), replay({ order: 3001, fence: epoch(4) })],
  ],
  [
    'a restored job that is discarded',
    {},
    [waiting({ phase: 'Blocked', reason: 'RestoredUnconfirmed' }), discard({ fence: epoch(1) })],
  ],
  [
    'a restored job that is confirmed, and runs',
    {},
    [confirm(), running(next(2)), outcome(next(2))],
  ],
  ['a back-off that is cut short', {}, [failure(), retryNow(), outcome(next(2))]],
  [
    'a deadline that ends a running attempt',
    { activeDeadlineSeconds: 1800 },
    [
      running(),
      expired({ attempt: { epoch: epoch(1), runId: '', place: null }, at: NOON + 3_600_000 }),
      replay({ at: NOON + 3_600_000 }),
    ],
  ],
  [
    'a deadline that ends a job that waits',
    { activeDeadlineSeconds: 1800 },
    [expired({ at: NOON + 3_600_000 })],
  ],
  [
    'a suspension, with a clock that stands still',
    { activeDeadlineSeconds: 7200 },
    [waiting(), { spec: { suspend: true } }, seen, { spec: { suspend: false } }, seen, outcome()],
  ],
  [
    'a trim of an ended job, whose spec is edited afterwards',
    {},
    [failure(), { ...success, ...next(2) }, trim, { spec: { ttlSecondsAfterFinished: 60 } }, seen],
  ],
]

describe('the API server takes every step of', () => {
  it.each(lives)('%s', (_name, spec, moves) => live(spec, moves))
})
