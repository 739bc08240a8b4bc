// What users ask of a job beside its attempts (protocol section 10): replay, rerun, retry now, discard,
// confirm; and what the system decides without one: duplicate, trim.

import { describe, expect, it } from 'vitest'
import { PHASES, TERMINAL_PHASES, WAITING_PHASES } from '../../../src/api/conditions.ts'
import { MAX_ACTION_REPLAYS } from '../../../src/core/replays.ts'
import { aJob, epoch, NOON, newer } from '../../builders.ts'
import {
  cancel,
  confirm,
  discard,
  duplicate,
  FIRST,
  failure,
  IN_PHASE,
  lost,
  NOW,
  outcome,
  overdue,
  plan,
  planned,
  refused,
  replay,
  rerun,
  retryNow,
  running,
  seen,
  trim,
  waiting,
  written,
} from './facts.ts'

const SHORT = { retry: { maxAttempts: 1 } } as const
const deadLetter = () => written(aJob({ spec: SHORT }), [failure()])

describe('a replay (U3)', () => {
  it.each([...TERMINAL_PHASES])(
    'takes a job that is %s back to the beginning, in one write',
    (phase) => {
      expect(planned(IN_PHASE[phase], [replay({ by: 'alice' })])).toMatchObject({
        phase: 'Scheduled',
        reason: 'Replayed',
        message: 'the job had ended and runs again, as alice asked',
        epoch: epoch(3),
        replays: 1,
        actionOrder: 3000,
      })
    },
  )

  it.each([...WAITING_PHASES, 'Running'] as const)('leaves a job that is %s alone', (phase) => {
    expect(plan(IN_PHASE[phase], [replay()]).status).toBeNull()
  })

  it('clears what the old run used up and left behind, and keeps its history', () => {
    const full = newer(deadLetter(), {
      status: {
        ...deadLetter().status,
        crashes: 2,
        evictions: 1,
        snoozes: 7,
        result: { a: 1 },
        duplicateOf: FIRST,
        payloadAction: FIRST,
        progress: { percent: 3 },
      },
    })
    const status = planned(full, [replay()])
    for (const field of [
      'attempts',
      'attempt',
      'crashes',
      'evictions',
      'snoozes',
      'result',
      'error',
      'completionTime',
      'worker',
      'progress',
      'duplicateOf',
      'payloadAction',
      'nextAttemptTime',
      'runId',
    ]) {
      expect(status).not.toHaveProperty(field)
    }
    expect(status.history).toEqual(full.status.history)
    expect(status.queuedTime).toBe(full.status.queuedTime)
    expect(status.startTime).toBe(full.status.startTime)
    expect(status.conditions?.map(({ type, status: is }) => `${type}=${is}`)).toEqual([
      'Reconciling=True',
    ])
  })

  it('gives the next run the payload of the action, and the one after it its own again', () => {
    const first = written(deadLetter(), [replay({ payload: FIRST })])
    expect(first.status.payloadAction).toEqual(FIRST)
    const ended = written(first, [outcome({ epoch: epoch(4) })])
    expect(ended.status.payloadAction).toEqual(FIRST)
    const second = planned(ended, [replay({ order: 3001, fence: epoch(5) })])
    expect(second).not.toHaveProperty('payloadAction')
  })

  it('of a suspended job waits, suspended', () => {
    const object = newer(deadLetter(), { spec: { ...deadLetter().spec, suspend: true } })
    expect(planned(object, [replay()])).toMatchObject({ phase: 'Suspended', replays: 1 })
  })

  it('without a fence above what is recorded changes nothing', () => {
    expect(plan(deadLetter(), [replay({ fence: epoch(1) })]).status).toBeNull()
  })

  it(`is taken ${MAX_ACTION_REPLAYS} times from actions; runs that spec.runId asked for do not count`, () => {
    const having = (replays: number, reruns: number) =>
      newer(deadLetter(), { status: { ...deadLetter().status, replays, reruns } })
    expect(plan(having(MAX_ACTION_REPLAYS, 0), [replay()]).status).toBeNull()
    expect(planned(having(MAX_ACTION_REPLAYS, 1), [replay()])).toMatchObject({
      replays: MAX_ACTION_REPLAYS + 1,
      reruns: 1,
    })
  })

  it('is never merged with the end that it follows: the end stands in etcd first', () => {
    const { status, applied } = plan(aJob({ spec: SHORT }), [failure(), replay()])
    expect(status?.phase).toBe('DeadLettered')
    expect(applied).toEqual([true])
  })

  it('is never merged with what comes after it either', () => {
    const { status, applied } = plan(deadLetter(), [
      replay(),
      cancel({ order: 3001, fence: epoch(4) }),
    ])
    expect(status?.phase).toBe('Scheduled')
    expect(applied).toEqual([true])
  })
})

