/**
 * `@gopherqueue/sdk/client`: submit jobs, wait for them, cancel them. What is exported here is the
 * public surface; everything else of the client may change.
 */
export type { CancelOptions, CancelReceipt } from '../../../src/client/cancel.ts'
export type { GetOptions, GopherQueue, ListOptions } from '../../../src/client/client.ts'
export {
  ActionFailedError,
  ApiError,
  ForbiddenError,
  InvalidJobError,
  InvalidResultError,
  JobCancelledError,
  JobDeletedError,
  JobExistsError,
  JobFailedError,
  JobNotFoundError,
  type JobRef,
  SubmissionUnknownError,
  WaitTimeoutError,
} from '../../../src/client/errors.ts'
export type { Job, JobStatus, ResultOptions, WatchOptions } from '../../../src/client/job.ts'
export type { Dependency, SubmitOptions } from '../../../src/client/submission.ts'
export type {
  JobDefinition,
  Received,
  Resolved,
  Returned,
  Submitted,
} from '../../../src/core/definition.ts'
export { GopherQueueError } from '../../../src/core/errors.ts'
export { type ConnectOptions, connect } from '../../../src/main/client.ts'
