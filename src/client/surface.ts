/**
 * What a program that submits jobs sees: a connection and handles (sdk.md). Interfaces, so that its own
 * tests can put something simple in their place. The declarations are frozen by
 * `test/golden/client.d.ts.txt`.
 */
import type { Phase, Priority } from '../api/conditions.ts'
import type { JobDefinition, Resolved, Submitted } from '../core/definition.ts'
import type { JobRef } from './errors.ts'
import type { SubmitOptions } from './submission.ts'

/** A word of the API, or one that a later version of it may add. */
type Open<Known extends string> = Known | (string & {})

/** A connection to the jobs of one cluster. Made by `connect`. */
export interface GopherQueue extends AsyncDisposable {
  /**
   * Stores a job; it is stored once, also when an answer is lost.
   *
   * @throws InvalidJobError: the input does not fit the definition, or an option the API
   * @throws JobExistsError: the name is taken
   * @throws SubmissionUnknownError: no answer in time, the job may be stored
   * @throws ForbiddenError, ApiError: the API server refused it or could not be reached
   */
  submit<D extends JobDefinition>(
    definition: D,
    input: Submitted<D>,
    options?: SubmitOptions,
  ): Promise<Job<Resolved<D>>>
  /** A job by its name. @throws JobNotFoundError, ForbiddenError, ApiError, or code `WrongType` */
  get<D extends JobDefinition = JobDefinition>(
    name: string,
    options?: GetOptions<D>,
  ): Promise<Job<Resolved<D>>>
  /** Jobs that match, page by page, in the order of their names. @throws ForbiddenError, ApiError */
  list(options?: ListOptions): AsyncGenerator<Job, void, void>
  /** Ends every wait with code `Closed` and gives the connections back. */
  close(): Promise<void>
}

export interface GetOptions<D extends JobDefinition = JobDefinition> {
  /** Default: that of the connection. */
  readonly namespace?: string | undefined
  /** Types the result. The job must be of this type. */
  readonly as?: D | undefined
  readonly signal?: AbortSignal | undefined
}

/** What is given must match; nothing given: every job of the namespace. */
export interface ListOptions {
  readonly namespace?: string | undefined
  readonly queue?: string | undefined
  readonly type?: string | undefined
  readonly phase?: Phase | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * The handle of one job: what `submit`, `get` and `list` give. It stands for one object, by uid: a job
 * that was deleted and created again under the name is another one, and every method says so.
 */
export interface Job<Result = unknown> extends JobRef {
  readonly queue: string
  readonly type: string
  readonly priority: Open<Priority>
  readonly createdAt: Date
  /** As last seen by this handle; `status()` asks the API server. */
  readonly phase: Open<Phase>
  /** Where the job stands now. @throws JobDeletedError, ApiError */
  status(options?: WatchOptions): Promise<JobStatus>
  /**
   * Why the job waits, where it runs or how it ended, in one sentence, and what would change it. Read
   * from the objects alone: it needs no operator and no write of one.
   * @throws JobDeletedError, ForbiddenError (`get` on queues, `list` on queuejobs), ApiError
   */
  explain(options?: WatchOptions): Promise<JobExplanation>
  /**
   * The result, once the job has succeeded. A thousand waits in one namespace share one watch.
   *
   * @throws JobFailedError, JobCancelledError, JobDeletedError, InvalidResultError: how it ended
   * @throws WaitTimeoutError, ApiError, or the signal's reason: it may not have ended
   */
  result(options?: ResultOptions): Promise<Result>
  /**
   * The status now, and again at each new phase, attempt or progress, until the job has ended.
   * @throws JobDeletedError, ApiError, or the signal's reason
   */
  watch(options?: WatchOptions): AsyncGenerator<JobStatus, void, void>
  /**
   * Cancels the job: waiting, it never starts; running, its handler's signal is aborted. A job that
   * has ended stays as it is.
   * @throws ForbiddenError (the verb `cancel` is missing), ActionFailedError, ApiError
   */
  cancel(options?: CancelOptions): Promise<CancelReceipt>
}

/** Where a job stands. */
export interface JobStatus {
  readonly phase: Open<Phase>
  /** One word of the table of reasons (docs/reasons.md); '' before anything was written. */
  readonly reason: string
  /** The reason in one sentence, for people. */
  readonly message: string
  /** Executions that were started. */
  readonly attempts: number
  /** What the handler last said; null = nothing. */
  readonly progress: { readonly percent: number; readonly message: string } | null
  /** Pod of the current or last attempt, '' for none. */
  readonly worker: string
  /** Of the current or last attempt. */
  readonly startedAt: Date | null
  readonly finishedAt: Date | null
  readonly nextAttemptAt: Date | null
  readonly error: {
    readonly category: string
    readonly code: string
    readonly message: string
  } | null
  /** As it is stored, unchecked; undefined = none. */
  readonly result: unknown
}

/** Why a job stands where it stands: exactly one reason. */
export interface JobExplanation {
  readonly phase: Open<Phase>
  /** One word of the table of reasons (docs/reasons.md). */
  readonly reason: string
  /** Who, what, why: one sentence. */
  readonly message: string
  /** The command or the line that would change it; '' = none is known. */
  readonly advice: string
  /** When it changes by itself; null = that is not known. */
  readonly until: Date | null
}

export interface WatchOptions {
  /** Ends it with the reason of the signal. */
  readonly signal?: AbortSignal | undefined
}

export interface ResultOptions extends WatchOptions {
  /** Then WaitTimeoutError; the job goes on. Default: no limit. */
  readonly timeoutMs?: number | undefined
}

export interface CancelOptions extends WatchOptions {
  /** Why; shown on the job. At most 256 characters. */
  readonly comment?: string | undefined
  /** Resolve when the operator has carried it out, not already when it is stored. Default: false. */
  readonly wait?: boolean | undefined
  /** For storing the action, and for the wait. Default: 60,000. */
  readonly timeoutMs?: number | undefined
}

/** What became of a cancel. */
export interface CancelReceipt {
  /** Name of the QueueAction, in the namespace of the job. */
  readonly action: string
  /** True: the operator has carried it out. False: it is stored, and will be. */
  readonly done: boolean
}