describe('spec.runId', () => {
  const asking = (runId: string, object = IN_PHASE.Completed) =>
    newer(object, { generation: 2, spec: { ...object.spec, runId } })

  it('that names another run than the ended one runs the job again, with that id', () => {
    expect(planned(asking('r2'), [rerun()])).toMatchObject({
      phase: 'Scheduled',
      reason: 'Replayed',
      message: 'the job had ended and runs again, as spec.runId r2 asked',
      runId: 'r2',
      replays: 1,
      reruns: 1,
      observedGeneration: 2,
    })
  })

  it('that is equal or absent asks for nothing', () => {
    const ended = written(aJob({ spec: { runId: 'r1' } }), [outcome({ runId: 'r1' })])
    expect(plan(ended, [rerun()]).status).toBeNull()
    const { runId: _, ...without } = ended.spec
    expect(plan(newer(ended, { spec: without }), [rerun()]).status).toBeNull()
  })

  it('asks for nothing of a job that has not ended', () => {
    expect(plan(asking('r2', IN_PHASE.Running), [rerun()]).status).toBeNull()
    expect(plan(asking('r2', IN_PHASE.Retrying), [rerun()]).status).toBeNull()
  })

  it('that changed during the run causes one more run, and then no other (O6)', () => {
    const running1 = written(aJob({ spec: { runId: 'r1' } }), [running({ runId: 'r1' })])
    const ended = written(asking('r2', running1), [outcome({ runId: 'r1' })])
    expect(ended.status).toMatchObject({ phase: 'Completed', runId: 'r1' })
    const again = written(ended, [rerun()])
    const endedAgain = written(again, [outcome({ epoch: epoch(4), runId: 'r2' })])
    expect(endedAgain.status).toMatchObject({ phase: 'Completed', runId: 'r2' })
    expect(plan(endedAgain, [rerun({ fence: epoch(5) })]).status).toBeNull()
  })

  const spec = {
    runId: 'r1',
    retry: { maxAttempts: 1 },
    crashBudget: { max: 0, windowSeconds: 60 },
  }
  const ends = [
    ['cancelled', cancel()],
    ['refused', refused()],
    ['a duplicate', duplicate()],
    ['lost too often', lost({ runId: 'r1' })],
    ['overdue', overdue({ runId: 'r1' })],
    ['failed', failure({ runId: 'r1' })],
  ] as const
  it.each(ends)(
    'is recorded by a job that ends %s, so that its end asks for no other run',
    (_how, fact) => {
      const ended = written(aJob({ spec }), [fact])
      expect(TERMINAL_PHASES).toContain(ended.status.phase)
      expect(ended.status.runId).toBe('r1')
      expect(plan(ended, [rerun()]).status).toBeNull()
    },
  )

  it('that changed while the job was cancelled asks for nothing: the cancel is about both', () => {
    const running1 = written(aJob({ spec: { runId: 'r1' } }), [running({ runId: 'r1' })])
    const ended = written(asking('r2', running1), [cancel()])
    expect(ended.status).toMatchObject({ phase: 'Cancelled', runId: 'r2' })
    expect(plan(ended, [rerun()]).status).toBeNull()
  })
})

describe('an unchanged manifest that is applied again', () => {
  it.each([...PHASES])('writes nothing to a job that is %s', (phase) => {
    const object = IN_PHASE[phase]
    const again = newer(written(object, [seen]))
    expect(plan(again, [seen]).status).toBeNull()
  })
})

