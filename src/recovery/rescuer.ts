/**
 * Looks at every open attempt a few times a second and does what is due (`lost.ts` decides), and asks
 * once in a while whether the streams are still the ones we know. Open attempts are bounded by the
 * slots of all workers, so one round is short.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { ClassId, JobUid } from '../core/ids.ts'
import type { Attempt, Entry, Ledger } from '../core/ledger.ts'
import type { Beat } from '../core/outcome.ts'
import type { Logger } from '../observability/ports.ts'
import type { FactSink } from '../persistence/ports.ts'
import { dueFor, massSilence, SUSPEND_GRACE_MS } from './lost.ts'
import { placeOf } from './place.ts'
import type { Announcer, Link, Streams } from './ports.ts'
import type { Reclaims } from './reclaims.ts'
import type { Shards } from './shards.ts'
import type { StreamWatch } from './stream-watch.ts'
import type { Workers } from './workers.ts'

export interface RescuerOptions {
  readonly shards: Shards
  readonly ledger: Ledger
  readonly workers: Workers
  readonly reclaims: Reclaims
  readonly streamWatch: StreamWatch
  readonly streams: Pick<Streams, 'removeClass'>
  readonly announcer: Announcer
  readonly link: Link
  readonly sink: FactSink
  readonly clock: Clock
  readonly logger: Logger
  readonly leaseMs: number
  /** T3: missing, replaced or rolled back. */
  readonly streamLost: (problem: string) => void
  /** The connection is back and the streams are intact. */
  readonly linkBack: () => void
  /** The consumer of a class was removed. */
  readonly classRemoved: (namespace: string, cls: ClassId) => void
}

const ROUND_MS = 200
/** Lost in one round, so that a node's end is no burst of writes (L1). */
const MOST_LOST = 20
const STREAM_LOOK_MS = 5_000
/** A worker gives a suspended handler up so long before the fence, that its own word comes first (U2). */
const BEFORE_FENCE_MS = 5_000
/** A class without workers and without attempts for so long loses its consumer. */
const CLASS_IDLE_MS = 600_000

/** What was already asked of the worker of one attempt. */
interface Asked {
  readonly epoch: number
  resendAt: MonoMs | null
  overdueAt: MonoMs | null
  suspendAt: MonoMs | null
}

interface Round {
  readonly now: MonoMs
  readonly frozen: boolean
  lost: number
  /** Slots that the workers of each class call free. */
  readonly idle: ReadonlyMap<string, number>
}

export class Rescuer {
  readonly #options: RescuerOptions
  readonly #asked = new Map<JobUid, Asked>()
  readonly #classSeen = new Map<string, { namespace: string; cls: ClassId; at: MonoMs }>()
  readonly #timers = new Map<() => void, Cancel>()
  #unsubscribe: () => void = () => {}
  #looking = false

  constructor(options: RescuerOptions) {
    this.#options = options
  }

