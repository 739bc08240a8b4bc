/**
 * Outcomes and progress of a worker on their way to the operator (implements `OutcomeSink`; protocol
 * K6, O7). One call is one publication with one id; the worker repeats it, on whatever connection,
 * until it is confirmed: the stream keeps ids for ten minutes and the operator counts by epoch, so a
 * repeated report changes nothing.
 */
import { shardOf, subjects } from '../core/ids.ts'
import type { Logger } from '../observability/ports.ts'
import type { OutcomeSink } from '../worker/ports.ts'
import type { Nats } from './connect.ts'
import { encodeEvent, encodeNote, type ReportOrigin } from './encode.ts'
import { publishTo } from './publish.ts'

export interface OutcomeSinkOptions extends ReportOrigin {
  readonly nats: Nats
  readonly logger: Logger
}

/** For the confirmation. Longer than a restart of JetStream takes on a healthy server. */
const CONFIRM_WITHIN_MS = 5_000

export function natsOutcomeSink(options: OutcomeSinkOptions): OutcomeSink {
  const { nats, namespace, owner, logger } = options
  return {
    async publish(report, resend) {
      const { session } = nats
      if (!session) return false
      const message = encodeEvent(report, options, resend)
      const publication = await publishTo(session, message, { deadlineMs: CONFIRM_WITHIN_MS })
      switch (publication.kind) {
        case 'stored':
        case 'duplicate':
          return true
        case 'refused':
        case 'unsent':
          logger.warn('an outcome was not taken and will be sent again', {
            namespace,
            uid: report.uid,
            epoch: report.epoch,
            err: publication.problem,
          })
          return false
        case 'occupied':
        case 'unknown':
          return false
      }
    },
    note(attempt, percent, message) {
      const subject = subjects.note(shardOf(namespace), namespace, owner.worker, attempt.uid)
      nats.session?.publish(subject, encodeNote(attempt, owner, percent, message))
    },
  }
}
