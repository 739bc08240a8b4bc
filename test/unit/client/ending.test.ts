// What the end of a job is to the one who waits for it.

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { PHASES, TERMINAL_PHASES } from '../../../src/api/conditions.ts'
import { deleted, endingOf, hasEnded, timedOut } from '../../../src/client/ending.ts'
import {
  InvalidResultError,
  JobCancelledError,
  JobDeletedError,
  JobFailedError,
  WaitTimeoutError,
} from '../../../src/client/errors.ts'
import type { StatusView } from '../../../src/client/ports.ts'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { jobWith, sendEmail } from './builders.ts'

const { output } = sendEmail
const ref = { namespace: 'shop', name: 'email-1', uid: 'uid-1' }

function errorOfEnd(status: Partial<StatusView>): GopherQueueError {
  const ending = endingOf(jobWith(status), output)
  if (ending.kind === 'error') return ending.error
  throw new Error(`ended as ${ending.kind}`)
}

describe('a job', () => {
  it('has ended in a terminal phase and in no other, also not in one that a later version adds', () => {
    for (const phase of PHASES) {
      const terminal = (TERMINAL_PHASES as readonly string[]).includes(phase)
      expect(hasEnded(jobWith({ phase }))).toBe(terminal)
    }
    expect(hasEnded(jobWith({ phase: 'Hibernating' }))).toBe(false)
  })
})

describe('a completed job', () => {
  it('gives its result through the schema', () => {
    const loose = z.object({ at: z.coerce.date(), n: z.number().default(3) })
    const job = jobWith({ phase: 'Completed', result: { at: '2026-01-01T00:00:00Z' } })
    const value = { at: new Date(Date.UTC(2026, 0, 1)), n: 3 }
    expect(endingOf(job, loose)).toEqual({ kind: 'result', value })
  })

  it('without a result gives nothing where nothing is allowed', () => {
    const job = jobWith({ phase: 'Completed' })
    expect(endingOf(job, z.void())).toEqual({ kind: 'result', value: undefined })
    expect(endingOf(job, z.null())).toEqual({ kind: 'result', value: null })
  })

  it('whose result is of another shape is an error that says where', () => {
    const error = errorOfEnd({ phase: 'Completed', attempts: 1, result: { id: 7 } })
    expect(error).toBeInstanceOf(InvalidResultError)
    expect(error).toMatchObject({ code: 'InvalidResult', job: ref, attempts: 1 })
    expect(error.message).toContain('at id:')
    expect(error.help).toContain('kubectl -n shop get qj email-1')
  })

  it('whose result was trimmed is such an error, too', () => {
    expect(errorOfEnd({ phase: 'Completed' })).toBeInstanceOf(InvalidResultError)
  })

  it('that is a duplicate points to the job that holds the key', () => {
    const duplicateOf = { name: 'email-0', uid: 'uid-0' }
    const job = jobWith({ phase: 'Completed', reason: 'Duplicate', duplicateOf })
    expect(endingOf(job, output)).toEqual({
      kind: 'duplicate',
      of: { namespace: 'shop', ...duplicateOf },
    })
  })
})

describe('a job that did not succeed', () => {
  it.each(['Failed', 'DeadLettered'])('%s: the code is the one the handler gave', (phase) => {
    const error = errorOfEnd({
      phase,
      reason: 'PermanentFailure',
      message: 'the handler reported a permanent failure in attempt 1, CardDeclined: no money',
      attempts: 1,
      error: { category: 'Permanent', code: 'CardDeclined', message: 'no money' },
    })
    expect(error).toBeInstanceOf(JobFailedError)
    expect(error).toMatchObject({
      code: 'CardDeclined',
      reason: 'PermanentFailure',
      category: 'Permanent',
      phase,
      attempts: 1,
      job: ref,
    })
  })

  it('without a failed attempt has its reason as code', () => {
    const error = errorOfEnd({
      phase: 'Failed',
      reason: 'PayloadTooLarge',
      message: 'spec.payload has 200000 bytes as JSON, the limit is 131072',
    })
    expect(error).toMatchObject({ code: 'PayloadTooLarge', category: '', attempts: 0 })
    expect(error.message).toContain('200000 bytes')
    expect(error.help).toContain('put a reference into the payload')
  })

  it.each(['Cancelled', 'Discarded'])('%s is told apart from a failure', (reason) => {
    const error = errorOfEnd({ phase: 'Cancelled', reason, message: 'by jane: no longer needed' })
    expect(error).toBeInstanceOf(JobCancelledError)
    expect(error).toMatchObject({ code: reason, job: ref })
    expect(error.message).toContain('by jane')
  })

  it('and says nothing more still says who and where to look', () => {
    const error = errorOfEnd({ phase: 'Failed' })
    expect(error).toMatchObject({ code: 'Failed', reason: 'Failed' })
    expect(error.message).toBe('job shop/email-1 (email.send) ended Failed: no further word')
    expect(error.help).toBe('see it: kubectl -n shop get qj email-1 -o yaml')
  })

  it('gets the advice of the table, with every slot filled', () => {
    const reasons = [
      'AttemptsExhausted',
      'CrashBudgetExceeded',
      'DependencyFailed',
      'FromTheFuture',
    ]
    for (const reason of reasons) {
      expect(errorOfEnd({ phase: 'DeadLettered', reason }).help).not.toMatch(/\{[a-z]+\}/)
    }
  })
})

describe('a wait that ended before the job', () => {
  it('by time says where the job stands and that it goes on', () => {
    const job = jobWith({ phase: 'Scheduled', reason: 'NoWorkers', message: 'no worker serves it' })
    const error = timedOut(job, 60_000)
    expect(error).toBeInstanceOf(WaitTimeoutError)
    expect(error).toMatchObject({ code: 'WaitTimeout', phase: 'Scheduled', job: ref, attempts: 0 })
    expect(error.message).toBe(
      'job shop/email-1 (email.send) has not ended within 60000 ms: it is Scheduled (NoWorkers: no worker serves it)',
    )
    expect(error.help).toContain('the job goes on; start a worker with GOPHERQUEUE_QUEUES=default')
  })

  it('by deletion says that its end is not known', () => {
    const error = deleted(ref, 2)
    expect(error).toBeInstanceOf(JobDeletedError)
    expect(error).toMatchObject({ code: 'Deleted', job: ref, attempts: 2 })
    expect(error).toBeInstanceOf(GopherQueueError)
  })
})
