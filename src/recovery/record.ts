/**
 * The next version of a shard record for each step of a take-over (protocol T1, T2, T5, T7). Pure;
 * every one is written by compare-and-set, and whoever loses steps down.
 */

import type { WallMs } from '../core/clock.ts'
import { MAX_TERM, type Term, termFloorAt } from '../core/epoch.ts'
import type { ShardRecord } from './ports.ts'

/** Salts are kept so long, so that any outcome that can still arrive can be checked. */
const KEEP_SALTS_SECONDS = 7 * 86_400
const MAX_SALTS = 512

/** T1: ours, with a term above the last one and never below the hours since 2026. */
export function claimed(
  record: ShardRecord,
  holder: string,
  saltHex: string,
  now: WallMs,
): ShardRecord {
  return raised({ ...record, holder }, Math.max(record.term + 1, termFloorAt(now)), saltHex, now)
}

/** T2, T5: a higher term of the same holder, with a salt of its own. @throws when terms are used up */
export function raised(record: ShardRecord, term: Term, saltHex: string, now: WallMs): ShardRecord {
  if (term > MAX_TERM) {
    throw new RangeError(
      `shard ${record.shard}: term ${term} is above ${MAX_TERM}; delete Lease gopherqueue-shard-${record.shard} while no operator runs`,
    )
  }
  const madeAt = Math.floor(now / 1000)
  const salts = prunedSalts({ ...record.salts, [term]: { hex: saltHex, madeAt } }, madeAt)
  return { ...record, term, salts }
}

/** T7: from here every older attempt that is not written as Running is void for all leaders. */
export function floored(record: ShardRecord): ShardRecord {
  return { ...record, floor: record.term }
}

/** A clean stop: the next process takes it without waiting for a Lease to run out. */
export function released(record: ShardRecord): ShardRecord {
  return { ...record, holder: '' }
}

/**
 * At most 512, the newest; each until seven days after its term ended, which is when the next one
 * began. Not seven days after it was made: a leader may lead for a month, and the outcomes of what it
 * started last are still under way when the next one claims.
 */
export function prunedSalts(salts: ShardRecord['salts'], nowSeconds: number): ShardRecord['salts'] {
  const newest = Object.entries(salts).sort(([a], [b]) => Number(b) - Number(a))
  const kept = newest.filter((_, index) => {
    const next = newest[index - 1]?.[1]
    return next === undefined || nowSeconds - next.madeAt < KEEP_SALTS_SECONDS
  })
  return Object.fromEntries(kept.slice(0, MAX_SALTS))
}
