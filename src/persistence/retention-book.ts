/**
 * The finished jobs of the led shards, in the orders in which they go. Everything is found at the head
 * of a heap, so a look costs what goes and not what stays.
 *
 *   kept ──age, count, cluster──▶ condemned ──protection over──▶ ready ──deleted──▶ forgotten
 *                                    └─ trimmed meanwhile, if something protects it
 *
 * Whoever is condemned has left the counts: it makes no room for itself twice. A change of the policy
 * judges all jobs of the queue again, those that wait for their deletion included.
 */
import type { WallMs } from '../core/clock.ts'
import { Heap } from '../core/heap.ts'
import type { JobUid } from '../core/ids.ts'
import { ageEnd, type FinishedJob, keyEnd, type RetentionPolicy } from './retention.ts'

interface Kept {
  readonly job: FinishedJob
  readonly shelf: string
  readonly ageEnd: WallMs
  readonly keyEnd: WallMs
}

interface Condemned extends Kept {
  /** Not before. */
  readonly goesAt: WallMs
}

type ByUid<T extends Kept> = Heap<JobUid, T>

const heapBy = <T extends Kept>(time: (kept: T) => WallMs): ByUid<T> =>
  new Heap<JobUid, T>(
    ({ job }) => job.uid,
    (a, b) => time(a) < time(b) || (time(a) === time(b) && a.job.uid < b.job.uid),
  )

export class RetentionBook {
  readonly #all = new Map<JobUid, Kept>()
  readonly #byAge = heapBy<Kept>((kept) => kept.ageEnd)
  /** What may be deleted at all, oldest first: of each queue's shelf, and of all queues together. */
  readonly #shelves = new Map<string, ByUid<Kept>>()
  readonly #oldest = heapBy<Kept>(({ job }) => job.endedAt)
  readonly #condemned = heapBy<Condemned>((kept) => kept.goesAt)
  readonly #trims = new Set<JobUid>()

  get size(): number {
    return this.#all.size
  }

  has(uid: JobUid): boolean {
    return this.#all.has(uid)
  }

  jobs(): IterableIterator<FinishedJob> {
    return Iterator.from(this.#all.values()).map(({ job }) => job) as IterableIterator<FinishedJob>
  }

  /** A version of a finished job. What it says about its retention decides whether it is judged anew. */
  put(job: FinishedJob, policy: RetentionPolicy, now: WallMs): void {
    const known = this.#all.get(job.uid)
    const shelf = `${job.namespace}/${job.queue} ${job.shelf}`
    const kept: Kept = { job, shelf, ageEnd: ageEnd(job, policy), keyEnd: keyEnd(job, policy) }
    if (known && sameJudgement(known, kept)) {
      if (!job.trimmable) this.#trims.delete(job.uid)
      return
    }
    this.drop(job.uid)
    this.#all.set(job.uid, kept)
    this.#byAge.set(kept)
    if (!job.staysForGood) {
      this.#shelf(shelf).set(kept)
      this.#oldest.set(kept)
    }
    this.#overflow(shelf, policy.most[job.shelf], now)
  }

  /** Gone, or running again. */
  drop(uid: JobUid): void {
    const kept = this.#all.get(uid)
    if (!kept) return
    this.#all.delete(uid)
    this.#leaveShelves(kept)
    this.#condemned.delete(uid)
    this.#trims.delete(uid)
  }

  /** Condemns whose age is over. */
  age(now: WallMs): void {
    for (let next = this.#byAge.first; next && next.ageEnd <= now; next = this.#byAge.first) {
      this.#condemn(next, now)
    }
  }

  /** Condemns the `count` oldest of all queues that ended before `before`. Returns how many there were. */
  shorten(count: number, before: WallMs, now: WallMs): number {
    for (let done = 0; done < count; done++) {
      const next = this.#oldest.first
      if (!next || next.job.endedAt > before) return done
      this.#condemn(next, now)
    }
    return Math.max(0, count)
  }

  /** May be deleted now, longest due first. */
  ready(now: WallMs, limit: number): readonly FinishedJob[] {
    return this.#condemned
      .head(limit)
      .filter(({ goesAt }) => goesAt <= now)
      .map(({ job }) => job)
  }

  /** Condemned and not deleted yet. */
  get condemned(): number {
    return this.#condemned.size
  }

  postpone(uid: JobUid, until: WallMs): void {
    const kept = this.#all.get(uid)
    if (kept && this.#condemned.has(uid)) this.#condemned.set({ ...kept, goesAt: until })
  }

  /** To be trimmed; each is named once. */
  takeTrims(limit: number): readonly JobUid[] {
    const taken = Iterator.from(this.#trims).take(limit).toArray()
    for (const uid of taken) this.#trims.delete(uid)
    return taken
  }

  /** When there is something to do without a change; Infinity = never. */
  get nextAt(): WallMs {
    if (this.#trims.size > 0) return Number.NEGATIVE_INFINITY
    return Math.min(
      this.#byAge.first?.ageEnd ?? Number.POSITIVE_INFINITY,
      this.#condemned.first?.goesAt ?? Number.POSITIVE_INFINITY,
    )
  }

  #overflow(shelf: string, most: number, now: WallMs): void {
    const jobs = this.#shelves.get(shelf)
    while (jobs && jobs.size > most && jobs.first) this.#condemn(jobs.first, now)
  }

  #condemn(kept: Kept, now: WallMs): void {
    const { job } = kept
    this.#leaveShelves(kept)
    const waits = job.staysForGood || kept.keyEnd > now
    if (waits && job.trimmable) this.#trims.add(job.uid)
    if (!job.staysForGood) this.#condemned.set({ ...kept, goesAt: waits ? kept.keyEnd : now })
  }

  #leaveShelves({ job, shelf }: Kept): void {
    this.#byAge.delete(job.uid)
    this.#oldest.delete(job.uid)
    const jobs = this.#shelves.get(shelf)
    jobs?.delete(job.uid)
    if (jobs?.size === 0) this.#shelves.delete(shelf)
  }

  #shelf(name: string): ByUid<Kept> {
    let jobs = this.#shelves.get(name)
    if (!jobs) {
      jobs = heapBy<Kept>(({ job }) => job.endedAt)
      this.#shelves.set(name, jobs)
    }
    return jobs
  }
}

function sameJudgement(a: Kept, b: Kept): boolean {
  return (
    a.shelf === b.shelf &&
    a.ageEnd === b.ageEnd &&
    a.keyEnd === b.keyEnd &&
    a.job.endedAt === b.job.endedAt &&
    a.job.staysForGood === b.job.staysForGood
  )
}
