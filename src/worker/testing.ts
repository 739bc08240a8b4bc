/**
 * For tests of handlers: one attempt without a queue, and the question that every handler has to
 * answer, what happens when it is run again. The same code as in a worker runs it: input through its
 * schema, result through JSON, deadline, signal, whatever is thrown.
 */
import { AssertionError } from 'node:assert'
import { isDeepStrictEqual } from 'node:util'
import { pino } from 'pino'
import { fromWire, type JobDefinition, type Resolved, type Submitted } from '../core/definition.ts'
import { epochOf } from '../core/epoch.ts'
import { GopherQueueError } from '../core/errors.ts'
import { classId, jobUid } from '../core/ids.ts'
import type { Failure, Outcome, WorkItem } from '../core/outcome.ts'
import { VirtualClock } from '../core/virtual-clock.ts'
import type { Abort } from './attempt.ts'
import { Execution } from './execution.ts'
import type { Handler } from './handler.ts'
import { invoke } from './invoke.ts'
import { Progress } from './progress.ts'
import { AttemptAborted } from './verdicts.ts'

/** A clock that moves only when told to: `await clock.advanceAsync(60_000)`. */
export { VirtualClock as FakeClock } from '../core/virtual-clock.ts'

export interface AttemptOptions {
  /** Default: 1. */
  readonly attempt?: number
  /** Default: 3. */
  readonly maxAttempts?: number
  /** Default: one that is larger with each attempt. */
  readonly epoch?: number
  readonly uid?: string
  readonly name?: string
  readonly namespace?: string
  readonly queue?: string
  readonly runId?: string
  readonly correlationId?: string
  /** Default: 1,800,000, as for a job that says nothing. Passes only on a clock that is moved. */
  readonly timeoutMs?: number
  /** Default: one that stands still. */
  readonly clock?: VirtualClock
  /**
   * Aborts the attempt: as cancelled, or for the reason of the `AttemptAborted` that it is aborted
   * with.
   */
  readonly signal?: AbortSignal
}

/** `deps` are asked for exactly when the handler needs some. */
export type RunOptions<Deps> = AttemptOptions &
  (unknown extends Deps ? { readonly deps?: Deps } : { readonly deps: Deps })

type Given<Options> = object extends Options ? [options?: Options] : [options: Options]

export interface HandlerRun<Result> {
  readonly outcome: Outcome['kind']
  /** What the one who waits for the job gets; undefined unless it succeeded. */
  readonly result: Result | undefined
  /** Null unless it failed or timed out. */
  readonly error: Failure | null
  /** Of `RetryAfter` and `Snooze`, else null. */
  readonly delayMs: number | null
  readonly progress: readonly { readonly percent: number; readonly message: string }[]
  /** Lines of `ctx.log`, parsed. */
  readonly logs: readonly Readonly<Record<string, unknown>>[]
}

/**
 * Runs one attempt. Never rejects for what the handler does.
 * @throws GopherQueueError `InvalidPayload` when the input has no JSON form at all
 */
export async function runHandler<Deps, Definition extends JobDefinition>(
  handler: Handler<Deps, Definition>,
  input: Submitted<Definition>,
  ...[options]: Given<RunOptions<Deps>>
): Promise<HandlerRun<Resolved<Definition>>> {
  const given: AttemptOptions & { readonly deps?: Deps } = options ?? {}
  const clock = given.clock ?? new VirtualClock()
  const item = itemOf(handler.definition, input, given)
  const now = clock.monotonic()
  const execution = new Execution({ item, requestedAt: now, receivedAt: now, clock })
  const progress: { percent: number; message: string }[] = []
  const logs: Record<string, unknown>[] = []
  execution.acknowledged(true)
  const stopListening = abortWith(execution, given.signal)
  execution.start(() =>
    invoke<Deps>({
      handler: handler as Handler<Deps>,
      item,
      signal: execution.signal,
      deps: given.deps as Deps,
      log: pino({ level: 'trace' }, { write: (line) => void logs.push(JSON.parse(line)) }),
      progress: new Progress({
        clock,
        redact: (text) => text,
        send: (percent, message) => progress.push({ percent, message }),
      }),
      clock,
      redact: (text) => text,
      payloads: null,
      worker: 'test',
    }),
  )
  const { outcome } = await execution.decided
  stopListening()
  return { ...told(handler.definition, outcome), progress, logs }
}

export type IdempotenceOptions<Deps> = RunOptions<Deps> & {
  /** What the handler has done to the world by now: rows, calls of a fake, files. Compared deeply. */
  readonly effects: () => unknown
}

