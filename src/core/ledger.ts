/**
 * The leader's memory (protocol section 2): the newest version read of every job of the shards it
 * leads, the record that intake made of it, and the current attempt (`cur`, with its owner).
 *
 * It is a cache. Everything in it can be rebuilt from the objects, the streams and the workers; what
 * it believes about attempts is thrown away whole when the shard is given up. It changes only through
 * the verbs below, and each verb keeps the rules C1 and W6 of the protocol:
 *
 *   observe   a newer object version: may open or close `attempt` (C1)
 *   dispatch  a new start was given an epoch (D1): `attempt` set, not yet published
 *   list      a beat lists the attempt: owner noted, lease renewed (B1, D4)
 *   report    an outcome arrived: the worker's slot is free, the write is on its way
 *   close     the write that ends the attempt is confirmed
 */
import type { MonoMs, WallMs } from './clock.ts'
import { type Epoch, termOf } from './epoch.ts'
import {
  bootId,
  type ClassId,
  classId,
  type JobUid,
  type ShardId,
  shardOf,
  workerId,
} from './ids.ts'
import { isTerminal, type JobObject, type JobRecord, openEpoch, recordedEpoch } from './job.ts'
import type { Owner } from './outcome.ts'

export interface Attempt {
  readonly epoch: Epoch
  /** 1 … maxAttempts: failures counted so far, plus one. */
  readonly attempt: number
  readonly runId: string
  readonly cls: ClassId
  readonly dispatchedAt: MonoMs
  /** A PubAck was seen. */
  readonly pubAcked: boolean
  /** First (worker, boot) that listed it or sent its outcome (D4). */
  readonly owner: Owner | null
  readonly acceptedAt: MonoMs | null
  /** Wall time of the handler's start, as far as known. */
  readonly startedAt: WallMs | null
  /** Last listing by its owner; the lease runs from here (L1). */
  readonly listedAt: MonoMs
  /** An outcome was received; the worker's slot is free again, the write is under way. */
  readonly reported: boolean
  /** status says Running with this epoch. */
  readonly recorded: boolean
}

export interface Entry {
  readonly uid: JobUid
  readonly shard: ShardId
  object: JobObject
  /** What was asked for, complete; made anew from each version by `normalise`. */
  record: JobRecord
  attempt: Attempt | null
  /** This leader dispatched it before (B3, D6). */
  dispatchedHere: boolean
  /** resourceVersion first seen, as a number: the order of submission. */
  readonly firstSeen: number
  /** Facts that the status writer has not settled yet: no dispatch before they are (D6). */
  facts: number
  /** A cancel was asked for and is being written: no dispatch, whatever the phase (U1). */
  cancelling: boolean
}

/** Makes the complete record of a version. Implemented by `ingestion/normalise.ts`. */
export type Normalise = (object: JobObject, firstSeen: number) => JobRecord

export type Observed = 'new' | 'newer' | 'stale'

/** Told while the ledger changes: it must only note what it is told, and never change the ledger. */
export interface LedgerWatcher {
  /** Another version, another record, or an attempt that began or ended. */
  changed(entry: Entry): void
  /** Known no more. */
  removed(entry: Entry): void
}

export class Ledger {
  readonly #entries = new Map<JobUid, Entry>()
  /** Entries with an open attempt: few, bounded by slots; what leases are judged on. */
  readonly #open = new Map<JobUid, Entry>()
  /** The same by namespace and queue: what limits are counted on. */
  readonly #openIn = new Map<string, Set<Entry>>()
  /** Facts not settled yet, by uid and not in the entry: an entry may be forgotten and come back. */
  readonly #facts = new Map<JobUid, number>()
  readonly #normalise: Normalise
  #closed: (entry: Entry, attempt: Attempt) => void = () => {}

  #watcher: LedgerWatcher = { changed() {}, removed() {} }

  constructor(normalise: Normalise) {
    this.#normalise = normalise
  }

  /** From now on; what is known already is not told. */
  watch(watcher: LedgerWatcher): void {
    this.#watcher = watcher
  }

