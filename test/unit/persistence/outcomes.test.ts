// What a reported outcome makes of a status: the table of protocol section 7 (O2).

import { describe, expect, it } from 'vitest'
import type { QueueJobSpecInput } from '../../../src/api/queuejob.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import { MAX_SNOOZES } from '../../../src/persistence/outcomes.ts'
import { aFailure, aJob, aPlace, CLASS, epoch, NOON, WORKER } from '../../builders.ts'
import {
  aRunningJob,
  failure,
  IN_PHASE,
  NOW,
  outcome,
  plan,
  planned,
  running,
  written,
} from './facts.ts'

const retrying = (retry: NonNullable<QueueJobSpecInput['retry']>) => aJob({ spec: { retry } })
const failing = (told: Partial<ReturnType<typeof aFailure>>, retryAfterMs: number | null = null) =>
  outcome({ outcome: { kind: 'failed', failure: aFailure(told), retryAfterMs } })
const ends = (kind: 'handed-back' | 'cancelled') => outcome({ outcome: { kind } })

/** Cut to seconds, rounded up: never before. */
const at = (ms: number) => new Date(Math.ceil(ms / 1000) * 1000).toISOString().replace('.000', '')

describe('succeeded', () => {
  it('completes the job in one write: epoch, attempt, times, worker, no history', () => {
    expect(planned(aJob(), [outcome()])).toEqual({
      observedGeneration: 1,
      phase: 'Completed',
      reason: 'Completed',
      epoch: epoch(1),
      attempt: 1,
      queuedTime: at(NOON),
      startTime: at(NOON + 5000),
      completionTime: at(NOW),
      worker: { podUID: WORKER, boot: 'boot-0001', class: CLASS, pod: 'mailer-0', node: 'node-a' },
      conditions: ['Ready', 'Succeeded', 'Finished'].map((type) => ({
        type,
        status: 'True',
        reason: 'Completed',
        lastTransitionTime: at(NOW),
      })),
    })
  })

  it('keeps the result as the JSON value that it is', () => {
    const resultJson = '{"id":9007199254740991,"list":[1,null,"ä"]}'
    const status = planned(aJob(), [outcome({ outcome: { kind: 'succeeded', resultJson } })])
    expect(status.result).toEqual({ id: 9007199254740991, list: [1, null, 'ä'] })
  })

  it('has no result when the handler returned none', () => {
    expect(planned(aJob(), [outcome()])).not.toHaveProperty('result')
  })

  it('after failures drops the error and adds itself to the history', () => {
    const object = written(aJob(), [failure()])
    const status = planned(object, [outcome({ epoch: epoch(2), attempt: 2 })])
    expect(status).not.toHaveProperty('error')
    expect(status).not.toHaveProperty('nextAttemptTime')
    expect(status.history?.map(({ number, code }) => [number, code])).toEqual([
      [1, 'SmtpBusy'],
      [2, undefined],
    ])
    expect(status.attempts).toBe(1)
  })

  it.each([
    ['no JSON', '{"a":', 'it is not JSON'],
    ['too large', `"${'x'.repeat(16_384)}"`, 'it has 16386 bytes, the limit is 16384'],
    [
      'an integer that would be rounded',
      '{"id":9007199254740993}',
      'at id: an integer beyond 2^53',
    ],
    ['nested without end', `${'['.repeat(1001)}${']'.repeat(1001)}`, 'deeper than 1000 levels'],
  ])('with a result that is %s is a permanent failure', (_says, resultJson, words) => {
    const status = planned(aJob(), [outcome({ outcome: { kind: 'succeeded', resultJson } })])
    expect(status).toMatchObject({ phase: 'Failed', reason: 'InvalidResult', attempts: 1 })
    expect(status.message).toContain(words)
    expect(status).not.toHaveProperty('result')
  })
})

