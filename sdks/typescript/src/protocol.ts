/**
 * `@gopherqueue/sdk/protocol`: the wire protocol as schemas, for tools and for workers in other
 * shapes. The same schemas as JSON: docs/protocol.
 */
export {
  BeatMessage,
  CANCEL_REASONS,
  ConnectClaim,
  ControlMessage,
  EVENT_HEADERS,
  EventError,
  EventHeaders,
  MESSAGE_ID_HEADER,
  MESSAGE_LIMITS,
  NoteMessage,
  OUTCOMES,
  PROTOCOL_VERSION,
  readHeaders,
  WORK_HEADERS,
  WorkHeaders,
  writeHeaders,
} from '../../../src/api/messages.ts'
export { classConsumer, classDigest, SHARDS, shardOf, subjects } from '../../../src/core/ids.ts'
