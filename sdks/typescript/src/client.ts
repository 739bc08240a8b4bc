/**
 * `@gopherqueue/sdk/client`: submit jobs, wait for them, cancel them. What is exported here is the
 * public surface; everything else of the client may change.
 */
export {
  ActionFailedError,
  ApiError,
  ForbiddenError,
  InvalidJobError,
  InvalidResultError,
  JobCancelledError,
  JobDeletedError,
  JobError,
  JobExistsError,
  JobFailedError,
  JobNotFoundError,
  type JobRef,
  SubmissionUnknownError,
  WaitTimeoutError,
} from '../../../src/client/errors.ts'
export type { Dependency, SubmitOptions } from '../../../src/client/submission.ts'
export type {
  CancelOptions,
  CancelReceipt,
  GetOptions,
  GopherQueue,
  Job,
  JobExplanation,
  JobStatus,
  ListOptions,
  ResultOptions,
  WatchOptions,
} from '../../../src/client/surface.ts'
export type {
  JobDefinition,
  Received,
  Resolved,
  Returned,
  Submitted,
} from '../../../src/core/definition.ts'
export { type FailureClass, GopherQueueError } from '../../../src/core/errors.ts'
export { type ConnectOptions, connect } from '../../../src/main/client.ts'
