/**
 * What other jobs have to say about a job that waits: dependencies, idempotency key, depth of its queue
 * and of the cluster. One object joins the three for intake and scheduler, and keeps their indexes in
 * step with the ledger, whoever changed it (the watch, an own write, a dispatch, a live read).
 *
 *   ledger ─ changed, removed ─▶ indexes ─ touched ─▶ other jobs are considered again, soon and once
 *
 * Answers are read from the indexes when they are asked for, so they are never older than the ledger;
 * what is told "soon" is only that it is worth asking again. They hold for the shards that are led:
 * before the first complete list nothing is led, and so nothing is decided.
 */
import type { Cancel, Clock, WallMs } from '../core/clock.ts'
import type { Hold } from '../core/hold.ts'
import type { PriorityRank } from '../core/job.ts'
import type { Entry, Ledger, LedgerWatcher } from '../core/ledger.ts'
import { idempotencyWindowMs } from '../core/queue-policy.ts'
import { Dependencies } from './dependencies.ts'
import { Depths } from './depth.ts'
import { IdempotencyKeys } from './idempotency.ts'
import type { Queues } from './queues.ts'
import type { Refusal } from './validate.ts'

export interface AdmissionOptions {
  readonly ledger: Ledger
  readonly queues: Queues
  readonly clock: Clock
  /** `limits.maxObjects` of the operator. */
  readonly maxObjects: number
  /** Intake refuses the job for what it says, or leaves it to another operator. */
  readonly unfit: (entry: Entry) => boolean
  /** Looks at a job again: what does it ask for, and where does it belong? */
  readonly consider: (entry: Entry) => void
}

/** What is written about a job because of others; it never starts. */
export type Verdict =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'duplicate'; readonly first: Entry }

export class Admission implements LedgerWatcher {
  readonly #options: AdmissionOptions
  readonly #dependencies: Dependencies
  readonly #keys: IdempotencyKeys
  readonly #depths: Depths
  readonly #touched = new Set<Entry>()
  #current: Entry | null = null
  #soon: Cancel | null = null

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { ledger, queues, maxObjects, unfit } = options
    const touched = (entry: Entry) => this.#touch(entry)
    this.#dependencies = new Dependencies((entry) => {
      // Who is needed is never held for room.
      this.#depths.changed(entry)
      touched(entry)
    })
    this.#depths = new Depths({
      maxDepth: (namespace, queue) =>
        queues.get(namespace, queue)?.spec.maxDepth ?? Number.POSITIVE_INFINITY,
      maxObjects,
      objects: () => ledger.size,
      isNeeded: (entry) => this.#dependencies.isNeeded(entry),
      touched,
    })
    this.#keys = new IdempotencyKeys({
      windowMs: (namespace, queue) => idempotencyWindowMs(queues.get(namespace, queue)),
      unfit: (entry) => unfit(entry) || this.#dependencies.standing(entry).kind === 'refused',
      touched,
    })
  }

  changed(entry: Entry): void {
    this.#as(entry, () => {
      this.#dependencies.changed(entry, this.#options.clock.monotonic())
      this.#keys.changed(entry)
      this.#depths.changed(entry)
    })
  }

  removed(entry: Entry): void {
    this.#touched.delete(entry)
    this.#as(entry, () => {
      this.#dependencies.removed(entry, this.#options.clock.monotonic())
      this.#keys.removed(entry)
      this.#depths.removed(entry)
    })
  }

  /** The spec of a queue changed. @param jobs those of the queue */
  queueChanged(namespace: string, queue: string, jobs: Iterable<Entry>): void {
    this.#depths.queueChanged(namespace, queue, jobs)
  }

  /** What ends the job without a start; null = nothing. */
  verdict(entry: Entry): Verdict | null {
    const standing = this.#dependencies.standing(entry)
    if (standing.kind === 'refused') return standing
    const first = this.#keys.holderOf(entry, this.#options.clock.now())
    return first ? { kind: 'duplicate', first } : null
  }

  /** What holds the job now, besides its queue, limits and slots. */
  hold(entry: Entry): Hold | null {
    const standing = this.#dependencies.standing(entry)
    return standing.kind === 'waits' ? standing.hold : this.#depths.holdOf(entry)
  }

  /**
   * Since when other jobs have let it start, as far as dependencies go: the end of the last one. 0 = it
   * has none, or nothing tells any more. Null: it waits for one.
   */
  readySince(entry: Entry): WallMs | null {
    return this.#dependencies.readySince(entry)
  }

  /** The class that the job is ordered by: its own, or one that it inherits from a dependent. */
  rankOf(entry: Entry): PriorityRank {
    return this.#dependencies.rankOf(entry)
  }

  /** A job that waits for its first start names it as a dependency: it must not be deleted. */
  neededByWaiting(entry: Entry): boolean {
    return this.#dependencies.isNeeded(entry)
  }

  stop(): void {
    this.#soon?.()
    this.#touched.clear()
  }

  /** Whoever changes a job looks at it anyway. */
  #as(entry: Entry, change: () => void): void {
    const outer = this.#current
    this.#current = entry
    change()
    this.#current = outer
  }

  #touch(entry: Entry): void {
    if (entry === this.#current) return
    this.#touched.add(entry)
    this.#soon ??= this.#options.clock.after(0, () => {
      this.#soon = null
      this.#considerTouched()
    })
  }

  #considerTouched(): void {
    const { ledger, consider } = this.#options
    const touched = [...this.#touched]
    this.#touched.clear()
    for (const entry of touched) if (ledger.get(entry.uid) === entry) consider(entry)
  }
}
