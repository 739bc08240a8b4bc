/**
 * Outcomes from the event stream, one shard at a time (implements `EventFeed`; protocol T3, O2).
 *
 * A pull consumer read ahead: up to 512 outcomes per shard are asked for and not yet settled, so that
 * the one status writer is never idle and a flood waits in the stream, not in memory. One that is not
 * settled within the consumer's 30 s comes again by itself and no longer counts here.
 *
 *   following ──session ends──▶ (wait) ──next session──▶ following ──consumer or stream gone──▶ ended
 *
 * Acknowledgements go over the session of the moment, whichever brought the message: they are about a
 * message of a consumer, not about a connection. Sender and job are those of the subject; what cannot
 * even be addressed is terminated here, or it would come again for ever.
 */
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import type { Term } from '../core/epoch.ts'
import { describeError, GopherQueueError } from '../core/errors.ts'
import { eventConsumer, type ShardId, streamNames } from '../core/ids.ts'
import type { Logger } from '../observability/ports.ts'
import type { EventDelivery, EventFeed, Following } from '../recovery/ports.ts'
import { ACK, type DeliveryOrigin, deliveryOrigin, IN_PROGRESS, nak, TERM } from './acks.ts'
import type { Nats } from './connect.ts'
import { decodeEvent } from './decode.ts'
import { API_CODES, Management } from './management.ts'
import { isStatus, type RawMessage } from './message.ts'
import { isForgotten, pullRequest, pullStatusOf } from './pulls.ts'
import type { Inbox, Session } from './session.ts'
import { eventSender } from './subjects.ts'
import { cleanText } from './text.ts'

export interface EventFeedOptions {
  readonly nats: Nats
  readonly clock: Clock
  readonly logger: Logger
}

/** Asked for and not settled, at most. */
const WINDOW = 512
/** Half empty: ask for more, in few large pulls. */
const REFILL_AT = WINDOW / 2
const EXPIRES_MS = 30_000
/** As long as the consumer waits for an acknowledgement. */
const SETTLE_WITHIN_MS = 30_000
const TICK_MS = 500

export function natsEvents(options: EventFeedOptions): EventFeed {
  const management = new Management(options.nats)
  return {
    async follow(shard, term, receive, ended) {
      const following = new ShardEvents({ ...options, management, shard, term, receive, ended })
      await following.start()
      return following
    },
  }
}

interface ShardOptions extends EventFeedOptions {
  readonly management: Management
  readonly shard: ShardId
  readonly term: Term
  readonly receive: (delivery: EventDelivery) => void
  readonly ended: (problem: string) => void
}

/** One pull on its way. */
interface Pull {
  readonly inbox: Inbox
  /** Messages that it may still bring. */
  left: number
  heardAt: MonoMs
}

class ShardEvents implements Following {
  readonly #options: ShardOptions
  readonly #consumer: string
  readonly #pulls = new Set<Pull>()
  /** Stream sequence → when it came or was last said to be in progress. Oldest first. */
  readonly #unsettled = new Map<number, MonoMs>()
  #pending = 0
  #stopped = false
  #looking = false
  #pausedUntil: MonoMs = 0
  #cancelTick: Cancel = () => {}
  #unsubscribe: () => void = () => {}

  constructor(options: ShardOptions) {
    this.#options = options
    this.#consumer = eventConsumer(options.shard, options.term)
  }

  get pending(): number {
    return this.#pending
  }