describe('failed', () => {
  it('is counted, noted, and tried again after the back-off', () => {
    const status = planned(aJob(), [failure()])
    expect(status).toMatchObject({
      phase: 'Retrying',
      reason: 'BackingOff',
      message: `attempt 1 of 3 failed with SmtpBusy: the server said 421; next attempt at ${at(NOW + 1000)}`,
      attempts: 1,
      error: { category: 'Temporary', code: 'SmtpBusy', message: 'the server said 421' },
      nextAttemptTime: at(NOW + 1000),
    })
    expect(status.history).toEqual([
      {
        number: 1,
        epoch: epoch(1),
        worker: status.worker,
        startTime: at(NOON + 5000),
        endTime: at(NOW),
        category: 'Temporary',
        code: 'SmtpBusy',
        message: 'the server said 421',
      },
    ])
  })

  it('never makes the next attempt start before its time, although times are cut to seconds', () => {
    const status = planned(aJob(), [failure({ endedAt: NOW + 1 })])
    expect(Date.parse(status.nextAttemptTime ?? '')).toBeGreaterThanOrEqual(NOW + 1 + 1000)
  })

  it('for the last time is a dead letter that names the last error', () => {
    const status = planned(retrying({ maxAttempts: 1 }), [failure()])
    expect(status).toMatchObject({
      phase: 'DeadLettered',
      reason: 'AttemptsExhausted',
      message: 'all 1 attempts failed; the last one with SmtpBusy: the server said 421',
      attempts: 1,
      completionTime: at(NOW),
    })
  })

  it('permanently ends the job', () => {
    expect(planned(aJob(), [failing({ category: 'Permanent', code: 'NoSuchUser' })])).toMatchObject(
      {
        phase: 'Failed',
        reason: 'PermanentFailure',
        message: 'attempt 1 failed for good with NoSuchUser: the server said 421',
        error: { category: 'Permanent', code: 'NoSuchUser', message: 'the server said 421' },
        attempts: 1,
      },
    )
  })

  it.each(['InvalidPayload', 'InvalidResult', 'PayloadTooLarge', 'PayloadForbidden'])(
    'permanently with the code %s has that as its reason, and the text of the failure',
    (code) => {
      const told = { category: 'Permanent', code, message: 'as the worker says' } as const
      expect(planned(aJob(), [failing(told)])).toMatchObject({
        phase: 'Failed',
        reason: code,
        message: 'as the worker says',
      })
    },
  )

  it('by a rule that asks for a dead letter says so', () => {
    const object = retrying({ rules: [{ code: 'SmtpBusy', action: 'DeadLetter' }] })
    expect(planned(object, [failure()])).toMatchObject({
      phase: 'DeadLettered',
      reason: 'DeadLetterRule',
      message:
        'attempt 1 failed with SmtpBusy, which spec.retry.rules makes a dead letter: the server said 421',
      attempts: 1,
    })
  })

  it('by a rule that ignores it uses no attempt', () => {
    const object = retrying({
      maxAttempts: 1,
      rules: [{ category: 'Temporary', action: 'Ignore' }],
    })
    const status = planned(object, [failure()])
    expect(status.phase).toBe('Retrying')
    expect(status).not.toHaveProperty('attempts')
  })

  it('waits as long as the handler asked, up to the longest wait of the policy', () => {
    const object = retrying({ backoff: { maxSeconds: 60 } })
    expect(planned(object, [failing({}, 42_000)]).nextAttemptTime).toBe(at(NOW + 42_000))
    expect(planned(object, [failing({}, 99_000)]).nextAttemptTime).toBe(at(NOW + 60_000))
  })

  it('after the maximum was lowered never raises the count above what the API server takes', () => {
    const object = written(aJob(), [failure(), failure({ epoch: epoch(2), attempt: 2 })])
    const lowered = { ...object, spec: aJob({ spec: { retry: { maxAttempts: 1 } } }).spec }
    expect(planned(lowered, [failure({ epoch: epoch(3), attempt: 3 })])).toMatchObject({
      phase: 'DeadLettered',
      attempts: 2,
    })
  })

  it('with a text of any length stores a bounded one', () => {
    const status = planned(aJob(), [failing({ message: '😀'.repeat(5000) })])
    expect(status.error?.message?.length).toBeLessThanOrEqual(1024)
    expect(status.error?.message?.isWellFormed()).toBe(true)
    expect(status.message?.length).toBeLessThanOrEqual(1024)
    expect(status.history?.[0]?.message?.length).toBeLessThanOrEqual(256)
    expect(status.history?.[0]?.message?.isWellFormed()).toBe(true)
  })
})

describe('timed-out and rejected', () => {
  it.each([
    ['timed-out', 'Timeout'],
    ['rejected', 'System'],
  ] as const)('%s counts as a failure and is tried again', (kind, category) => {
    const told = aFailure({ category })
    const status = planned(aJob(), [outcome({ outcome: { kind, failure: told } })])
    expect(status).toMatchObject({ phase: 'Retrying', attempts: 1, error: { category } })
    expect(status.history?.[0]).not.toHaveProperty('cause')
  })
})

describe('snoozed', () => {
  const snooze = (delayMs: number) => outcome({ outcome: { kind: 'snoozed', delayMs } })

  it('uses no attempt, counts the snooze and waits as asked', () => {
    const status = planned(aJob(), [snooze(90_000)])
    expect(status).toMatchObject({
      phase: 'Delayed',
      reason: 'Delayed',
      message: `not before ${at(NOW + 90_000)}`,
      snoozes: 1,
      nextAttemptTime: at(NOW + 90_000),
    })
    expect(status).not.toHaveProperty('attempts')
    expect(status).not.toHaveProperty('history')
  })

  it('lasts a second at least', () => {
    expect(planned(aJob(), [snooze(0)]).nextAttemptTime).toBe(at(NOW + 1000))
  })

  it('once too often is a dead letter', () => {
    const often = aJob({ status: { snoozes: MAX_SNOOZES - 1 } })
    expect(planned(often, [snooze(0)])).toMatchObject({ phase: 'Delayed', snoozes: 1000 })
    const tooOften = aJob({ status: { snoozes: MAX_SNOOZES } })
    expect(planned(tooOften, [snooze(0)])).toMatchObject({
      phase: 'DeadLettered',
      reason: 'SnoozeLimit',
      message: 'the handler asked 1001 times to be called later, the limit is 1000',
      completionTime: at(NOW),
    })
  })
})

