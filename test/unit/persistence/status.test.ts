// From facts to the one status that is written: guards, order, conditions.

import { describe, expect, it } from 'vitest'
import { PHASES, TERMINAL_PHASES, WAITING_PHASES } from '../../../src/api/conditions.ts'
import { NO_STOPS } from '../../../src/core/active-deadline.ts'
import type { Fact } from '../../../src/core/facts.ts'
import type { JobObject } from '../../../src/core/job.ts'
import { planRefused, sameStatus } from '../../../src/persistence/status.ts'
import { aJob, epoch, NOON, newer } from '../../builders.ts'
import {
  aRunningJob,
  cancel,
  failure,
  IN_PHASE,
  NOW,
  outcome,
  plan,
  planned,
  progress,
  recordOf,
  refused,
  running,
  seen,
  stuck,
  waiting,
  written,
} from './facts.ts'

const at = (ms: number) => new Date(Math.ceil(ms / 1000) * 1000).toISOString().replace('.000', '')
const types = (object: Pick<JobObject, 'status'>) =>
  (object.status.conditions ?? []).map(({ type }) => type)

describe('several facts', () => {
  it('become one status, in order', () => {
    const { status, applied } = plan(aJob(), [waiting(), running(), outcome()])
    expect(applied).toEqual([true, true, true])
    expect(status?.phase).toBe('Completed')
  })

  it('that were all overtaken write nothing', () => {
    expect(plan(IN_PHASE.Completed, [running(), outcome(), waiting()])).toEqual({
      status: null,
      applied: [false, false, false],
    })
  })

  it('that were overtaken do not spoil the one that was not', () => {
    const { status, applied } = plan(IN_PHASE.Retrying, [
      outcome(),
      running({ epoch: epoch(2), attempt: 2 }),
    ])
    expect(applied).toEqual([false, true])
    expect(status).toMatchObject({ phase: 'Running', attempt: 2 })
  })

  it('none at all write nothing', () => {
    expect(plan(aJob(), [])).toEqual({ status: null, applied: [] })
  })
})

describe('running', () => {
  it('opens the attempt: epoch, number, start, worker (D5)', () => {
    expect(planned(aJob(), [running({ runId: 'r1' })])).toMatchObject({
      phase: 'Running',
      reason: 'Running',
      epoch: epoch(1),
      attempt: 1,
      runId: 'r1',
      startTime: at(NOON + 5000),
      worker: { pod: 'mailer-0' },
    })
  })

  it('replaces what told of the wait and of the attempt before', () => {
    const status = planned(IN_PHASE.Retrying, [running({ epoch: epoch(2), attempt: 2 })])
    for (const gone of ['nextAttemptTime', 'message', 'progress', 'completionTime', 'runId']) {
      expect(status).not.toHaveProperty(gone)
    }
    expect(status.error?.code).toBe('SmtpBusy')
  })

  it.each(TERMINAL_PHASES)('changes nothing of a job that is %s', (phase) => {
    expect(plan(IN_PHASE[phase], [running({ epoch: epoch(9) })]).status).toBeNull()
  })

  it('of an epoch that is recorded, open or closed, changes nothing', () => {
    expect(plan(aRunningJob(), [running()]).status).toBeNull()
    expect(plan(IN_PHASE.Retrying, [running()]).status).toBeNull()
  })

  it('of a younger attempt replaces an older one (T6)', () => {
    expect(planned(aRunningJob(), [running({ epoch: epoch(5) })]).epoch).toBe(epoch(5))
  })
})

