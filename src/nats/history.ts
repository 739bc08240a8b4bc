/**
 * The history of jobs: CloudEvents 1.0 in structured mode, one message each, in GQ_HISTORY (implements
 * `History` of persistence). The id of the event is the id of the message, so that an event sent again
 * within ten minutes is stored once; later, whoever reads tells by the id.
 *
 * The stream is made when it is first missed, and looked after once in a session. No job waits for it:
 * what cannot be stored is told as not stored, and the caller decides.
 */
import type { Clock, MonoMs, Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { subjects } from '../core/ids.ts'
import type { Logger } from '../observability/ports.ts'
import type { History, HistoryEvent } from '../persistence/ports.ts'
import type { Nats } from './connect.ts'
import { type HistorySizes, historyStream, MAX_HISTORY_BYTES } from './definitions.ts'
import type { StreamMessage } from './encode.ts'
import { Management } from './management.ts'
import { type Publication, publishTo } from './publish.ts'
import type { Session } from './session.ts'
import { StreamKeeper } from './stream-keeper.ts'

export interface HistoryOptions extends HistorySizes {
  readonly nats: Nats
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const DEADLINE_MS = 5_000
/** Between two tries to make the stream, and two lines in the log about it. */
const ENSURE_AGAIN_MS = 30_000
const CLOUD_EVENT = 'application/cloudevents+json; charset=UTF-8'

export function natsHistory(options: HistoryOptions): History {
  return new NatsHistory(options)
}

class NatsHistory implements History {
  readonly #options: HistoryOptions
  readonly #keeper: StreamKeeper
  #ensuredIn: WeakRef<Session> | null = null
  #ensuring: Promise<void> | null = null
  #ensureAt: MonoMs = Number.NEGATIVE_INFINITY
  #toldAt: MonoMs = Number.NEGATIVE_INFINITY

  constructor(options: HistoryOptions) {
    this.#options = options
    this.#keeper = new StreamKeeper({ ...options, management: new Management(options.nats) })
  }

  async record(event: HistoryEvent): Promise<boolean> {
    const { session } = this.#options.nats
    if (!session) return false
    if (this.#ensuredIn?.deref() !== session) await this.#ensure(session)
    const publication = await publishTo(session, encodeHistory(event), { deadlineMs: DEADLINE_MS })
    switch (publication.kind) {
      case 'stored':
      case 'duplicate':
        return true
      case 'refused':
        // Deleted by hand, or never made: looked for again with the next event.
        this.#ensuredIn = null
        this.#tell(event, publication)
        return false
      case 'occupied':
      case 'unknown':
      case 'unsent':
        return false
    }
  }

  async #ensure(session: Session): Promise<void> {
    const { clock } = this.#options
    if (!this.#ensuring) {
      if (clock.monotonic() - this.#ensureAt < ENSURE_AGAIN_MS) return
      this.#ensureAt = clock.monotonic()
      this.#ensuring = this.#makeStream(session).finally(() => {
        this.#ensuring = null
      })
    }
    await this.#ensuring
  }

  async #makeStream(session: Session): Promise<void> {
    try {
      await this.#keeper.ensure(historyStream(this.#options))
      this.#ensuredIn = new WeakRef(session)
      this.#ensureAt = Number.NEGATIVE_INFINITY
    } catch (error) {
      this.#options.logger.warn('the history of jobs cannot be kept', {
        err: describeError(error),
        help: 'finished jobs stay until it can, up to limits.maxFinishedObjects; history.maxBytes: 0 switches the history off',
      })
    }
  }

  #tell(event: HistoryEvent, { problem }: Extract<Publication, { kind: 'refused' }>): void {
    const { clock, logger } = this.#options
    if (clock.monotonic() - this.#toldAt < ENSURE_AGAIN_MS) return
    this.#toldAt = clock.monotonic()
    logger.warn('an event of the history was refused', {
      namespace: event.namespace,
      uid: event.uid,
      err: problem,
    })
  }
}

export function encodeHistory(event: HistoryEvent): StreamMessage {
  const { id, namespace, uid, type, source, subject, time, data } = event
  const envelope = { specversion: '1.0', id, type, source, subject, time }
  const whole = JSON.stringify({ ...envelope, datacontenttype: 'application/json', data })
  return {
    subject: subjects.history(namespace, uid),
    id,
    headers: [['Content-Type', CLOUD_EVENT]],
    body: Buffer.byteLength(whole) <= MAX_HISTORY_BYTES - MAX_HEADER_BYTES ? whole : short(event),
  }
}

const MAX_HEADER_BYTES = 2_048

/** A spec of a thousand dependencies: who and how it ended is kept, what was asked for is not. */
function short({ data, ...event }: HistoryEvent): string {
  const { spec: _, ...rest } = data
  const { id, type, source, subject, time } = event
  return JSON.stringify({
    specversion: '1.0',
    ...{ id, type, source, subject, time },
    datacontenttype: 'application/json',
    data: { ...rest, truncated: true },
  })
}
