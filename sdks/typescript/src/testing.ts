/**
 * `@gopherqueue/sdk/testing`: handlers in unit tests, without a queue and without waiting.
 *
 *   const run = await runHandler(sendEmailHandler, { to: 'a@b.example' }, { deps })
 *   expect(run.outcome).toBe('succeeded')
 */
export {
  type AttemptOptions,
  assertIdempotent,
  FakeClock,
  type HandlerRun,
  type IdempotenceOptions,
  type RunOptions,
  runHandler,
} from '../../../src/worker/testing.ts'