describe('waiting', () => {
  it('is told of the suspension alone to a job that is suspended, and not of it to any other', () => {
    const suspended = waiting({ phase: 'Suspended', reason: 'Suspended' })
    expect(plan(IN_PHASE.Suspended, [waiting()]).status).toBeNull()
    expect(plan(IN_PHASE.Scheduled, [suspended]).status).toBeNull()
    expect(planned(aJob({ spec: { suspend: true } }), [suspended]).phase).toBe('Suspended')
  })

  const free = WAITING_PHASES.filter((phase) => phase !== 'Suspended')
  it.each(free)('is told to a job that is %s', (phase) => {
    const told = waiting({ phase: 'Blocked', reason: 'QueuePaused', message: 'paused' })
    expect(planned(IN_PHASE[phase], [told])).toMatchObject({
      phase: 'Blocked',
      reason: 'QueuePaused',
      message: 'paused',
    })
  })

  it.each(['Running', ...TERMINAL_PHASES] as const)('is not told to a job that is %s', (phase) => {
    expect(plan(IN_PHASE[phase], [waiting()]).status).toBeNull()
  })

  it('does not shorten a back-off that still runs', () => {
    const { nextAttemptTime } = IN_PHASE.Retrying.status
    expect(nextAttemptTime).toBe(at(NOW + 1000))
    const told = planned(IN_PHASE.Retrying, [waiting()])
    expect(told).toMatchObject({ phase: 'Scheduled', reason: 'NoWorkers', nextAttemptTime })
  })

  it('forgets a time that has passed', () => {
    const told = planned(IN_PHASE.Retrying, [waiting()], NOW + 1000)
    expect(told).not.toHaveProperty('nextAttemptTime')
  })

  it('never sets a time: a wait of the spec can be edited', () => {
    const told = waiting({ phase: 'Delayed', reason: 'Delayed', message: 'not before then' })
    expect(planned(aJob(), [told])).not.toHaveProperty('nextAttemptTime')
  })

  it('that is told again writes nothing', () => {
    expect(plan(written(aJob(), [waiting()]), [waiting()], NOW + 60_000).status).toBeNull()
  })
})

describe('progress', () => {
  it('is noted on the attempt that it is about', () => {
    expect(planned(aRunningJob(), [progress()]).progress).toEqual({
      percent: 40,
      message: 'half way',
    })
  })

  it('of another attempt, or of none, changes nothing', () => {
    expect(plan(aRunningJob(), [progress({ epoch: epoch(2) })]).status).toBeNull()
    expect(plan(IN_PHASE.Retrying, [progress()]).status).toBeNull()
  })

  it('is cut to what the status holds', () => {
    const message = 'x'.repeat(512)
    const { progress: noted } = planned(aRunningJob(), [progress({ message })])
    expect(noted?.message).toHaveLength(256)
  })
})

describe('refused', () => {
  it('ends the job with its reason and sentence', () => {
    expect(planned(aJob(), [refused()])).toMatchObject({
      phase: 'Failed',
      reason: 'InvalidSpec',
      message: 'spec.a is not valid: b',
      error: { category: 'Permanent', code: 'InvalidSpec', message: 'spec.a is not valid: b' },
      completionTime: at(NOW),
    })
  })

  it('forgets a wait', () => {
    expect(planned(IN_PHASE.Retrying, [refused()])).not.toHaveProperty('nextAttemptTime')
  })

  it.each(['Running', ...TERMINAL_PHASES] as const)(
    'changes nothing of a job that is %s',
    (phase) => {
      expect(plan(IN_PHASE[phase], [refused()]).status).toBeNull()
    },
  )
})

describe('seen', () => {
  it.each(PHASES)('moves observedGeneration of a job that is %s, and nothing else', (phase) => {
    const object = IN_PHASE[phase]
    const edited = newer(object, { generation: 2 })
    const status = planned(edited, [seen], NOW + 60_000)
    expect(status.observedGeneration).toBe(2)
    const { observedGeneration: _, queuedTime: __, ...rest } = status
    const { observedGeneration: ___, queuedTime: ____, ...before } = object.status
    expect(rest).toEqual(before)
  })

  it('writes nothing when the generation was seen before', () => {
    expect(plan(aRunningJob(), [seen]).status).toBeNull()
  })
})