/**
 * Runs the handler as a queue may run it and asserts that once is as good as often: an attempt whose
 * report was lost, the attempt that follows it, and then once more the first, late, with its older
 * epoch, as a worker does that was cut off (it may throw: a fence refused it). Effects and result
 * must be those of the first run each time.
 * @throws AssertionError saying which run changed what
 */
export async function assertIdempotent<Deps, Definition extends JobDefinition>(
  handler: Handler<Deps, Definition>,
  input: Submitted<Definition>,
  options: IdempotenceOptions<Deps>,
): Promise<void> {
  const epoch = options.epoch ?? epochOf(1, 1)
  const run = async (attempt: number, at: number) => {
    const given = { ...options, attempt, epoch: at } as Given<RunOptions<Deps>>[0]
    const ended = await runHandler(handler, input, ...([given] as Given<RunOptions<Deps>>))
    return { ...ended, effects: structuredClone(await options.effects()) }
  }
  const first = await run(1, epoch)
  if (first.outcome !== 'succeeded') {
    fail(`the first run ended ${first.outcome}: ${first.error?.message ?? ''}`, first, null)
  }
  const second = await run(2, epoch + 1)
  if (!isDeepStrictEqual(second.effects, first.effects)) {
    fail('the second run had effects of its own', second.effects, first.effects)
  }
  if (!isDeepStrictEqual(second.result, first.result)) {
    fail('the second run returned another result', second.result, first.result)
  }
  const late = await run(1, epoch)
  if (!isDeepStrictEqual(late.effects, first.effects)) {
    fail('a late run with the older epoch had effects of its own', late.effects, first.effects)
  }
}

function fail(message: string, actual: unknown, expected: unknown): never {
  throw new AssertionError({
    message: `handler is not idempotent: ${message}`,
    actual,
    expected,
    operator: 'assertIdempotent',
  })
}

function itemOf(definition: JobDefinition, input: unknown, options: AttemptOptions): WorkItem {
  const attempt = options.attempt ?? 1
  return {
    namespace: options.namespace ?? 'default',
    name: options.name ?? `${definition.type.replaceAll('.', '-')}-test`,
    uid: jobUid(options.uid ?? '00000000-0000-4000-8000-000000000001'),
    cls: classId('0'.repeat(32)),
    queue: options.queue ?? 'default',
    type: definition.type,
    handlerVersion: '',
    epoch: options.epoch ?? epochOf(1, attempt),
    nonce: '0'.repeat(32),
    attempt,
    maxAttempts: options.maxAttempts ?? 3,
    runId: options.runId ?? '',
    timeoutMs: options.timeoutMs ?? 1_800_000,
    traceparent: '',
    tracestate: '',
    correlationId: options.correlationId ?? '',
    payloadJson: payloadOf(input),
    payloadFrom: null,
  }
}

function payloadOf(input: unknown): string | null {
  try {
    return JSON.stringify(input) ?? null
  } catch (cause) {
    throw new GopherQueueError('InvalidPayload', 'runHandler: the input has no JSON form', {
      cause,
      help: 'give a value without BigInts and cycles, as a client would have to',
    })
  }
}

/** Returns what ends the listening. */
function abortWith(execution: Execution, signal: AbortSignal | undefined): () => void {
  if (!signal) return () => undefined
  const abort = (): void => execution.abort(abortOf(signal.reason))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}

function abortOf(reason: unknown): Abort {
  if (reason instanceof AttemptAborted && reason.reason !== 'cancelled') {
    return { kind: reason.reason }
  }
  return { kind: 'cancelled', why: 'cancelled' }
}

function told<D extends JobDefinition>(
  definition: D,
  outcome: Outcome,
): Pick<HandlerRun<Resolved<D>>, 'outcome' | 'result' | 'error' | 'delayMs'> {
  const plain = { outcome: outcome.kind, result: undefined, error: null, delayMs: null }
  switch (outcome.kind) {
    case 'succeeded': {
      const value: unknown = outcome.resultJson === null ? null : JSON.parse(outcome.resultJson)
      const read = fromWire(definition.output, value)
      return { ...plain, result: read.ok ? (read.value as Resolved<D>) : undefined }
    }
    case 'failed':
      return { ...plain, error: outcome.failure, delayMs: outcome.retryAfterMs }
    case 'timed-out':
    case 'rejected':
      return { ...plain, error: outcome.failure }
    case 'snoozed':
      return { ...plain, delayMs: outcome.delayMs }
    case 'cancelled':
    case 'handed-back':
      return plain
  }
}
