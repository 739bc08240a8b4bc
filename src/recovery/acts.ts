/**
 * What users do to jobs (protocol section 10): cancel by an action (U1, U4), deletion (U5). The write
 * comes first and decides; only then is the message purged and the worker told. So an outcome that
 * was written earlier wins, and one that comes later is refused.
 */
import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { ClassId, JobUid } from '../core/ids.ts'
import type { Attempt, Entry } from '../core/ledger.ts'
import type { Logger } from '../observability/ports.ts'
import type { FactSink, Settled } from '../persistence/ports.ts'
import type { Dispatcher } from '../scheduler/ports.ts'
import type { Announcer } from './ports.ts'
import type { Shards } from './shards.ts'
import type { Workers } from './workers.ts'

export interface ActsOptions {
  readonly shards: Shards
  readonly workers: Workers
  readonly dispatcher: Pick<Dispatcher, 'purge'>
  readonly announcer: Announcer
  readonly sink: FactSink
  readonly clock: Clock
  readonly logger: Logger
  /** The job may be due again (a cancel that changed nothing), or slots are free. */
  readonly moved: (entry: Entry) => void
}

export interface CancelRequest {
  /** U4: order of the action among all. */
  readonly order: number
  /** Name of the QueueAction. */
  readonly action: string
  /** Who asked; '' = only the audit log knows. */
  readonly by: string
  readonly comment: string
}

export class Acts {
  readonly #options: ActsOptions

  constructor(options: ActsOptions) {
    this.#options = options
  }

  /** 'stopped': this process does not lead the shard; another one acts. */
  async cancel(entry: Entry, request: CancelRequest): Promise<Settled> {
    const { shards, sink, clock, workers, moved } = this.#options
    if (!shards.leads(entry.shard)) return 'stopped'
    const attempt = entry.attempt
    entry.cancelling = true
    try {
      const settled = await sink.submit(entry.uid, {
        kind: 'cancel',
        fence: shards.next(entry.shard),
        at: clock.now(),
        ...request,
      })
      if (settled === 'written' && attempt) {
        if (attempt.owner) workers.straying(entry.object.namespace, attempt.owner.worker)
        this.#end(entry, attempt, 'cancelled')
      }
      return settled
    } finally {
      entry.cancelling = false
      moved(entry)
    }
  }

  /** U5: the object is gone; whatever runs for its uid is told to stop, and its outcome is dropped. */
  deleted(entry: Entry, attempt: Attempt | null): void {
    if (!attempt || !this.#options.shards.get(entry.shard)) return
    if (attempt.owner) this.#options.workers.straying(entry.object.namespace, attempt.owner.worker)
    this.#end(entry, attempt, 'deleted')
  }

  #end(entry: Entry, attempt: Attempt, reason: 'cancelled' | 'deleted'): void {
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
