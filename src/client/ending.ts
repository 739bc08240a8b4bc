/**
 * What the end of a job means to the one who waits for it: a value, another job to wait for, or an
 * error that says who, what, why and what would change it. Pure.
 */
import type { z } from 'zod'
import { TERMINAL_PHASES } from '../api/conditions.ts'
import { adviceFor } from '../api/reasons.ts'
import { fromWire } from '../core/definition.ts'
import type { GopherQueueError } from '../core/errors.ts'
import { keyText } from '../core/ids.ts'
import {
  InvalidResultError,
  JobCancelledError,
  JobDeletedError,
  JobFailedError,
  type JobRef,
  WaitTimeoutError,
} from './errors.ts'
import type { JobView } from './ports.ts'

export type Ending<T> =
  | { readonly kind: 'result'; readonly value: T }
  /** The idempotency key is held by another job: its result is this one's. */
  | { readonly kind: 'duplicate'; readonly of: JobRef }
  | { readonly kind: 'error'; readonly error: GopherQueueError }

/** A phase that this client does not know is one that has not ended. */
export function hasEnded(job: JobView): boolean {
  return (TERMINAL_PHASES as readonly string[]).includes(job.status.phase)
}

/** @param job one that has ended */
export function endingOf<T>(job: JobView, output: z.ZodType<T>): Ending<T> {
  const { status } = job
  if (status.phase === 'Cancelled') return { kind: 'error', error: cancelled(job) }
  if (status.phase !== 'Completed') return { kind: 'error', error: failed(job) }
  if (status.duplicateOf) {
    const { name, uid } = status.duplicateOf
    return { kind: 'duplicate', of: { namespace: job.namespace, name, uid } }
  }
  const read = fromWire(output, status.result)
  if (read.ok) return { kind: 'result', value: read.value }
  const where = read.path === '' ? 'as a whole' : `at ${read.path}`
  const error = new InvalidResultError(refOf(job), status.attempts, {
    code: 'InvalidResult',
    message: `job ${keyText(job)} succeeded, but its result does not fit the output of "${job.type}" ${where}: ${read.problem}`,
    help: `see it: kubectl -n ${job.namespace} get qj ${job.name} -o jsonpath={.status.result}; correct \`output\` of the definition, or read (await job.status()).result`,
  })
  return { kind: 'error', error }
}

function cancelled(job: JobView): JobCancelledError {
  const { status } = job
  return new JobCancelledError(refOf(job), status.attempts, {
    code: status.reason || 'Cancelled',
    message: sentenceOf(job),
    help: helpFor(job),
  })
}

function failed(job: JobView): JobFailedError {
  const { status } = job
  const ended = {
    phase: status.phase,
    reason: status.reason || status.phase,
    category: status.error?.category ?? '',
  }
  return new JobFailedError(refOf(job), status.attempts, ended, {
    code: status.error?.code || ended.reason,
    message: sentenceOf(job),
    help: helpFor(job),
  })
}

function sentenceOf(job: JobView): string {
  const { phase, reason, message, error } = job.status
  const why = message || error?.message || 'no further word'
  return `job ${keyText(job)} (${job.type}) ended ${phase}${reason === '' || reason === phase ? '' : ` ${reason}`}: ${why}`
}

export function deleted(job: JobRef, attempts: number): JobDeletedError {
  return new JobDeletedError(job, attempts, {
    code: 'Deleted',
    message: `job ${keyText(job)} (uid ${job.uid}) was deleted; whether it had ended before is not known here`,
    help: 'submit it again if it is still wanted; begin to wait before finished jobs are deleted',
  })
}

export function timedOut(job: JobView, afterMs: number): WaitTimeoutError {
  const { phase, reason, message, attempts } = job.status
  const why = [reason === phase ? '' : reason, message].filter((text) => text !== '').join(': ')
  return new WaitTimeoutError(refOf(job), attempts, phase, {
    message: `job ${keyText(job)} (${job.type}) has not ended within ${Math.round(afterMs)} ms: it is ${phase}${why === '' ? '' : ` (${why})`}`,
    help: `the job goes on; ${helpFor(job)}`,
  })
}

function helpFor(job: JobView): string {
  const { namespace, name, queue, type, status } = job
  return (
    adviceFor(status.reason, { namespace, job: name, queue, type }) ||
    `see it: kubectl -n ${namespace} get qj ${name} -o yaml`
  )
}

export function refOf(job: JobRef): JobRef {
  return { namespace: job.namespace, name: job.name, uid: job.uid }
}
