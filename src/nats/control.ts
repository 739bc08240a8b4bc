/**
 * Control messages, operator to workers: published by the leader (implements `Announcer`), received by
 * a worker (implements `ControlSource`). Core messages: one that is lost is made good by the next beat,
 * which shows the leader what its worker does not know (protocol T4, B2).
 */
import type { WorkerId } from '../core/ids.ts'
import { subjects } from '../core/ids.ts'
import type { Control } from '../core/outcome.ts'
import type { Logger } from '../observability/ports.ts'
import type { Announcer } from '../recovery/ports.ts'
import type { ControlSource } from '../worker/ports.ts'
import type { Nats } from './connect.ts'
import { decodeControl } from './decode.ts'
import { encodeControl } from './encode.ts'
import { isStatus, type RawMessage } from './message.ts'

export function natsAnnouncer(nats: Nats): Announcer {
  const publish = (subject: string, control: Control) => {
    for (const body of encodeControl(control)) nats.session?.publish(subject, body)
  }
  return {
    toWorker: (namespace, worker, control) => publish(subjects.control(namespace, worker), control),
    toNamespace: (namespace, control) => publish(subjects.controlAll(namespace), control),
  }
}

export interface ControlSourceOptions {
  readonly nats: Nats
  readonly namespace: string
  readonly worker: WorkerId
  readonly logger: Logger
  /** Called for each message that cannot be read. */
  readonly rejected?: () => void
}

export function natsControlSource(options: ControlSourceOptions): ControlSource {
  const { nats, namespace, worker, logger } = options
  const own = [subjects.control(namespace, worker), subjects.controlAll(namespace)]
  const receivers = new Set<(control: Control) => void>()
  const read = (message: RawMessage) => {
    // A delivery that was redirected here keeps the subject of its job (B40).
    if (!own.includes(message.subject) || isStatus(message)) return
    const decoded = decodeControl(message)
    if (decoded.ok) for (const receive of receivers) receive(decoded.value)
    else {
      options.rejected?.()
      logger.warn('a control message cannot be read', { namespace, err: decoded.problem })
    }
  }
  nats.onSession((session) => {
    for (const subject of own) session.subscribe(subject, read)
  })
  return {
    subscribe(receive) {
      receivers.add(receive)
      return () => void receivers.delete(receive)
    },
  }
}