describe('retry now', () => {
  it('cuts a back-off short and leaves what was used up', () => {
    const status = planned(IN_PHASE.Retrying, [retryNow({ by: 'alice' })])
    expect(status).toMatchObject({
      phase: 'Scheduled',
      reason: 'Requeued',
      attempts: 1,
      actionOrder: 3000,
    })
    expect(status.message).toContain('alice asked for it')
    expect(status).not.toHaveProperty('nextAttemptTime')
  })

  it('cuts a snooze short', () => {
    expect(planned(IN_PHASE.Delayed, [retryNow()])).toMatchObject({
      phase: 'Scheduled',
      snoozes: 1,
    })
  })

  it.each(['Pending', 'Scheduled', 'Running', ...TERMINAL_PHASES] as const)(
    'changes nothing of a job that is %s',
    (phase) => {
      expect(plan(IN_PHASE[phase], [retryNow()]).status).toBeNull()
    },
  )
})

describe('a discard', () => {
  it('ends a dead letter as cancelled, and says who wanted it', () => {
    const status = planned(IN_PHASE.DeadLettered, [discard({ by: 'alice', comment: 'too old' })])
    expect(status).toMatchObject({
      phase: 'Cancelled',
      reason: 'Discarded',
      message: 'discarded by alice: too old',
      epoch: epoch(3),
      actionOrder: 3000,
    })
    expect(status.history).toEqual(IN_PHASE.DeadLettered.status.history)
  })

  it('ends a restored job that nothing was written to', () => {
    const object = aJob({ tags: { restored: true } })
    expect(planned(object, [discard({ fence: epoch(1) })]).reason).toBe('Discarded')
  })

  it.each(['Running', 'Retrying', 'Completed', 'Failed', 'Cancelled'] as const)(
    'changes nothing of a job that is %s',
    (phase) => {
      expect(plan(IN_PHASE[phase], [discard()]).status).toBeNull()
    },
  )
})

describe('a confirmation', () => {
  it('lets a restored job run: its epoch says that it was seen', () => {
    const held = written(aJob({ tags: { restored: true } }), [
      waiting({ phase: 'Blocked', reason: 'RestoredUnconfirmed' }),
    ])
    expect(planned(held, [confirm()])).toMatchObject({ phase: 'Scheduled', epoch: epoch(1) })
  })

  it('of a job that was seen before changes nothing', () => {
    expect(plan(IN_PHASE.Running, [confirm()]).status).toBeNull()
    expect(plan(IN_PHASE.Retrying, [confirm({ fence: epoch(9) })]).status).toBeNull()
  })

  it('begins the clock of activeDeadlineSeconds', () => {
    const object = aJob({ tags: { restored: true }, spec: { activeDeadlineSeconds: 3600 } })
    expect(planned(object, [confirm({ at: NOW })]).activeTime).toBe('2026-05-01T12:00:10Z')
  })
})

describe('an act that was overtaken by a later one, or was applied before (U4)', () => {
  const acts = [
    ['a replay', replay, deadLetter],
    ['a discard', discard, deadLetter],
    ['retry now', retryNow, () => IN_PHASE.Retrying],
    ['a confirmation', confirm, () => aJob()],
    ['a cancel', cancel, () => aJob()],
  ] as const

  it.each(acts)('%s changes nothing', (_name, act, job) => {
    const object = job()
    const having = (actionOrder: number) =>
      newer(object, { status: { ...object.status, actionOrder } })
    const fact = act({ order: 50 } as never)
    expect(plan(having(50), [fact]).status).toBeNull()
    expect(plan(having(51), [fact]).status).toBeNull()
    expect(plan(having(49), [fact]).status).not.toBeNull()
  })
})

describe('a duplicate', () => {
  it('is completed without a run, and names the first', () => {
    expect(planned(aJob(), [duplicate()])).toMatchObject({
      phase: 'Completed',
      reason: 'Duplicate',
      duplicateOf: FIRST,
      completionTime: '2026-05-01T12:00:10Z',
    })
  })

  it('is no job that runs or has ended', () => {
    for (const phase of ['Running', ...TERMINAL_PHASES] as const) {
      expect(plan(IN_PHASE[phase], [duplicate()]).status).toBeNull()
    }
  })
})