  get(uid: JobUid): Entry | undefined {
    return this.#entries.get(uid)
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  open(): IterableIterator<Entry> {
    return this.#open.values()
  }

  /** Open attempts of one queue. */
  openIn(namespace: string, queue: string): Iterable<Entry> {
    return this.#openIn.get(`${namespace}/${queue}`) ?? []
  }

  /** Tells of every attempt that is not the current one any more although no outcome of it came. */
  onClosed(tell: (entry: Entry, attempt: Attempt) => void): void {
    this.#closed = tell
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Takes in an object version from the watch, a live read or an own write's answer (C1). An older
   * or equal version changes nothing.
   */
  observe(object: JobObject, now: MonoMs): Observed {
    const entry = this.#entries.get(object.uid)
    if (!entry) {
      const firstSeen = Number(object.resourceVersion)
      const fresh: Entry = {
        uid: object.uid,
        shard: shardOf(object.namespace),
        object,
        record: this.#normalise(object, firstSeen),
        attempt: null,
        dispatchedHere: false,
        firstSeen,
        facts: this.#facts.get(object.uid) ?? 0,
        cancelling: false,
      }
      this.#entries.set(object.uid, fresh)
      this.#adopt(fresh, now)
      this.#watcher.changed(fresh)
      return 'new'
    }
    if (!isNewer(object.resourceVersion, entry.object.resourceVersion)) return 'stale'
    const { attemptDeadlineMs } = entry.record
    entry.object = object
    entry.record = this.#normalise(object, entry.firstSeen)
    this.#adopt(entry, now)
    // Its worker was told this deadline; a queue's changed default is for the next attempt.
    if (entry.attempt) entry.record = { ...entry.record, attemptDeadlineMs }
    this.#watcher.changed(entry)
    return 'newer'
  }

  /** The queue's defaults changed: jobs that have not started take the new ones. */
  renormalise(namespace: string, queue: string): Entry[] {
    const touched: Entry[] = []
    for (const entry of this.#entries.values()) {
      if (entry.object.namespace !== namespace || entry.record.queue !== queue) continue
      if (entry.attempt) continue
      entry.record = this.#normalise(entry.object, entry.firstSeen)
      this.#watcher.changed(entry)
      touched.push(entry)
    }
    return touched
  }

  /** The status writer took a fact of the job. */
  factQueued(uid: JobUid): void {
    this.#countFacts(uid, 1)
  }

  /** The fact is in etcd, or can never be. */
  factSettled(uid: JobUid): void {
    this.#countFacts(uid, -1)
  }

  /** D1. The caller publishes next; a refusal to publish is undone by `drop`. */
  dispatch(entry: Entry, start: Pick<Attempt, 'epoch' | 'attempt' | 'runId' | 'cls'>, now: MonoMs) {
    entry.dispatchedHere = true
    this.#set(entry, {
      ...start,
      dispatchedAt: now,
      pubAcked: false,
      owner: null,
      acceptedAt: null,
      startedAt: null,
      listedAt: now,
      reported: false,
      recorded: false,
    })
  }

  pubAcked(entry: Entry, epoch: Epoch): void {
    if (entry.attempt?.epoch === epoch) this.#set(entry, { ...entry.attempt, pubAcked: true })
  }

