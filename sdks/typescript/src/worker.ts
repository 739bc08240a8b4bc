/**
 * `@gopherqueue/sdk/worker`: programs that work on jobs.
 *
 *   await runWorker({ queues: ['default'], handlers: [handle(sendEmail, async (input, ctx) => …)] })
 */
export { GopherQueueError } from '../../../src/core/errors.ts'
export {
  type RunWorkerOptions,
  runWorker,
  startWorker,
  type WorkerOptions,
} from '../../../src/main/worker.ts'
export type { WorkerSettings } from '../../../src/main/worker-config.ts'
export type { Opened, RunningWorker, WorkerHost } from '../../../src/main/worker-process.ts'
export type { Fence, FenceStatement } from '../../../src/worker/fence.ts'
export {
  type HandledJob,
  type HandleFor,
  type Handler,
  type HandlerContext,
  handle,
} from '../../../src/worker/handler.ts'
export type { WorkerState } from '../../../src/worker/state.ts'
export {
  type AbortReason,
  AttemptAborted,
  Permanent,
  RetryAfter,
  Snooze,
  Temporary,
  type VerdictOptions,
} from '../../../src/worker/verdicts.ts'
