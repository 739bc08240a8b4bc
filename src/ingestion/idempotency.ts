/**
 * `idempotencyKey`: of the jobs of one namespace and type with one key, which one holds it (protocol
 * section 12, reliability I-S12)?
 *
 *   holds    a job that started: while it has not ended, and for the window of its queue after its end
 *            (of several, the one submitted first)
 *   else     of those that wait for their first start, the one submitted first
 *   nothing  a job that ended without a start (cancelled, refused, expired), a `Duplicate`
 *
 * Every other job that waits for its first start is a duplicate. What started is never judged again:
 * so a replayed holder keeps its key, and whoever is told of the jobs in another order, or later,
 * finds the same holder as soon as one has started.
 *
 * Keys are told apart byte by byte. Nothing is remembered beside the objects: a deleted job gives its
 * key free.
 */
import type { WallMs } from '../core/clock.ts'
import { Heap } from '../core/heap.ts'
import type { JobUid } from '../core/ids.ts'
import { isTerminal } from '../core/job.ts'
import type { Entry } from '../core/ledger.ts'
import { awaitsFirstStart, hasStarted } from '../core/started.ts'
import { isSubmittedBefore } from './submission.ts'

export interface IdempotencyOptions {
  /** How long a job of the queue keeps its key after its end. */
  readonly windowMs: (namespace: string, queue: string) => number
  /** It will be refused, or is another operator's: it cannot hold a key by waiting. */
  readonly unfit: (entry: Entry) => boolean
  /** Another job may hold the key of this one now. */
  readonly touched: (entry: Entry) => void
}

interface Group {
  readonly started: Set<Entry>
  readonly waiting: Heap<JobUid, Entry>
}

export class IdempotencyKeys {
  readonly #options: IdempotencyOptions
  readonly #groups = new Map<string, Group>()

  constructor(options: IdempotencyOptions) {
    this.#options = options
  }

  changed(entry: Entry): void {
    const { idempotencyKey } = entry.record
    if (idempotencyKey === '') return
    const group = this.#groupOf(entry)
    const before = group.waiting.first
    if (awaitsFirstStart(entry)) {
      group.started.delete(entry)
      if (!group.waiting.has(entry.uid)) group.waiting.set(entry)
    } else {
      group.waiting.delete(entry.uid)
      this.#start(group, entry)
    }
    this.#tellFirst(group, before)
    this.#collect(entry, group)
  }

  removed(entry: Entry): void {
    const group = this.#groups.get(textOf(entry))
    if (!group) return
    const before = group.waiting.first
    group.started.delete(entry)
    group.waiting.delete(entry.uid)
    this.#tellFirst(group, before)
    this.#collect(entry, group)
  }

  /** The job that holds the key of this one, which is then a duplicate. Null: it may start. */
  holderOf(entry: Entry, now: WallMs): Entry | null {
    if (entry.record.idempotencyKey === '' || !awaitsFirstStart(entry)) return null
    const group = this.#groups.get(textOf(entry))
    if (!group) return null
    const holder = this.#startedHolder(group, now) ?? this.#firstWaiting(group, entry)
    return holder === entry ? null : holder
  }

  #startedHolder({ started }: Group, now: WallMs): Entry | null {
    let first: Entry | null = null
    for (const each of started) {
      if (this.#holdsUntil(each) <= now) continue
      if (!first || isSubmittedBefore(each, first)) first = each
    }
    return first
  }

  #firstWaiting({ waiting }: Group, self: Entry): Entry | null {
    const fits = (each: Entry) => each === self || !this.#options.unfit(each)
    // Those that do not fit are few and soon gone: seldom is more than the first one looked at.
    for (let limit = 1; ; limit *= 4) {
      const first = waiting.head(limit).find(fits)
      if (first || limit >= waiting.size) return first ?? null
    }
  }

  #holdsUntil({ object, record }: Entry): WallMs {
    const { phase, completionTime } = object.status
    if (!isTerminal(phase)) return Number.POSITIVE_INFINITY
    const ended = completionTime === undefined ? object.creationMs : Date.parse(completionTime)
    return ended + this.#options.windowMs(record.namespace, record.queue)
  }

  #start(group: Group, entry: Entry): void {
    if (!hasStarted(entry)) group.started.delete(entry)
    else if (!group.started.has(entry)) {
      group.started.add(entry)
      // By a take-over in between it may have been another one that started.
      for (const each of group.waiting.head(group.waiting.size)) this.#options.touched(each)
    }
  }

  /** Who comes first now, and who came first until now, may stand otherwise. */
  #tellFirst({ waiting }: Group, before: Entry | undefined): void {
    const { first } = waiting
    if (first === before) return
    for (const each of [first, before])
      if (each && waiting.has(each.uid)) this.#options.touched(each)
  }

  #groupOf(entry: Entry): Group {
    const key = textOf(entry)
    const known = this.#groups.get(key)
    if (known) return known
    const group: Group = {
      started: new Set(),
      waiting: new Heap((each) => each.uid, isSubmittedBefore),
    }
    this.#groups.set(key, group)
    return group
  }

  #collect(entry: Entry, { started, waiting }: Group): void {
    if (started.size === 0 && waiting.size === 0) this.#groups.delete(textOf(entry))
  }
}

/** Neither a namespace nor a type holds a slash; whatever comes after them is the key. */
function textOf({ record: { namespace, type, idempotencyKey } }: Entry): string {
  return `${namespace}/${type}/${idempotencyKey}`
}
