/** Runs a handler once, with everything it may use, and turns whatever happens into an outcome. */
import type { Logger } from 'pino'
import type { Clock } from '../core/clock.ts'
import type { Outcome, WorkItem } from '../core/outcome.ts'
import { outcomeOfThrown, toldOfThrown } from './failure.ts'
import { fenceOf } from './fence.ts'
import type { HandledJob, Handler, HandlerContext } from './handler.ts'
import { payloadOf } from './payload.ts'
import type { PayloadSource } from './ports.ts'
import type { Progress } from './progress.ts'
import { inputOf, outcomeOfValue } from './result.ts'
import type { Redact } from './text.ts'
import { verdictOf } from './verdicts.ts'

export interface Invocation<Deps> {
  readonly handler: Handler<Deps>
  readonly item: WorkItem
  readonly signal: AbortSignal
  readonly deps: Deps
  readonly log: Logger
  readonly progress: Progress
  readonly clock: Clock
  readonly redact: Redact
  /** Null: this worker reads no payload by reference. */
  readonly payloads: PayloadSource | null
  /** For people: pod, or id of a worker without one. */
  readonly worker: string
}

/** Never rejects. */
export async function invoke<Deps>(invocation: Invocation<Deps>): Promise<Outcome> {
  const { handler, item, progress, log, redact, payloads, worker, signal } = invocation
  try {
    const payload = await payloadOf(item, payloads, worker, signal)
    if (!payload.ok) return payload.outcome
    // Aborted while it was read: the handler has nothing to undo, and is not begun.
    signal.throwIfAborted()
    const read = inputOf(handler.definition, payload.json)
    if (!read.ok) return read.outcome
    const value: unknown = await handler.run(read.input, contextOf(invocation))
    return outcomeOfValue(handler.definition, value)
  } catch (thrown) {
    tellStack(log, thrown, redact)
    return outcomeOfThrown(thrown, redact)
  } finally {
    progress.close()
  }
}

/** The stack goes to the log of the worker: the status of a job has room for one line. */
function tellStack(log: Logger, thrown: unknown, redact: Redact): void {
  const err = toldOfThrown(thrown, redact)
  if (verdictOf(thrown)) log.debug({ err }, 'handler gave a verdict')
  else log.warn({ err }, 'handler threw')
}

function contextOf<Deps>(invocation: Invocation<Deps>): HandlerContext<Deps> {
  const { item, signal, deps, log, progress, clock } = invocation
  return {
    signal,
    deps,
    log,
    job: jobOf(item),
    epoch: item.epoch,
    nonce: item.nonce,
    attempt: item.attempt,
    maxAttempts: item.maxAttempts,
    deadline: new Date(clock.now() + item.timeoutMs),
    fence: fenceOf(item),
    progress: async (percent, message = '') => progress.report(percent, message),
  }
}

function jobOf(item: WorkItem): HandledJob {
  return {
    uid: item.uid,
    name: item.name,
    namespace: item.namespace,
    queue: item.queue,
    type: item.type,
    version: item.handlerVersion,
    runId: item.runId,
    correlationId: item.correlationId,
    traceparent: item.traceparent,
    tracestate: item.tracestate,
  }
}
