/**
 * Hand-made pull requests, as both ends of the system use them: what is asked, what a status about one
 * means, and when the server has forgotten one. It sends an idle heartbeat every 5 s; two missed ones
 * mean that nothing will come any more: a request beyond `max_waiting`, or one that was lost with the
 * consumer's leader, is dropped without an answer.
 */
import type { MonoMs } from '../core/clock.ts'
import { type PullStatus, pullStatus } from './acks.ts'
import { type RawMessage, readHeaderBlock } from './message.ts'

const HEARTBEAT_MS = 5_000
/** Two heartbeats, and a second for the way. */
export const FORGOTTEN_AFTER_MS = 2 * HEARTBEAT_MS + 1_000

const NANOS_PER_MS = 1_000_000

export function pullRequest(stream: string, consumer: string, batch: number, expiresMs: number) {
  return {
    subject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    body: JSON.stringify({
      batch,
      expires: expiresMs * NANOS_PER_MS,
      idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS,
    }),
  }
}

export function pullStatusOf(message: RawMessage): PullStatus {
  const reading = readHeaderBlock(message.headers)
  return reading.ok ? pullStatus(reading.block) : 'pause'
}

export function isForgotten(heardAt: MonoMs, now: MonoMs): boolean {
  return now - heardAt >= FORGOTTEN_AFTER_MS
}
