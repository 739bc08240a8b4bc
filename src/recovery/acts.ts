/**
 * What users do to jobs (protocol section 10): the acts of an action (U1, U3, U4), deletion (U5). The
 * write comes first and decides; only then is the message purged and the worker told. So an outcome
 * that was written earlier wins, and one that comes later is refused.
 */
import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { ActRequest } from '../core/facts.ts'
import type { ClassId, JobUid } from '../core/ids.ts'
import type { Attempt, Entry } from '../core/ledger.ts'
import type { Logger } from '../observability/ports.ts'
import type { FactSink, Settled } from '../persistence/ports.ts'
import type { Dispatcher } from '../scheduler/ports.ts'
import { placeOf } from './place.ts'
import type { Announcer } from './ports.ts'
import type { Shards } from './shards.ts'
import type { Workers } from './workers.ts'

export interface ActsOptions {
  readonly shards: Shards
  readonly workers: Pick<Workers, 'get'>
  readonly dispatcher: Pick<Dispatcher, 'purge'>
  readonly announcer: Announcer
  readonly sink: FactSink
  readonly clock: Clock
  readonly logger: Logger
  /** The job may be due (again), or slots are free. */
  readonly moved: (entry: Entry) => void
}

/** What a running attempt may still take to end after a cancel that says nothing of it. */
export const CANCEL_GRACE_MS = 30_000

export interface ActOptions {
  /** Cancel only: how long the handler may take to end; then its worker gives it up. */
  readonly graceMs?: number
}

export class Acts {
  readonly #options: ActsOptions

  constructor(options: ActsOptions) {
    this.#options = options
  }

  /**
   * Carries out what an action asks of one job. 'written': the job took it; 'overtaken': it changes
   * nothing there (U4, or the job's phase is none that the act is for); 'stopped': this process does
   * not lead the shard, another one acts.
   */
  async act(entry: Entry, request: ActRequest, options: ActOptions = {}): Promise<Settled> {
    const { shards, sink, clock, moved } = this.#options
    if (!shards.leads(entry.shard)) return 'stopped'
    const { attempt } = entry
    const ends = request.kind === 'cancel' || request.kind === 'discard'
    if (ends) entry.cancelling = true
    try {
      const fact = { ...request, fence: shards.next(entry.shard), at: clock.now() }
      const settled = await sink.submit(
        entry.uid,
        fact.kind === 'cancel' && attempt ? { ...fact, attempt: attempt.attempt } : fact,
      )
      if (settled === 'written' && attempt && ends) {
        this.#end(entry, attempt, 'cancelled', options.graceMs ?? CANCEL_GRACE_MS)
      }
      return settled
    } finally {
      if (ends) entry.cancelling = false
      moved(entry)
    }
  }

  /** U3: `spec.runId` of a job that has ended names another run. */
  rerun(entry: Entry): Promise<Settled> {
    const { shards, sink, clock } = this.#options
    if (!shards.leads(entry.shard)) return Promise.resolve('stopped')
    const fence = shards.next(entry.shard)
    return sink.submit(entry.uid, { kind: 'rerun', fence, at: clock.now() })
  }

  /** `activeDeadlineSeconds` are over: like a cancel, written first, whether the job waits or runs. */
  async expire(entry: Entry): Promise<Settled> {
    const { shards, sink, clock, workers, moved } = this.#options
    if (!shards.leads(entry.shard)) return 'stopped'
    const { attempt } = entry
    entry.cancelling = true
    try {
      const settled = await sink.submit(entry.uid, {
        kind: 'expired',
        fence: shards.next(entry.shard),
        attempt: attempt && {
          epoch: attempt.epoch,
          runId: attempt.runId,
          place: attempt.owner && placeOf(entry, attempt.owner, attempt.cls, workers),
        },
        at: clock.now(),
      })
      if (settled === 'written' && attempt) this.#end(entry, attempt, 'void', null)
      return settled
    } finally {
      entry.cancelling = false
      moved(entry)
    }
  }

  /** U5: the object is gone; whatever runs for its uid is told to stop, and its outcome is dropped. */
  deleted(entry: Entry, attempt: Attempt | null): void {
    if (!attempt || !this.#options.shards.get(entry.shard)) return
    this.#end(entry, attempt, 'deleted', null)
  }

  #end(
    entry: Entry,
    attempt: Attempt,
    reason: 'cancelled' | 'deleted' | 'void',
    graceMs: number | null,
  ): void {
    const { announcer, shards } = this.#options
    const { namespace } = entry.object
    void this.#purge(namespace, attempt.cls, entry.uid)
    const held = shards.get(entry.shard)
    if (!held) return
    const message = {
      kind: 'cancel',
      term: held.record.term,
      uid: entry.uid,
      epochMax: attempt.epoch,
      reason,
      ...(graceMs === null ? {} : { graceMs }),
    } as const
    if (attempt.owner) announcer.toWorker(namespace, attempt.owner.worker, message)
    else announcer.toNamespace(namespace, message)
  }

  /** A purge that fails leaves a message whose outcome is void; its worker is told by B2. */
  async #purge(namespace: string, cls: ClassId, uid: JobUid): Promise<void> {
    try {
      await this.#options.dispatcher.purge({ namespace, cls, uid })
    } catch (error) {
      this.#options.logger.warn('a work message could not be purged', {
        namespace,
        uid,
        err: describeError(error),
      })
    }
  }
}
