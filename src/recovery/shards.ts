/**
 * The shards that this process leads: term, floor, salts and sequence of each. It hands out epochs
 * and nonces and checks those that come back (protocol S1, S2).
 *
 *   take ──▶ taking ──▶ window ──▶ leading ──▶ (dropped)
 *              T1–T4       T5–T7       T8         step down, hand over
 *
 * Nothing is dispatched before `leading`. A term is raised inside a take-over (T2, T5), which starts
 * the sequence anew: (term, seq) never comes twice.
 */
import {
  type Dispatched,
  type Epoch,
  epochOf,
  nonceOf,
  sameNonce,
  type Term,
  termOf,
} from '../core/epoch.ts'
import type { ShardId } from '../core/ids.ts'
import type { ShardRecord } from './ports.ts'

export type ShardPhase = 'taking' | 'window' | 'leading'

export interface LedShard {
  readonly shard: ShardId
  /** As last written by us. */
  readonly record: ShardRecord
  /** The floor read at T1, before ours was written: what S4 is judged on. */
  readonly floorRead: Term
  readonly phase: ShardPhase
}

interface Held extends LedShard {
  record: ShardRecord
  phase: ShardPhase
  seq: number
}

export type NonceCheck = 'valid' | 'invalid' | 'unknown-salt'

export class Shards {
  readonly #key: Uint8Array
  readonly #held = new Map<ShardId, Held>()

  /** @param key installation key, 32 bytes; empty in local modes */
  constructor(key: Uint8Array) {
    this.#key = key
  }

  /** T1 was won with this record. */
  take(record: ShardRecord, floorRead: Term): LedShard {
    const held: Held = { shard: record.shard, record, floorRead, phase: 'taking', seq: 0 }
    this.#held.set(record.shard, held)
    return held
  }

  /** A new version of the record is ours: a raised term, or our floor. */
  update(record: ShardRecord): void {
    const held = this.#held.get(record.shard)
    if (!held) return
    if (record.term !== held.record.term) held.seq = 0
    held.record = record
  }

  enter(shard: ShardId, phase: ShardPhase): void {
    const held = this.#held.get(shard)
    if (held) held.phase = phase
  }

  drop(shard: ShardId): void {
    this.#held.delete(shard)
  }

  get(shard: ShardId): LedShard | undefined {
    return this.#held.get(shard)
  }

  all(): readonly LedShard[] {
    return [...this.#held.values()]
  }

  leads(shard: ShardId): boolean {
    return this.#held.get(shard)?.phase === 'leading'
  }

  /** @throws Error when the shard is not led: a caller's guard is missing */
  next(shard: ShardId): Epoch {
    const held = this.#held.get(shard)
    if (!held) throw new Error(`shard ${shard} is not led by this process`)
    held.seq += 1
    return epochOf(held.record.term, held.seq)
  }

  nonce(shard: ShardId, start: Dispatched): string {
    const salt = this.#salt(shard, termOf(start.epoch))
    if (!salt) throw new Error(`shard ${shard} has no salt for term ${termOf(start.epoch)}`)
    return nonceOf(this.#key, salt, start)
  }

  check(shard: ShardId, start: Dispatched, nonce: string): NonceCheck {
    const salt = this.#salt(shard, termOf(start.epoch))
    if (!salt) return 'unknown-salt'
    return sameNonce(nonceOf(this.#key, salt, start), nonce) ? 'valid' : 'invalid'
  }

  /** False: the salt of the epoch's term is gone, because somebody deleted the record (T2). */
  knows(shard: ShardId, epoch: Epoch): boolean {
    return this.#salt(shard, termOf(epoch)) !== null
  }

  #salt(shard: ShardId, term: Term): Uint8Array | null {
    const salts = this.#held.get(shard)?.record.salts
    const salt = salts && Object.hasOwn(salts, term) ? salts[term] : undefined
    return salt ? Buffer.from(salt.hex, 'hex') : null
  }
}
