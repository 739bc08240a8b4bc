/**
 * Publishes starts of jobs (implements the scheduler's `Dispatcher`; protocol D1–D3).
 *
 * A message is repeated under its id only on the connection it was first sent on and for at most 30 s;
 * the stream remembers ids for twice as long. With the connection the publication ends, and counts as
 * unknown: the server may still have taken it. Nothing is kept to be sent later.
 *
 * Any number of publications may be on the way at once; one costs one message, one timer and no reads.
 */
import type { Clock } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { streamNames, subjects } from '../core/ids.ts'
import type { WorkItem } from '../core/outcome.ts'
import type { Logger } from '../observability/ports.ts'
import type { Dispatcher, PublishAnswer } from '../scheduler/ports.ts'
import type { Nats } from './connect.ts'
import { WORK_REPEAT_MS } from './definitions.ts'
import { encodeWork } from './encode.ts'
import { Management } from './management.ts'
import { type Publication, publishTo } from './publish.ts'

export interface DispatchOptions {
  readonly nats: Nats
  readonly clock: Clock
  readonly logger: Logger
}

/** Between two copies of one message. An answer usually takes a millisecond. */
const REPEAT_MS = 5_000
/** The same refusal is logged once in so long: a full disk refuses thousands a second. */
const REFUSAL_LOG_MS = 10_000

export function natsDispatcher(options: DispatchOptions): Dispatcher {
  return new NatsDispatcher(options)
}

class NatsDispatcher implements Dispatcher {
  readonly #options: DispatchOptions
  readonly #management: Management
  #quietUntil = 0

  constructor(options: DispatchOptions) {
    this.#options = options
    this.#management = new Management(options.nats)
  }

  async publish(item: WorkItem): Promise<PublishAnswer> {
    const { nats, clock } = this.#options
    const { session } = nats
    if (!session) return { kind: 'unsent' }
    const message = encodeWork(item, clock.now())
    const patience = { deadlineMs: WORK_REPEAT_MS, repeatMs: REPEAT_MS }
    const publication = await publishTo(session, message, patience)
    if (publication.kind === 'refused' || publication.kind === 'unsent') {
      this.#refused(item, publication.problem)
    }
    return answerOf(publication)
  }

  async purge(item: Pick<WorkItem, 'namespace' | 'cls' | 'uid'>): Promise<void> {
    const filter = subjects.work(item.namespace, item.cls, item.uid)
    try {
      await this.#management.call('take back a start', (manager) =>
        manager.streams.purge(streamNames.work, { filter }),
      )
    } catch (error) {
      // What is left in the stream is found there by the next dispatch (D2) or goes with its age.
      this.#options.logger.warn('a start could not be taken back', {
        namespace: item.namespace,
        uid: item.uid,
        err: describeError(error),
      })
    }
  }

  #refused(item: WorkItem, problem: string): void {
    const now = this.#options.clock.monotonic()
    if (now < this.#quietUntil) return
    this.#quietUntil = now + REFUSAL_LOG_MS
    this.#options.logger.error('a start was refused', {
      namespace: item.namespace,
      job: item.name,
      uid: item.uid,
      epoch: item.epoch,
      code: 'DispatchUnavailable',
      err: problem,
    })
  }
}

export function answerOf(publication: Publication): PublishAnswer {
  switch (publication.kind) {
    case 'stored':
      return { kind: 'stored' }
    case 'duplicate':
      // D3: after one copy it is not ours. After more, the first one of ours was stored.
      return publication.sent > 1 ? { kind: 'stored' } : { kind: 'unknown' }
    case 'occupied':
      return { kind: 'occupied' }
    case 'unknown':
      return { kind: 'unknown' }
    case 'refused':
    case 'unsent':
      return { kind: 'unsent' }
  }
}