  /**
   * B1, D4. False: another (worker, boot) owns the attempt already.
   * @param ageMs since its handler was started, as its worker says
   */
  list(entry: Entry, owner: Owner, ageMs: number, wall: WallMs, now: MonoMs): boolean {
    const attempt = entry.attempt
    if (!attempt) return false
    if (attempt.owner && !sameOwner(attempt.owner, owner)) return false
    this.#set(entry, {
      ...attempt,
      owner,
      // Never before it was dispatched, whatever the worker says.
      acceptedAt: attempt.acceptedAt ?? Math.max(attempt.dispatchedAt, now - ageMs),
      startedAt: attempt.startedAt ?? wall - ageMs,
      listedAt: now,
    })
    return true
  }

  /** D7, "gone and PubAck seen": taken by a worker that nobody has heard of yet. */
  presumeAccepted(entry: Entry, now: MonoMs): void {
    if (entry.attempt) this.#set(entry, { ...entry.attempt, acceptedAt: now, listedAt: now })
  }

  /** An attempt of an earlier leader that is still live becomes the current one (T5, B3). */
  adopt(entry: Entry, attempt: Omit<Attempt, 'recorded' | 'reported' | 'pubAcked'>): void {
    this.#set(entry, { ...attempt, pubAcked: true, reported: false, recorded: false })
  }

  report(entry: Entry, owner: Owner): void {
    if (entry.attempt) this.#set(entry, { ...entry.attempt, owner, reported: true })
  }

  /** The outcome could not be written now; it will be handed in again. */
  unreport(entry: Entry, epoch: Epoch): void {
    if (entry.attempt?.epoch === epoch) this.#set(entry, { ...entry.attempt, reported: false })
  }

  /** The attempt ended, or its publish never happened. */
  drop(entry: Entry, epoch: Epoch): void {
    if (entry.attempt?.epoch === epoch) this.#set(entry, null)
  }

  /** Leases of adopted and of Running attempts start when the shard is led (T8). */
  renewShard(shard: ShardId, now: MonoMs): void {
    for (const entry of this.#open.values()) if (entry.shard === shard) renew(entry, now)
  }

  forget(uid: JobUid): Entry | undefined {
    const entry = this.#entries.get(uid)
    this.#entries.delete(uid)
    if (!entry) return undefined
    this.#index(entry, null)
    if (entry.attempt) this.#tellClosed(entry, entry.attempt)
    this.#watcher.removed(entry)
    return entry
  }

  /**
   * Steps down from a shard, or begins to lead it (W6, T2): what this process believed about attempts
   * is dropped, and only what the statuses say comes back. The object versions stay: they are what
   * the API server told, whoever leads.
   */
  reset(shard: ShardId, now: MonoMs): void {
    for (const entry of this.#entries.values()) {
      if (entry.shard !== shard) continue
      entry.dispatchedHere = false
      entry.cancelling = false
      this.#set(entry, null)
      this.#adopt(entry, now)
      this.#watcher.changed(entry)
    }
  }

  /** Entries of one shard. */
  *ofShard(shard: ShardId): IterableIterator<Entry> {
    for (const entry of this.#entries.values()) if (entry.shard === shard) yield entry
  }

  #countFacts(uid: JobUid, by: 1 | -1): void {
    const count = Math.max(0, (this.#facts.get(uid) ?? 0) + by)
    if (count === 0) this.#facts.delete(uid)
    else this.#facts.set(uid, count)
    const entry = this.#entries.get(uid)
    if (entry) entry.facts = count
  }

  /** C1, on the version just stored in `entry.object`. */
  #adopt(entry: Entry, now: MonoMs): void {
    const { status } = entry.object
    const cur = entry.attempt?.epoch ?? 0
    const open = isTerminal(status.phase) ? 0 : openEpoch(status)
    if (open > cur) {
      this.#set(entry, attemptOfStatus(entry.object, open, now))
    } else if (open === cur && open !== 0 && entry.attempt) {
      const { attempt } = entry
      this.#set(entry, {
        ...attempt,
        owner: attempt.owner ?? ownerOfStatus(entry.object),
        acceptedAt: attempt.acceptedAt ?? now,
        recorded: true,
      })
    } else if (isTerminal(status.phase) || (open === 0 && recordedEpoch(status) >= cur)) {
      this.#set(entry, null)
    }
  }

  #set(entry: Entry, attempt: Attempt | null): void {
    const before = entry.attempt
    entry.attempt = attempt
    if ((before === null) !== (attempt === null)) this.#index(entry, attempt)
    if (before && before.epoch !== attempt?.epoch) this.#tellClosed(entry, before)
    if ((before === null) !== (attempt === null)) this.#watcher.changed(entry)
  }

  /** `spec.queue` never changes, so an entry leaves the set that it entered. */
  #index(entry: Entry, attempt: Attempt | null): void {
    const key = `${entry.object.namespace}/${entry.record.queue}`
    const others = this.#openIn.get(key)
    if (attempt) {
      this.#open.set(entry.uid, entry)
      if (others) others.add(entry)
      else this.#openIn.set(key, new Set([entry]))
      return
    }
    this.#open.delete(entry.uid)
    others?.delete(entry)
    if (others?.size === 0) this.#openIn.delete(key)
  }

  #tellClosed(entry: Entry, attempt: Attempt): void {
    if (!attempt.reported) this.#closed(entry, attempt)
  }
}

function renew(entry: Entry, now: MonoMs): void {
  if (entry.attempt) entry.attempt = { ...entry.attempt, listedAt: now }
}

/** The highest term that any recorded epoch carries (T2, W6). */
export function termOfStatus(object: JobObject): number {
  return termOf(recordedEpoch(object.status))
}

export function sameOwner(a: Owner, b: Owner): boolean {
  return a.worker === b.worker && a.boot === b.boot
}

/** resourceVersions of one object order its versions; longer decimal text is larger. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length
}

function attemptOfStatus(object: JobObject, epoch: Epoch, now: MonoMs): Attempt {
  const { status } = object
  return {
    epoch,
    attempt: status.attempt ?? 1,
    runId: status.runId ?? '',
    cls: classId(status.worker?.class ?? ''),
    dispatchedAt: now,
    pubAcked: true,
    owner: ownerOfStatus(object),
    acceptedAt: now,
    startedAt: status.startTime === undefined ? null : Date.parse(status.startTime),
    listedAt: now,
    reported: false,
    recorded: true,
  }
}

/** A worker without a pod stands under `podUID`, too: with the id that it chose. */
function ownerOfStatus({ status: { worker } }: JobObject): Owner | null {
  if (!worker?.podUID) return null
  return { worker: workerId(worker.podUID), boot: bootId(worker.boot ?? '') }
}