describe('conditions', () => {
  it.each([
    ['Pending', []],
    ['Scheduled', ['Reconciling']],
    ['Delayed', ['Reconciling']],
    ['Blocked', ['Stalled']],
    ['Retrying', ['Reconciling']],
    ['Suspended', ['Ready']],
    ['Running', ['Reconciling']],
    ['Completed', ['Ready', 'Succeeded', 'Finished']],
    ['Failed', ['Stalled', 'Succeeded', 'Finished']],
    ['DeadLettered', ['Stalled', 'Succeeded', 'Finished']],
    ['Cancelled', ['Stalled', 'Succeeded', 'Finished']],
  ] as const)('of a job that is %s are %j', (phase, want) => {
    expect(types(IN_PHASE[phase])).toEqual(want)
  })

  it('carry the reason of the status', () => {
    for (const phase of PHASES) {
      const { reason, conditions } = IN_PHASE[phase].status
      for (const condition of conditions ?? []) expect(condition.reason).toBe(reason)
    }
  })

  it('keep the time since which they hold when only the reason changes', () => {
    const object = written(aJob(), [waiting()])
    const status = planned(object, [waiting({ reason: 'UnknownType' })], NOW + 60_000)
    expect(status.conditions).toEqual([
      { type: 'Reconciling', status: 'True', reason: 'UnknownType', lastTransitionTime: at(NOW) },
    ])
  })

  it('a stall ends with what stalled it', () => {
    expect(types(written(IN_PHASE.Blocked, [running()]))).toEqual(['Reconciling'])
    expect(types(written(IN_PHASE.Blocked, [waiting()]))).toEqual(['Reconciling'])
  })

  it('a stall outlives an edit that lifts nothing', () => {
    const edited = newer(IN_PHASE.Blocked, { generation: 2 })
    expect(types(written(edited, [seen]))).toEqual(['Stalled'])
  })

  describe('with readiness Accepted', () => {
    const accepted = (facts: readonly Fact[]) =>
      types(written(aJob({ spec: { readiness: 'Accepted' } }), facts))

    it('are Ready as soon as the job was taken', () => {
      expect(accepted([seen])).toEqual(['Ready'])
      expect(accepted([waiting()])).toEqual(['Ready'])
      expect(accepted([running()])).toEqual(['Ready'])
      expect(accepted([failure()])).toEqual(['Ready'])
    })

    it('are not when it stalls, and at its end tell how it ended', () => {
      expect(accepted([waiting({ stalled: true })])).toEqual(['Stalled'])
      expect(accepted([outcome()])).toEqual(['Ready', 'Succeeded', 'Finished'])
      expect(accepted([cancel()])).toEqual(['Stalled', 'Succeeded', 'Finished'])
    })
  })
})

describe('the times of a status', () => {
  it('queuedTime is that of the creation, and stays', () => {
    const object = written(aJob(), [waiting()])
    expect(object.status.queuedTime).toBe(at(NOON))
    expect(written(object, [running()]).status.queuedTime).toBe(at(NOON))
  })
})

describe('sameStatus', () => {
  it('does not depend on the order of keys', () => {
    expect(
      sameStatus(
        { observedGeneration: 1, phase: 'Pending', progress: { percent: 1, message: 'a' } },
        { progress: { message: 'a', percent: 1 }, phase: 'Pending', observedGeneration: 1 },
      ),
    ).toBe(true)
  })

  it('depends on the order of lists and on every value', () => {
    const status = (result: unknown) =>
      ({ observedGeneration: 1, phase: 'Pending', result }) as const
    expect(sameStatus(status([1, 2]), status([2, 1]))).toBe(false)
    expect(sameStatus(status({ a: 1 }), status({ a: 2 }))).toBe(false)
  })
})

describe('a status that the API server refuses in every form (W5)', () => {
  const refusedOf = (object: ReturnType<typeof aJob>, facts: readonly Fact[]) =>
    planRefused(
      { object, record: recordOf(object), now: NOW, stops: NO_STOPS },
      planned(object, facts),
      'status.result: too deep',
    )

  it('becomes an end that says so, with whole conditions', () => {
    const status = refusedOf(aRunningJob(), [outcome()])
    expect(status).toMatchObject({
      phase: 'Failed',
      reason: 'StatusRefused',
      message: 'the API server refused the status of this job: status.result: too deep',
      epoch: epoch(1),
      completionTime: at(NOW),
      error: { category: 'System', code: 'StatusRefused' },
    })
    expect(status?.conditions?.map(({ type }) => type)).toEqual([
      'Stalled',
      'Succeeded',
      'Finished',
    ])
  })

  it('closes the attempt: with the planned epoch, and what was taken before for the rest', () => {
    const status = refusedOf(aJob({ status: { attempts: 1, phase: 'Retrying' } }), [failure()])
    expect(status).toMatchObject({ epoch: epoch(1), attempts: 1 })
  })

  it('never replaces an end', () => {
    const object = newer(IN_PHASE.Completed, { generation: 2 })
    expect(refusedOf(object, [seen])).toBeNull()
  })

  it('keeps no wait and no progress', () => {
    const object = written(IN_PHASE.Retrying, [])
    const status = refusedOf(object, [stuck({ epoch: epoch(2), fence: epoch(3) })])
    expect(status).not.toHaveProperty('nextAttemptTime')
  })
})
