/**
 * Everything a caller of the client can catch. One class for each thing a program may want to do
 * about it, a stable `code` for telling cases apart, and `help`: the command or line that would allow
 * it. Codes of a job's end are the reasons of the closed table or the handler's own failure code.
 *
 *   before a job exists    InvalidJobError, JobExistsError, SubmissionUnknownError
 *   about a job's end      JobFailedError, JobCancelledError, JobDeletedError, InvalidResultError
 *   about waiting for it   WaitTimeoutError
 *   about an action        ActionFailedError
 *   about the API server   ApiError, ForbiddenError
 */
import { type FailureClass, GopherQueueError } from '../core/errors.ts'
import type { JobKey } from '../core/ids.ts'

/** Which job an error is about. `uid` tells two lives of one name apart. */
export interface JobRef extends JobKey {
  readonly uid: string
}

interface Told {
  readonly code: string
  readonly message: string
  readonly help: string
  readonly cause?: unknown
}

/** The job was not sent, because the API server or the handler would refuse it. */
export class InvalidJobError extends GopherQueueError {
  override readonly name = 'InvalidJobError'
  /** Path of the field, such as `spec.payload.items[3].to`. */
  readonly field: string

  constructor(field: string, told: Told) {
    super(told.code, told.message, told)
    this.field = field
  }
}

/** A job of that name exists; it is another one. Code `AlreadyExists`. */
export class JobExistsError extends GopherQueueError {
  override readonly name = 'JobExistsError'
  readonly job: JobKey

  constructor(job: JobKey, told: Omit<Told, 'code'>) {
    super('AlreadyExists', told.message, told)
    this.job = job
  }
}

/**
 * No answer came within the deadline, and the job may or may not have been stored. Code
 * `SubmissionUnknown`. Submitting again under the same name cannot make a second job.
 */
export class SubmissionUnknownError extends GopherQueueError {
  override readonly name = 'SubmissionUnknownError'
  readonly job: JobKey

  constructor(job: JobKey, told: Omit<Told, 'code'>) {
    super('SubmissionUnknown', told.message, told)
    this.job = job
  }
}

/** What every error about the end of a job, or about waiting for it, carries. */
export abstract class JobError extends GopherQueueError {
  readonly job: JobRef
  /** Executions that were started, as far as known. */
  readonly attempts: number

  constructor(job: JobRef, attempts: number, told: Told) {
    super(told.code, told.message, told)
    this.job = job
    this.attempts = attempts
  }
}

/** The job ended Failed or DeadLettered. `code` is the handler's own failure code where it gave one. */
export class JobFailedError extends JobError {
  override readonly name = 'JobFailedError'
  readonly phase: string
  /** Reason of the closed table, such as `AttemptsExhausted`. */
  readonly reason: string
  /** Temporary, Permanent, Timeout or System; '' when no attempt failed. */
  readonly category: string

  constructor(
    job: JobRef,
    attempts: number,
    ended: { readonly phase: string; readonly reason: string; readonly category: string },
    told: Told,
  ) {
    super(job, attempts, told)
    this.phase = ended.phase
    this.reason = ended.reason
    this.category = ended.category
  }
}

/** Code `Cancelled` or `Discarded`. */
export class JobCancelledError extends JobError {
  override readonly name = 'JobCancelledError'
}

/** The object is gone and its end was not seen. Code `Deleted`. */
export class JobDeletedError extends JobError {
  override readonly name = 'JobDeletedError'
}

/** The job succeeded, and its result does not fit `output` of the definition. Code `InvalidResult`. */
export class InvalidResultError extends JobError {
  override readonly name = 'InvalidResultError'
}

/** The wait ended before the job did; the job goes on. Code `WaitTimeout`. */
export class WaitTimeoutError extends JobError {
  override readonly name = 'WaitTimeoutError'
  /** Where the job stood. */
  readonly phase: string

  constructor(job: JobRef, attempts: number, phase: string, told: Omit<Told, 'code'>) {
    super(job, attempts, { ...told, code: 'WaitTimeout' })
    this.phase = phase
  }
}

/** There is no such job. Code `TargetNotFound`. */
export class JobNotFoundError extends GopherQueueError {
  override readonly name = 'JobNotFoundError'
  readonly job: JobKey

  constructor(job: JobKey, told: Omit<Told, 'code'>) {
    super('TargetNotFound', told.message, told)
    this.job = job
  }
}

/** The operator took the action up and could not carry it out; `code` is its reason. */
export class ActionFailedError extends GopherQueueError {
  override readonly name = 'ActionFailedError'
  readonly action: JobKey

  constructor(action: JobKey, told: Told) {
    super(told.code, told.message, told)
    this.action = action
  }
}

/**
 * The API server did not do it. `failure` says what that means: `terminal`, a person must act first;
 * `waiting`, it is certain that nothing happened and a later try may succeed; `transient`, it is not
 * known whether it happened.
 */
export class ApiError extends GopherQueueError {
  override readonly name: string = 'ApiError'
  readonly failure: FailureClass
  /** As the server asked for; 0 = it named none. */
  readonly retryAfterMs: number
  /** Path of the field that the server refused; '' = it named none. */
  readonly field: string

  constructor(
    failure: FailureClass,
    told: Told & { readonly retryAfterMs?: number; readonly field?: string },
  ) {
    super(told.code, told.message, told)
    this.failure = failure
    this.retryAfterMs = told.retryAfterMs ?? 0
    this.field = told.field ?? ''
  }
}

/** Code of an ApiError: the namespace is being deleted. The API server says it by this word, too. */
export const NAMESPACE_TERMINATING = 'NamespaceTerminating'

/** Who may not do what; `help` grants it. Code `Forbidden`. */
export class ForbiddenError extends ApiError {
  override readonly name = 'ForbiddenError'
  /** The verb to grant, such as `create` or `cancel`. */
  readonly verb: string
  /** On which resource, such as `queuejobs`. */
  readonly resource: string

  constructor(verb: string, resource: string, told: Omit<Told, 'code'>) {
    super('terminal', { ...told, code: 'Forbidden' })
    this.verb = verb
    this.resource = resource
  }
}
