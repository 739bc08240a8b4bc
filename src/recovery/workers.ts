/**
 * The workers that are heard: who they are, what they serve, how many slots are free, and when each
 * last said something. Standbys keep it too, so that a new leader knows whom to expect (T5).
 *
 * Free slots are judged from both sides at once. An attempt takes a slot from its dispatch until its
 * outcome arrives; a handler that runs on after that (cancelled, fenced, of a deleted job) lingers: it
 * takes one until its worker stops listing it or falls silent for a lease, and holds what it held of
 * its queue's limits as long (U1). So a slot is free the moment an outcome is in, without waiting for
 * a beat, and a cancelled handler that ignores its signal does not receive a second job.
 *
 * Who lingers is read from the beats, so it is known again after a restart. Only of a job that was
 * deleted before the restart nobody can tell the concurrency key any more.
 */
import type { MonoMs } from '../core/clock.ts'
import type { ClassId, JobUid, ShardId, WorkerId } from '../core/ids.ts'
import { shardOf } from '../core/ids.ts'
import type { Attempt, Entry, Ledger } from '../core/ledger.ts'
import type { Beat, RunningAttempt } from '../core/outcome.ts'
import type { Capacity, ClassCapacity, Lingering, LingeringHandlers } from '../scheduler/ports.ts'

/** A handler that runs although its attempt is over or not ours. */
export interface Stray extends Lingering {
  readonly epoch: number
}

export interface KnownWorker {
  readonly id: WorkerId
  readonly shard: ShardId
  readonly beat: Beat
  readonly heardAt: MonoMs
  /** They hold slots all the same. */
  readonly strays: readonly Stray[]
}

export interface WorkersOptions {
  readonly ledger: Ledger
  /** A worker that is silent for so long offers nothing, ms (L1). */
  readonly leaseMs: number
}

/** Outcomes of the last while, so that a beat that was under way does not count them as running. */
const REMEMBER_MS = 60_000
/**
 * An attempt that was closed before anybody listed it may run: whoever took it lists it by its next
 * beat. Until then it holds what it held of its queue's limits, but no slot: its message was purged.
 */
const UNLISTED_MS = 5_000

export class Workers implements Capacity, LingeringHandlers {
  readonly #options: WorkersOptions
  /** By namespace and id: a worker of another namespace may call itself the same. */
  readonly #known = new Map<string, KnownWorker>()
  /** Processes that ended, as last heard: another one speaks under their id. */
  readonly #ended = new Map<string, KnownWorker>()
  readonly #reported = new Map<string, MonoMs>()
  /** Closed before anybody listed them, in the order of `until`. */
  readonly #unlisted = new Map<string, Stray & { readonly until: MonoMs }>()
  #now: () => MonoMs

