/**
 * `@gopherqueue/sdk`: what a job is, shared by those who submit it and those who work on it.
 *
 *   export const sendEmail = defineJob({ type: 'email.send', version: '1', input, output })
 */
export {
  defineJob,
  type JobDefinition,
  type Received,
  type Resolved,
  type Returned,
  type Submitted,
} from '../../../src/core/definition.ts'
export { GopherQueueError } from '../../../src/core/errors.ts'