describe('handed back', () => {
  it.each(['handed-back', 'cancelled'] as const)(
    '%s waits again without using an attempt',
    (kind) => {
      const status = planned(aRunningJob(), [ends(kind)])
      expect(status).toMatchObject({
        phase: 'Scheduled',
        reason: 'Requeued',
        message:
          'the last start used no attempt (its worker handed it back); the job waits for a free slot',
        nextAttemptTime: at(NOW + 1000),
      })
      expect(status).not.toHaveProperty('attempts')
      expect(status).not.toHaveProperty('error')
    },
  )

  it('stands in the history with its cause, and without a failure', () => {
    const [entry] = planned(aJob(), [ends('handed-back')]).history ?? []
    expect(entry).toMatchObject({ number: 1, cause: 'HandedBack' })
    expect(entry).not.toHaveProperty('category')
  })

  it('because the job is suspended leaves it suspended (U2)', () => {
    const object = aRunningJob({ spec: { suspend: true } })
    expect(planned(object, [ends('cancelled')])).toMatchObject({
      phase: 'Suspended',
      reason: 'Suspended',
      message: 'spec.suspend is true',
    })
  })

  it('a job that is suspended completes all the same when its handler had finished (U2)', () => {
    const object = aRunningJob({ spec: { suspend: true } })
    expect(planned(object, [outcome()]).phase).toBe('Completed')
  })
})

describe('whatever the outcome', () => {
  const all: readonly Outcome[] = [
    { kind: 'succeeded', resultJson: null },
    { kind: 'failed', failure: aFailure(), retryAfterMs: null },
    { kind: 'timed-out', failure: aFailure({ category: 'Timeout' }) },
    { kind: 'rejected', failure: aFailure({ category: 'System' }) },
    { kind: 'snoozed', delayMs: 5000 },
    { kind: 'cancelled' },
    { kind: 'handed-back' },
  ]

  it.each(all.map((each) => [each.kind, each] as const))(
    '%s records the epoch, closes the attempt and forgets its progress',
    (_kind, told) => {
      const object = aJob({
        status: { ...aRunningJob().status, progress: { percent: 40 }, message: 'old words' },
      })
      const status = planned(object, [outcome({ outcome: told })])
      expect(status.phase).not.toBe('Running')
      expect(status.epoch).toBe(epoch(1))
      expect(status).not.toHaveProperty('progress')
      expect(status.message).not.toBe('old words')
    },
  )

  it.each(all.map((each) => [each.kind, each] as const))(
    '%s of a closed, older or ended attempt changes nothing (O3)',
    (_kind, told) => {
      for (const phase of ['Completed', 'Failed', 'DeadLettered', 'Cancelled'] as const) {
        const late = outcome({ outcome: told, epoch: epoch(9) })
        expect(plan(IN_PHASE[phase], [late])).toEqual({ status: null, applied: [false] })
      }
      expect(plan(IN_PHASE.Retrying, [outcome({ outcome: told })]).applied).toEqual([false])
      const younger = written(aJob(), [running({ epoch: epoch(5) })])
      expect(plan(younger, [outcome({ outcome: told, epoch: epoch(4) })]).applied).toEqual([false])
    },
  )

  it.each([
    ['handed back', ends('handed-back')],
    ['snoozed', outcome({ outcome: { kind: 'snoozed', delayMs: 60_000 } })],
    ['failed', failing({}, 60_000)],
  ])('%s by a worker that says it was years ago is no hot loop (L6)', (_says, told) => {
    const status = planned(aJob(), [{ ...told, endedAt: 0, startedAt: 0 }])
    expect(status.nextAttemptTime).toBe(at(NOW + 1000))
  })

  it('a wait that ran while the outcome was under way is over sooner', () => {
    const told = failing({}, 60_000)
    expect(planned(aJob(), [told], NOW + 20_000).nextAttemptTime).toBe(at(NOW + 60_000))
  })

  it('the runId is that of the attempt, also when it has none (O6)', () => {
    const first = written(aJob(), [outcome({ runId: 'r1', outcome: { kind: 'handed-back' } })])
    expect(first.status.runId).toBe('r1')
    const second = planned(first, [outcome({ epoch: epoch(2), runId: '' })])
    expect(second).not.toHaveProperty('runId')
  })

  it('a worker without a pod is written by its id, without empty names', () => {
    const place = aPlace({ pod: '', node: '' })
    expect(planned(aJob(), [outcome({ place })]).worker).toEqual({
      podUID: WORKER,
      boot: 'boot-0001',
      class: CLASS,
    })
  })
})