  constructor(options: WorkersOptions, now: () => MonoMs) {
    this.#options = options
    this.#now = now
    options.ledger.onClosed((entry, attempt) => this.#closed(entry, attempt))
  }

  heard(beat: Beat): KnownWorker {
    const key = keyOf(beat.namespace, beat.owner.worker)
    const before = this.#known.get(key)
    const worker: KnownWorker = {
      id: beat.owner.worker,
      shard: shardOf(beat.namespace),
      beat,
      heardAt: this.#now(),
      strays: this.#straysOf(beat, before?.strays ?? []),
    }
    this.#known.set(key, worker)
    if (before && before.beat.owner.boot !== beat.owner.boot) this.#ended.set(key, before)
    return worker
  }

  /** An outcome of this attempt is in: its slot is free although the last beat listed it. */
  reported(uid: JobUid, epoch: number): void {
    const now = this.#now()
    this.#reported.set(`${uid}.${epoch}`, now)
    for (const [key, at] of this.#reported) {
      if (now - at < REMEMBER_MS) break
      this.#reported.delete(key)
    }
  }

  *lingering(): Iterable<Lingering> {
    for (const { strays } of this.live()) yield* this.#stillStray(strays)
    const now = this.#now()
    for (const each of this.#unlisted.values()) if (each.until > now) yield each
  }

  get(namespace: string, id: WorkerId): KnownWorker | undefined {
    return this.#known.get(keyOf(namespace, id))
  }

  /** T5: processes whose attempts are told by nobody any more, as last heard. */
  ended(): IterableIterator<KnownWorker> {
    return this.#ended.values()
  }

  /** Heard within the lease. */
  *live(): IterableIterator<KnownWorker> {
    const since = this.#now() - this.#options.leaseMs
    for (const worker of this.#known.values()) if (worker.heardAt >= since) yield worker
  }

  all(): IterableIterator<KnownWorker> {
    return this.#known.values()
  }

  /** Forgets workers that were not heard for `ms`. */
  forgetSilent(ms: number): void {
    const since = this.#now() - ms
    for (const processes of [this.#known, this.#ended]) {
      for (const [key, { heardAt }] of processes) if (heardAt < since) processes.delete(key)
    }
  }

  /** After a reconnect nobody could have been heard: every silence starts anew (L1). */
  renewAll(): void {
    const heardAt = this.#now()
    for (const [key, worker] of this.#known) this.#known.set(key, { ...worker, heardAt })
  }

  classes(): readonly ClassCapacity[] {
    const classes = new Map<string, { -readonly [K in keyof ClassCapacity]: ClassCapacity[K] }>()
    for (const { beat, strays } of this.live()) {
      if (beat.draining) continue
      const stray = this.#stillStray(strays).length
      const key = `${beat.namespace}/${beat.cls}`
      const known = classes.get(key)
      if (known) {
        known.slots += beat.slots
        known.free += beat.slots - stray
        continue
      }
      classes.set(key, {
        cls: beat.cls,
        namespace: beat.namespace,
        queues: new Set(beat.queues),
        handlers: beat.handlers,
        slots: beat.slots,
        free: beat.slots - stray,
      })
    }
    for (const entry of this.#options.ledger.open()) {
      const held = this.#holds(entry)
      const found = held ? classes.get(`${entry.object.namespace}/${held}`) : undefined
      if (found) found.free -= 1
    }
    return [...classes.values()].map((each) => ({ ...each, free: Math.max(0, each.free) }))
  }

  /**
   * Slots of each class that the workers themselves call free, by namespace and class; none for a
   * class that nobody serves. What a stuck message is judged by (D7): it holds a slot in `classes()`.
   */
  idle(): ReadonlyMap<string, number> {
    const idle = new Map<string, number>()
    for (const { beat } of this.live()) {
      if (beat.draining) continue
      const key = `${beat.namespace}/${beat.cls}`
      idle.set(key, (idle.get(key) ?? 0) + beat.free)
    }
    return idle
  }

  /** Class whose slot the entry's attempt takes; null = none. */
  #holds(entry: Entry): ClassId | null {
    const attempt = entry.attempt
    if (!attempt || attempt.reported) return null
    const owner = attempt.owner && this.get(entry.object.namespace, attempt.owner.worker)
    return owner?.beat.draining ? null : attempt.cls
  }

  /** The attempt is over, but its handler was only just told to stop, or not even that. */
  #closed({ object, record, uid }: Entry, { epoch, owner, pubAcked }: Attempt): void {
    const { namespace, name } = object
    const { queue, concurrencyKey } = record
    const stray: Stray = { namespace, name, uid, queue, concurrencyKey, epoch }
    const worker = owner ? this.get(namespace, owner.worker) : undefined
    if (worker && worker.beat.owner.boot === owner?.boot) {
      const strays = [...worker.strays, stray]
      this.#known.set(keyOf(namespace, worker.id), { ...worker, strays })
    } else if (!owner && pubAcked) {
      const now = this.#now()
      this.#unlisted.set(`${uid}.${epoch}`, { ...stray, until: now + UNLISTED_MS })
      for (const [key, { until }] of this.#unlisted) {
        if (until > now) break
        this.#unlisted.delete(key)
      }
    }
  }

  /** What is listed and not current; what is known of it already is kept: its object may be gone. */
  #straysOf(beat: Beat, before: readonly Stray[]): readonly Stray[] {
    const strays: Stray[] = []
    for (const listed of beat.running) {
      const key = `${listed.uid}.${listed.epoch}`
      if (this.#reported.has(key) || this.#isCurrent(listed)) continue
      const known = before.find((each) => isSame(each, listed)) ?? this.#unlisted.get(key)
      strays.push(known ?? this.#strayOf(beat, listed))
      this.#unlisted.delete(key)
    }
    return strays
  }

  #strayOf({ namespace, queues }: Beat, { uid, name, epoch }: RunningAttempt): Stray {
    const record = this.#options.ledger.get(uid)?.record
    if (record?.namespace === namespace) {
      return {
        namespace,
        name,
        uid,
        queue: record.queue,
        concurrencyKey: record.concurrencyKey,
        epoch,
      }
    }
    const [queue, another] = queues
    return { namespace, name, uid, queue: (!another && queue) || '', concurrencyKey: '', epoch }
  }

  /** Nothing is said twice: a leader that took over may have made the attempt current again. */
  #stillStray(strays: readonly Stray[]): readonly Stray[] {
    return strays.length === 0 ? strays : strays.filter((stray) => !this.#isCurrent(stray))
  }

  #isCurrent({ uid, epoch }: Pick<Stray, 'uid' | 'epoch'>): boolean {
    return this.#options.ledger.get(uid)?.attempt?.epoch === epoch
  }
}

function isSame(a: Pick<Stray, 'uid' | 'epoch'>, b: Pick<Stray, 'uid' | 'epoch'>): boolean {
  return a.uid === b.uid && a.epoch === b.epoch
}

function keyOf(namespace: string, id: WorkerId): string {
  return `${namespace}/${id}`
}
