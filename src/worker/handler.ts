/**
 * A handler as its author writes it, and what it is given (sdk.md). Everything here is public: the
 * declarations are frozen by `test/golden/sdk.d.ts.txt`.
 */
import type { Logger } from 'pino'
import type { JobDefinition, Received, Returned } from '../core/definition.ts'
import type { Fence } from './fence.ts'

/** The job that an attempt belongs to. */
export interface HandledJob {
  /** `metadata.uid`: the identity of the job. */
  readonly uid: string
  readonly name: string
  readonly namespace: string
  readonly queue: string
  readonly type: string
  /** `spec.handlerVersion`; '' when the job takes any. */
  readonly version: string
  /** `spec.runId`; '' when the job has none. */
  readonly runId: string
  readonly correlationId: string
  /** W3C trace context of the submitter; '' when there is none. */
  readonly traceparent: string
  readonly tracestate: string
}

export interface HandlerContext<Deps = unknown> {
  /**
   * Aborted when the attempt must end; `signal.reason` is an `AttemptAborted`. Hand it to whatever
   * waits. A handler that has not ended a few seconds later is given up: its outcome is reported
   * without it.
   */
  readonly signal: AbortSignal
  /** What `deps` of `runWorker` opened. */
  readonly deps: Deps
  /** A pino child with the keys of the job. */
  readonly log: Logger
  readonly job: HandledJob
  /** Larger than that of any earlier attempt of the job: the fencing token (protocol K9). */
  readonly epoch: number
  readonly nonce: string
  /** 1 for the first execution. */
  readonly attempt: number
  readonly maxAttempts: number
  /** When the signal will be aborted with `timeout`; measured on a clock that never steps. */
  readonly deadline: Date
  readonly fence: Fence
  /**
   * Shows progress in `status.progress` and is a sign of life. Best effort, at most one a second
   * leaves the process.
   * @param percent 0 … 100
   * @param message one line, cut at 512 characters
   */
  progress(percent: number, message?: string): Promise<void>
}

/** Made by `handle`. */
export interface Handler<Deps = unknown, Definition extends JobDefinition = JobDefinition> {
  readonly definition: Definition
  run(
    input: Received<Definition>,
    ctx: HandlerContext<Deps>,
  ): Returned<Definition> | Promise<Returned<Definition>>
  /** Never called: makes the compiler ask for the dependencies that the handler needs. */
  readonly needs?: (deps: Deps) => void
}

/** `handle`, for handlers that need these dependencies. */
export type HandleFor<Deps> = <Definition extends JobDefinition>(
  definition: Definition,
  run: (
    input: Received<Definition>,
    ctx: HandlerContext<Deps>,
  ) => Returned<Definition> | Promise<Returned<Definition>>,
) => Handler<Deps, Definition>

/**
 * Joins a definition with the function that does the work. The function returns the result, or
 * throws: `Permanent`, `RetryAfter`, `Snooze`, or anything else for a Temporary failure.
 *
 * `ctx.deps` has the type that the function says: `ctx: HandlerContext<Deps>`. One that says nothing
 * gets `any`: the compiler cannot look from here to the `deps` of `runWorker`. It can when `handlers`
 * is a function: `handlers: (handle) => [handle(job, async (input, ctx) => …)]`.
 */
// biome-ignore lint/suspicious/noExplicitAny: unknown would make every use of ctx.deps an error
export function handle<Definition extends JobDefinition, Deps = any>(
  definition: Definition,
  run: (
    input: Received<Definition>,
    ctx: HandlerContext<Deps>,
  ) => Returned<Definition> | Promise<Returned<Definition>>,
): Handler<Deps, Definition> {
  return { definition, run }
}