  /** @throws GopherQueueError when the consumer is not there, or nobody can be asked. */
  async start(): Promise<void> {
    const pending = await this.#look()
    if (pending === null) {
      throw new GopherQueueError('DispatchUnavailable', `consumer ${this.#consumer} does not exist`)
    }
    this.#pending = pending
    this.#unsubscribe = this.#options.nats.onSession(() => {
      this.#dropPulls()
      this.#pausedUntil = 0
      this.#refill()
    })
    this.#tick()
  }

  stop(): Promise<void> {
    this.#stopped = true
    this.#cancelTick()
    this.#unsubscribe()
    this.#dropPulls()
    return Promise.resolve()
  }

  /** Pulls that the server forgot, deliveries that nobody settled, pauses that are over. */
  #tick(): void {
    this.#cancelTick = this.#options.clock.after(TICK_MS, () => {
      const now = this.#options.clock.monotonic()
      for (const pull of this.#pulls) if (isForgotten(pull.heardAt, now)) this.#over(pull)
      this.#forgetUnsettled(now)
      this.#refill()
      this.#tick()
    })
  }

  #forgetUnsettled(now: MonoMs): void {
    for (const [seq, since] of this.#unsettled) {
      if (now - since < SETTLE_WITHIN_MS) return
      this.#unsettled.delete(seq)
    }
  }

  #refill(): void {
    const { nats, clock } = this.#options
    const { session } = nats
    if (this.#stopped || !session || clock.monotonic() < this.#pausedUntil) return
    let asked = 0
    for (const pull of this.#pulls) asked += pull.left
    const room = WINDOW - asked - this.#unsettled.size
    if (asked <= REFILL_AT && room >= Math.min(REFILL_AT, WINDOW - asked)) this.#pull(session, room)
  }

  #pull(session: Session, batch: number): void {
    const { clock } = this.#options
    const inbox = session.openInbox((message) => {
      pull.heardAt = clock.monotonic()
      if (message.subject === inbox.subject) this.#status(pull, message)
      else this.#delivered(pull, message)
    })
    const pull: Pull = { inbox, left: batch, heardAt: clock.monotonic() }
    this.#pulls.add(pull)
    const { subject, body } = pullRequest(streamNames.events, this.#consumer, batch, EXPIRES_MS)
    session.publish(subject, body, inbox.subject)
  }

  #status(pull: Pull, message: RawMessage): void {
    switch (pullStatusOf(message)) {
      case 'alive':
        return
      case 'over':
        this.#over(pull)
        this.#refill()
        return
      case 'pause':
        this.#pause(pull)
        return
      case 'gone':
        this.#pause(pull)
        void this.#lookForEnd()
    }
  }

  #over(pull: Pull): void {
    pull.inbox.close()
    this.#pulls.delete(pull)
  }

  #dropPulls(): void {
    for (const pull of this.#pulls) this.#over(pull)
  }

  #pause(pull: Pull): void {
    this.#over(pull)
    this.#pausedUntil = this.#options.clock.monotonic() + TICK_MS
  }

  #delivered(pull: Pull, message: RawMessage): void {
    const origin = deliveryOrigin(message.reply)
    // Of another consumer: somebody had it sent here (B40).
    if (origin?.stream !== streamNames.events || origin.consumer !== this.#consumer) return
    pull.left -= 1
    if (pull.left === 0) this.#over(pull)
    this.#receive(message, origin)
  }

  #receive(message: RawMessage, origin: DeliveryOrigin): void {
    const { shard, logger, clock, receive } = this.#options
    const sender = eventSender(message.subject)
    if (!sender || sender.shard !== shard) {
      const subject = cleanText(message.subject, 200)
      logger.warn('an outcome without an address was dropped', { shard, subject })
      this.#settle(message.reply, origin, TERM)
      return
    }
    this.#unsettled.set(origin.seq, clock.monotonic())
    const decoded = isStatus(message)
      ? ({ ok: false, problem: 'the headers carry a status' } as const)
      : decodeEvent(sender, message)
    // Not the message: its bytes are part of a larger buffer, which would be kept with it.
    const { reply } = message
    receive({
      namespace: sender.namespace,
      worker: sender.worker,
      uid: sender.uid,
      report: decoded.ok ? decoded.value : null,
      problem: decoded.ok ? '' : decoded.problem,
      ack: () => this.#settle(reply, origin, ACK),
      nak: (delayMs) => this.#settle(reply, origin, nak(delayMs)),
      inProgress: () => this.#inProgress(reply, origin),
    })
  }

  #settle(reply: string, origin: DeliveryOrigin, word: string): void {
    this.#unsettled.delete(origin.seq)
    this.#options.nats.session?.publish(reply, word)
    this.#refill()
  }

  #inProgress(reply: string, origin: DeliveryOrigin): void {
    // To the end: the map is in order of time.
    this.#unsettled.delete(origin.seq)
    this.#unsettled.set(origin.seq, this.#options.clock.monotonic())
    this.#options.nats.session?.publish(reply, IN_PROGRESS)
  }

  /** Stored and unsettled outcomes of the consumer; null: it is gone. */
  async #look(): Promise<number | null> {
    const info = await this.#options.management.call(
      `look at consumer ${this.#consumer}`,
      (manager) => manager.consumers.info(streamNames.events, this.#consumer),
      [API_CODES.consumerNotFound, API_CODES.streamNotFound],
    )
    return info ? info.num_pending + info.num_ack_pending : null
  }

  async #lookForEnd(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      if ((await this.#look()) !== null || this.#stopped) return
      await this.stop()
      this.#options.ended(`consumer ${this.#consumer} is gone`)
    } catch (error) {
      // Not connected, or JetStream is starting: the next pull says more.
      const { shard, logger } = this.#options
      logger.debug('the event consumer cannot be looked at', { shard, err: describeError(error) })
    } finally {
      this.#looking = false
    }
  }
}
