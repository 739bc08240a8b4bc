/**
 * Epochs and nonces: the two numbers that fence every start (protocol section 2).
 *
 * An epoch is `term × 2^32 + seq`. The term rises with each change of leader and stands in the
 * shard record, so it costs no write per job; seq is counted in the leader's memory. The nonce is an
 * HMAC over what was dispatched: whoever holds the shard record can check one, nobody else can make
 * one, and an etcd restored from a backup has other salts (S2).
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { JobUid } from './ids.ts'

/** Below 2^53, so a JSON number carries it exactly. 0 means "none". */
export type Epoch = number
/** Below 2^21 (S1). */
export type Term = number

const SEQ_SPAN = 2 ** 32
export const MAX_TERM = 2 ** 21 - 1
export const NO_EPOCH: Epoch = 0

/** S1. @throws RangeError when either part is out of its range: an epoch must never wrap. */
export function epochOf(term: Term, seq: number): Epoch {
  if (!Number.isInteger(term) || term < 1 || term > MAX_TERM) {
    throw new RangeError(`term ${term} is outside 1…${MAX_TERM}`)
  }
  if (!Number.isInteger(seq) || seq < 1 || seq >= SEQ_SPAN) {
    throw new RangeError(`sequence ${seq} is outside 1…${SEQ_SPAN - 1}`)
  }
  return term * SEQ_SPAN + seq
}

export function termOf(epoch: Epoch): Term {
  return Math.floor(epoch / SEQ_SPAN)
}

/** The lowest term a take-over may pick at this time: whole hours since 2026-01-01 (T1). */
export function termFloorAt(wallMs: number): Term {
  return Math.max(1, Math.floor((wallMs - Date.UTC(2026, 0, 1)) / 3_600_000))
}

export interface Dispatched {
  readonly uid: JobUid
  readonly epoch: Epoch
  readonly attempt: number
  readonly runId: string
}

/** S2: 16 bytes as 32 hex digits. `key` is the installation key (empty in demo mode). */
export function nonceOf(key: Uint8Array, salt: Uint8Array, start: Dispatched): string {
  const mac = createHmac('sha256', key)
  mac.update(salt)
  mac.update(`\n${start.uid}\n${start.epoch}\n${start.attempt}\n${start.runId}`)
  return mac.digest('hex').slice(0, 32)
}

/** In constant time, whatever the sender wrote. */
export function sameNonce(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

/** What a new leader read of a job before it wrote its own floor (S4). */
export interface StatusOfEpoch {
  readonly epoch: Epoch
  readonly terminal: boolean
  readonly running: boolean
}

/**
 * S4: may the attempt `epoch` still become the job's result? The caller has checked nonce and uid.
 * `floor` is the one read at take-over: with T6 and T7 at most one published epoch is live.
 */
export function isLive(epoch: Epoch, status: StatusOfEpoch, floor: Term): boolean {
  if (status.terminal) return false
  if (epoch > status.epoch) return termOf(epoch) >= floor
  return epoch === status.epoch && status.running
}
