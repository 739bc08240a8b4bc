/**
 * JetStream's words, in one place: where a delivery comes from, what may be answered to it, and what a
 * status about a pull means.
 */
import type { HeaderBlock } from './message.ts'

/** Answers to a delivery, published to its reply subject. */
export const ACK = '+ACK'
export const TERM = '+TERM'
export const IN_PROGRESS = '+WPI'

/** Deliver again after `delayMs`. */
export function nak(delayMs: number): string {
  return delayMs <= 0 ? '-NAK' : `-NAK {"delay":${Math.round(delayMs) * 1_000_000}}`
}

/** Which consumer delivered a message, read from its reply subject. */
export interface DeliveryOrigin {
  readonly stream: string
  readonly consumer: string
  /** Sequence of the message in its stream. */
  readonly seq: number
}

const ACK_PREFIX = '$JS.ACK.'

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<seq>.…` and, where the server has a domain or an account
 * hash to tell, `$JS.ACK.<domain>.<account>.<stream>.<consumer>.<deliveries>.<seq>.…`. Null: neither.
 */
export function deliveryOrigin(reply: string): DeliveryOrigin | null {
  if (!reply.startsWith(ACK_PREFIX)) return null
  const tokens = reply.slice(ACK_PREFIX.length).split('.')
  const from = tokens.length === 7 ? 0 : 2
  if (tokens.length < 7 + from) return null
  const [stream, consumer, , seq] = tokens.slice(from)
  if (!stream || !consumer || !seq || !/^[0-9]{1,19}$/.test(seq)) return null
  return { stream, consumer, seq: Number(seq) }
}

export type PullStatus =
  /** The consumer is there and has nothing: an idle heartbeat. */
  | 'alive'
  /** Over as agreed: expired, or nothing there. Pull again at once. */
  | 'over'
  /** Refused or moved; pull again after a pause. */
  | 'pause'
  /** The consumer or its stream may be gone: look, then pull again after a pause. */
  | 'gone'

/** What a status message about a pull means (wire protocol, "Worker loop"). */
export function pullStatus(block: Pick<HeaderBlock, 'status' | 'description'>): PullStatus {
  switch (block.status) {
    case 100:
      return 'alive'
    case 404:
    case 408:
      return 'over'
    case 409:
      return /deleted|not found/i.test(block.description) ? 'gone' : 'pause'
    case 503:
      return 'gone'
    default:
      return 'pause'
  }
}