  start(): void {
    const { link, shards, streamWatch } = this.#options
    this.#every(ROUND_MS, () => {
      this.runOnce()
      const leading = shards.all().some(({ phase }) => phase === 'leading')
      if (leading && !streamWatch.trusted) void this.#lookAtStreams()
    })
    this.#every(STREAM_LOOK_MS, () => void this.#lookAtStreams())
    this.#unsubscribe = link.onChange(() => void this.#lookAtStreams())
  }

  stop(): void {
    this.#unsubscribe()
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  /** U2: the worker of a suspended attempt is told to stop; what it then reports is accepted. */
  suspend(entry: Entry): void {
    const attempt = entry.attempt
    if (!attempt || !this.#options.shards.leads(entry.shard)) return
    if (attempt.acceptedAt === null) {
      void this.#options.reclaims.fence(entry)
      return
    }
    const asked = this.#askedOf(entry, attempt)
    if (asked.suspendAt !== null) return
    asked.suspendAt = this.#options.clock.monotonic()
    this.#tellStop(entry, attempt, 'suspended', SUSPEND_GRACE_MS - BEFORE_FENCE_MS)
  }

  runOnce(): void {
    const round = this.#round()
    for (const entry of [...this.#options.ledger.open()]) {
      if (entry.facts > 0 || !this.#options.shards.leads(entry.shard)) continue
      if (entry.attempt) this.#lookAt(entry, entry.attempt, round)
    }
    for (const [uid, asked] of this.#asked) {
      if (this.#options.ledger.get(uid)?.attempt?.epoch !== asked.epoch) this.#asked.delete(uid)
    }
    this.#dropIdleClasses(round.now)
  }

  #round(): Round {
    const { clock, workers } = this.#options
    const now = clock.monotonic()
    for (const { namespace, cls } of workers.classes()) {
      this.#classSeen.set(`${namespace}/${cls}`, { namespace, cls, at: now })
    }
    workers.forgetSilent(CLASS_IDLE_MS)
    return { now, frozen: this.#isFrozen(now), lost: 0, idle: workers.idle() }
  }

  /** L1: nobody could be heard, or not for a whole lease since the connection is back. */
  #isFrozen(now: MonoMs): boolean {
    const { link, workers, leaseMs } = this.#options
    if (!link.connected || now - link.since < leaseMs) return true
    return massSilence(
      [...workers.all()].map((worker) => worker.heardAt),
      now,
      leaseMs,
    )
  }

  #lookAt(entry: Entry, attempt: Attempt, round: Round): void {
    const { now, frozen, idle } = round
    const { workers, leaseMs } = this.#options
    const asked = this.#asked.get(entry.uid)
    const known = asked?.epoch === attempt.epoch ? asked : null
    const { owner } = attempt
    const worker = owner ? workers.get(entry.object.namespace, owner.worker) : undefined
    const slots = idle.get(`${entry.object.namespace}/${attempt.cls}`)
    const due = dueFor({
      attempt,
      now,
      leaseMs,
      frozen,
      deadlineMs: entry.record.attemptDeadlineMs,
      ownerHeardAt: worker?.heardAt ?? null,
      ownerEnded: worker !== undefined && hasEnded(entry, attempt, worker.beat),
      couldHaveStarted: slots === undefined || slots > 0,
      resendAskedAt: known?.resendAt ?? null,
      overdueToldAt: known?.overdueAt ?? null,
      suspendToldAt: entry.record.suspend ? (known?.suspendAt ?? null) : null,
    })
    const loses = due === 'end-lease' || due === 'end-process'
    if (loses) round.lost += 1
    if (due && !(loses && round.lost > MOST_LOST)) this.#carryOut(due, entry, attempt, now)
    this.#keepSuspended(entry, attempt, known)
  }

  /** U2 is a level: it holds for an attempt that became current later, and ends with the suspension. */
  #keepSuspended(entry: Entry, attempt: Attempt, known: Asked | null): void {
    if (!entry.record.suspend) {
      if (known) known.suspendAt = null
    } else if (!attempt.reported) this.suspend(entry)
  }

  #carryOut(
    due: NonNullable<ReturnType<typeof dueFor>>,
    entry: Entry,
    attempt: Attempt,
    now: MonoMs,
  ): void {
    const { reclaims } = this.#options
    switch (due) {
      case 'record-running':
        this.#recordRunning(entry, attempt)
        return
      case 'look-for-message':
        void reclaims.lookForMessage(entry)
        return
      case 'ask-resend':
        this.#askedOf(entry, attempt).resendAt = now
        this.#askResend(entry, attempt)
        return
      case 'end-lease':
        void reclaims.lose(entry, 'LeaseLost')
        return
      case 'end-process':
        void reclaims.lose(entry, 'WorkerCrashed')
        return
      case 'tell-overdue':
        this.#askedOf(entry, attempt).overdueAt = now
        this.#tellStop(entry, attempt, 'timeout')
        return
      case 'close-overdue':
        void reclaims.closeOverdue(entry)
        return
      case 'close-suspended':
        void reclaims.fence(entry)
        return
    }
  }

  /** D5. */
  #recordRunning(entry: Entry, attempt: Attempt): void {
    if (!attempt.owner) return
    const { sink, workers, clock, reclaims } = this.#options
    reclaims.settled(entry.uid)
    void sink.submit(entry.uid, {
      kind: 'running',
      epoch: attempt.epoch,
      attempt: attempt.attempt,
      runId: attempt.runId,
      place: placeOf(entry, attempt.owner, attempt.cls, workers),
      startedAt: attempt.startedAt ?? clock.now(),
    })
  }

  #askResend(entry: Entry, attempt: Attempt): void {
    const held = this.#options.shards.get(entry.shard)
    if (!attempt.owner || !held) return
    this.#options.announcer.toWorker(entry.object.namespace, attempt.owner.worker, {
      kind: 'resend',
      term: held.record.term,
      reports: [{ uid: entry.uid, epoch: attempt.epoch }],
    })
  }

  #tellStop(
    entry: Entry,
    attempt: Attempt,
    reason: 'timeout' | 'suspended',
    graceMs: number | null = null,
  ): void {
    const held = this.#options.shards.get(entry.shard)
    if (!held) return
    this.#options.announcer.toNamespace(entry.object.namespace, {
      kind: 'cancel',
      term: held.record.term,
      uid: entry.uid,
      epochMax: attempt.epoch,
      reason,
      ...(graceMs === null ? {} : { graceMs }),
    })
  }

  #askedOf(entry: Entry, attempt: Attempt): Asked {
    const known = this.#asked.get(entry.uid)
    if (known?.epoch === attempt.epoch) return known
    const fresh: Asked = { epoch: attempt.epoch, resendAt: null, overdueAt: null, suspendAt: null }
    this.#asked.set(entry.uid, fresh)
    return fresh
  }

  /** T3: also after each reconnect, before anything is dispatched again. */
  async #lookAtStreams(): Promise<void> {
    const { streamWatch, link, workers, logger, streamLost, linkBack } = this.#options
    if (this.#looking || !link.connected) return
    this.#looking = true
    const before = streamWatch.trusted
    try {
      const intact = await streamWatch.intact()
      if (!intact) streamLost('a stream is missing, replaced or rolled back')
      else if (!before && streamWatch.trusted) {
        // Nobody could be heard meanwhile: every silence starts anew (L1).
        workers.renewAll()
        linkBack()
      }
    } catch (error) {
      logger.warn('the streams could not be looked at', { err: describeError(error) })
    } finally {
      this.#looking = false
    }
  }

  #dropIdleClasses(now: MonoMs): void {
    for (const [key, { namespace, cls, at }] of this.#classSeen) {
      if (now - at < CLASS_IDLE_MS) continue
      this.#classSeen.delete(key)
      this.#options.classRemoved(namespace, cls)
      void this.#options.streams.removeClass(namespace, cls).catch(() => {})
    }
  }

  #every(ms: number, work: () => void): void {
    const again = (): void => {
      this.#timers.set(
        work,
        this.#options.clock.after(ms, () => {
          again()
          work()
        }),
      )
    }
    again()
  }
}

/** B5: same id, new process. What the old one had started is lost, unless it had finished. */
function hasEnded({ uid }: Entry, { owner, epoch }: Attempt, { owner: speaks, finished }: Beat) {
  if (!owner || owner.boot === speaks.boot) return false
  return !finished.some((each) => each.uid === uid && each.epoch === epoch)
}
