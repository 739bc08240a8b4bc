/**
 * What a worker remembers of terms and epochs, so that nothing old starts here (protocol K2): the
 * highest term that a leader announced for each shard, and the highest epoch that was taken in hand
 * for each job.
 *
 * "Taken in hand" is earlier than "started": once the ack is on its way the epoch has a report coming
 * with its one message id, so a second delivery of it must never be run, also when the first was
 * handed back.
 */
import { type Epoch, MAX_TERM, NO_EPOCH, type Term } from '../core/epoch.ts'
import { type JobUid, SHARDS, type ShardId } from '../core/ids.ts'

/** Beyond it the oldest job is forgotten; a redelivery comes within minutes, not after so many jobs. */
export const REMEMBERED_JOBS = 20_000

export class Epochs {
  readonly #terms: Term[] = Array.from({ length: SHARDS }, () => 0)
  readonly #taken = new Map<JobUid, Epoch>()
  readonly #capacity: number

  constructor(capacity: number = REMEMBERED_JOBS) {
    this.#capacity = capacity
  }

  /** False: older than what was announced before; the message is to be ignored. */
  announce(shard: number, term: Term): boolean {
    const known = this.#terms[shard]
    if (known === undefined || term > MAX_TERM || term < known) return false
    this.#terms[shard] = term
    return true
  }

  /** 0 = none yet. */
  announced(shard: ShardId): Term {
    return this.#terms[shard] ?? 0
  }

  take(uid: JobUid, epoch: Epoch): void {
    const highest = Math.max(epoch, this.taken(uid))
    this.#taken.delete(uid)
    this.#taken.set(uid, highest)
    for (const oldest of this.#taken.keys()) {
      if (this.#taken.size <= this.#capacity) return
      this.#taken.delete(oldest)
    }
  }

  /** 0 = none that is remembered. */
  taken(uid: JobUid): Epoch {
    return this.#taken.get(uid) ?? NO_EPOCH
  }
}