describe('a trim', () => {
  const { retry: _, ...rest } = aJob().spec
  const full = written(aJob({ spec: rest }), [
    failure(),
    outcome({ epoch: epoch(2), outcome: { kind: 'succeeded', resultJson: '{"a":1}' } }),
  ])

  it('drops result and history of an ended job, and keeps its end', () => {
    const status = planned(full, [trim])
    expect(status).not.toHaveProperty('result')
    expect(status).not.toHaveProperty('history')
    expect(status).toMatchObject({ phase: 'Completed', epoch: epoch(2) })
    expect(status.conditions).toEqual(full.status.conditions)
  })

  it('changes nothing twice, and nothing of a job that has not ended', () => {
    expect(plan(written(full, [trim]), [trim]).status).toBeNull()
    expect(plan(IN_PHASE.Retrying, [trim]).status).toBeNull()
  })
})

describe('spec.suspend (U2)', () => {
  const edited = (object: typeof IN_PHASE.Retrying, suspend: boolean) =>
    newer(object, { generation: object.generation + 1, spec: { ...object.spec, suspend } })

  it('suspends a waiting job by the write that its edit costs anyway', () => {
    const status = planned(edited(IN_PHASE.Scheduled, true), [seen])
    expect(status).toMatchObject({ phase: 'Suspended', reason: 'Suspended', observedGeneration: 2 })
    expect(status.conditions).toMatchObject([{ type: 'Ready', status: 'True' }])
  })

  it('that is taken back lets it go on, by the same write, and a back-off that still runs is kept', () => {
    const suspended = written(edited(IN_PHASE.Retrying, true), [seen])
    expect(suspended.status.phase).toBe('Suspended')
    const status = planned(edited(suspended, false), [seen])
    expect(status).toMatchObject({ phase: 'Scheduled', attempts: 1 })
    expect(status.nextAttemptTime).toBe(IN_PHASE.Retrying.status.nextAttemptTime)
  })

  it.each([
    ['a failure', failure(), { attempts: 1 }],
    ['a snooze', outcome({ outcome: { kind: 'snoozed', delayMs: 60_000 } }), { snoozes: 1 }],
    ['a loss', lost(), { crashes: 1 }],
  ] as const)('that is met by %s counts it and waits, in one write', (_what, fact, counted) => {
    const status = planned(edited(IN_PHASE.Running, true), [fact])
    expect(status).toMatchObject({ phase: 'Suspended', reason: 'Suspended', ...counted })
    expect(status.nextAttemptTime).toBeDefined()
  })

  it('leaves a running attempt in the phase Running: its worker is told', () => {
    expect(planned(edited(IN_PHASE.Running, true), [seen]).phase).toBe('Running')
  })
})

describe('the clock of activeDeadlineSeconds', () => {
  const spec = { activeDeadlineSeconds: 3600 }

  it('is written only for a job that has such a deadline', () => {
    expect(planned(aJob(), [running()])).not.toHaveProperty('activeTime')
    expect(planned(aJob({ spec }), [running()]).activeTime).toBe('2026-05-01T12:00:00Z')
  })

  it('begins anew with a replay', () => {
    const ended = written(aJob({ spec }), [cancel()])
    const later = NOON + 7_200_000
    const again = planned(ended, [replay({ at: later })], later)
    expect(again.activeTime).toBe('2026-05-01T14:00:00Z')
  })

  it('stands still while the job is suspended, and goes on by as much later', () => {
    const first = written(aJob({ spec }), [waiting()], NOON + 60_000)
    const held = newer(first, { generation: 2, spec: { ...first.spec, suspend: true } })
    const suspended = written(held, [seen], NOON + 600_000)
    expect(suspended.status).toMatchObject({
      activeTime: '2026-05-01T12:00:00Z',
      suspendedTime: '2026-05-01T12:10:00Z',
    })
    const free = newer(suspended, { generation: 3, spec: { ...first.spec, suspend: false } })
    const resumed = planned(free, [seen], NOON + 1_200_000)
    expect(resumed.activeTime).toBe('2026-05-01T12:10:00Z')
    expect(resumed).not.toHaveProperty('suspendedTime')
  })
})
