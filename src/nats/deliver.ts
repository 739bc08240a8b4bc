/**
 * Pulls work for one class of workers (implements `DeliverySource`; wire protocol, "Worker loop"; K1).
 *
 * One pull asks for one message and has a subject of its own, so it is known for certain which request
 * brought which message: its time is what the limits of K3 are counted from. A pull that ended with a
 * message or a status leaves its subject to the next one. One that was given up — aborted, or silent —
 * never does: closing it takes back the interest, and what still comes for it is not received; were it
 * taken for the message of a later pull, an old delivery would look young.
 *
 * After a refusal or silence all pulls of the process pause together, longer each time: a class whose
 * consumer does not exist yet must not be asked for by every slot at once.
 */
import { type BackoffPolicy, backoffMs } from '../core/backoff.ts'
import { type Cancel, type Clock, type MonoMs, type Random, sleep } from '../core/clock.ts'
import { type ClassId, classConsumer, streamNames } from '../core/ids.ts'
import type { Delivery, DeliverySource } from '../worker/ports.ts'
import { ACK, deliveryOrigin, nak, TERM } from './acks.ts'
import type { Nats } from './connect.ts'
import { type DecodedWork, decodeWork } from './decode.ts'
import type { RawMessage } from './message.ts'
import { FORGOTTEN_AFTER_MS, isForgotten, pullRequest, pullStatusOf } from './pulls.ts'
import type { Inbox, Session } from './session.ts'
import { workAddress } from './subjects.ts'

export interface DeliverySourceOptions {
  readonly nats: Nats
  readonly namespace: string
  readonly cls: ClassId
  readonly clock: Clock
  readonly random: Random
}

/** K1: half of what a delivery may stay unacknowledged. */
const EXPIRES_MS = 15_000
/** A silent pull is looked at once more: after a stop of the process its messages are still unread. */
const SECOND_LOOK_MS = 100

const PAUSE: BackoffPolicy = {
  strategy: 'Exponential',
  initialMs: 100,
  maxMs: 5_000,
  multiplier: 2,
  jitter: 0.5,
}

export function natsDeliverySource(options: DeliverySourceOptions): DeliverySource {
  return new NatsDeliveries(options)
}

/** A subject that pulls of one session use one after the other. */
interface Slot {
  readonly session: Session
  readonly inbox: Inbox
  receive: (message: RawMessage) => void
}

class NatsDeliveries implements DeliverySource {
  readonly #options: DeliverySourceOptions
  readonly #consumer: string
  readonly #open = new Set<Pull>()
  #idle: Slot[] = []
  #failures = 0
  #pausedUntil: MonoMs = 0

  constructor(options: DeliverySourceOptions) {
    this.#options = options
    this.#consumer = classConsumer(options.namespace, options.cls)
    // Once for each session, not for each pull: a session may last for months.
    options.nats.onSession((session) => {
      void session.ended.then(() => {
        for (const pull of this.#open) if (pull.session === session) pull.end({ kind: 'silent' })
      })
    })
  }

  async pull(signal: AbortSignal): Promise<Delivery | null> {
    const session = await this.#session(signal)
    if (!session || signal.aborted) return null
    const slot = this.#slot(session)
    return new Promise((resolve) => {
      const pull = new Pull({
        clock: this.#options.clock,
        signal,
        slot,
        consumer: this.#consumer,
        done: (end) => {
          this.#open.delete(pull)
          resolve(this.#ended(slot, end))
        },
      })
      this.#open.add(pull)
      pull.send()
    })
  }

  /** Once the pause is over and there is a connection; null: not within the time of one pull. */
  async #session(signal: AbortSignal): Promise<Session | null> {
    const { clock, nats } = this.#options
    const until = clock.monotonic() + EXPIRES_MS
    const pauseMs = this.#pausedUntil - clock.monotonic()
    if (pauseMs > 0) await sleep(clock, pauseMs, signal)
    if (nats.session || signal.aborted) return nats.session
    return new Promise((resolve) => {
      const end = () => {
        cancel()
        unsubscribe()
        signal.removeEventListener('abort', end)
        resolve(nats.session)
      }
      const cancel = clock.after(until - clock.monotonic(), end)
      const unsubscribe = nats.onSession(end)
      signal.addEventListener('abort', end, { once: true })
    })
  }

  #slot(session: Session): Slot {
    this.#idle = this.#idle.filter((slot) => slot.session === session)
    const idle = this.#idle.pop()
    if (idle) return idle
    const slot: Slot = {
      session,
      inbox: session.openInbox((message) => slot.receive(message)),
      receive: () => {},
    }
    return slot
  }

  #ended(slot: Slot, end: PullEnd): Delivery | null {
    slot.receive = () => {}
    switch (end.kind) {
      case 'message':
      case 'over':
        this.#failures = 0
        this.#idle.push(slot)
        break
      case 'refused':
        this.#pause()
        this.#idle.push(slot)
        break
      case 'silent':
        this.#pause()
        slot.inbox.close()
        break
      case 'aborted':
        slot.inbox.close()
    }
    return end.kind === 'message' ? this.#delivery(end) : null
  }

  /** The refusals of pulls that were on the way together count as one. */
  #pause(): void {
    const { clock, random } = this.#options
    const now = clock.monotonic()
    if (now < this.#pausedUntil) return
    this.#failures += 1
    this.#pausedUntil = now + backoffMs(PAUSE, this.#failures, random.uniform())
  }

  #delivery({ message, requestedAt, receivedAt }: MessageEnd): Delivery {
    const { nats } = this.#options
    const decoded = this.#decoded(message)
    // Not the message: its bytes are part of a larger buffer, which would be kept with it.
    const { reply } = message
    return {
      item: decoded.ok ? decoded.value : null,
      problem: decoded.ok ? '' : decoded.problem,
      partial: decoded.ok ? null : decoded.partial,
      requestedAt,
      receivedAt,
      async ack(deadlineMs) {
        const question = { subject: reply, body: ACK, deadlineMs }
        const answer = await nats.session?.requests.ask(question)
        return answer?.kind === 'answered'
      },
      nak: (delayMs) => void nats.session?.publish(reply, nak(delayMs)),
      term: () => void nats.session?.publish(reply, TERM),
    }
  }

  #decoded(message: RawMessage): DecodedWork {
    const address = workAddress(message.subject)
    if (address?.namespace !== this.#options.namespace || address.cls !== this.#options.cls) {
      return { ok: false, problem: 'the subject names no job of this class', partial: null }
    }
    return decodeWork(address, message)
  }
}

interface MessageEnd {
  readonly kind: 'message'
  readonly message: RawMessage
  readonly requestedAt: MonoMs
  readonly receivedAt: MonoMs
}

type PullEnd =
  | MessageEnd
  /** Expired, or nothing there. */
  | { readonly kind: 'over' }
  /** The server said no. */
  | { readonly kind: 'refused' }
  /** The server has forgotten it, or is gone. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'aborted' }

interface PullOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly slot: Slot
  readonly consumer: string
  readonly done: (end: PullEnd) => void
}

/** One request for one message, from its sending to its one end. */
class Pull {
  readonly #options: PullOptions
  readonly #requestedAt: MonoMs
  #heardAt: MonoMs
  #cancel: Cancel = () => {}
  #suspected = false
  #over = false

  constructor(options: PullOptions) {
    this.#options = options
    this.#requestedAt = options.clock.monotonic()
    this.#heardAt = this.#requestedAt
  }

  get session(): Session {
    return this.#options.slot.session
  }

  send(): void {
    const { slot, signal, consumer } = this.#options
    slot.receive = (message) => this.#receive(message)
    signal.addEventListener('abort', this.#aborted, { once: true })
    const { subject, body } = pullRequest(streamNames.work, consumer, 1, EXPIRES_MS)
    slot.session.publish(subject, body, slot.inbox.subject)
    this.#watch(FORGOTTEN_AFTER_MS)
  }

  #aborted = (): void => this.end({ kind: 'aborted' })

  #receive(message: RawMessage): void {
    const { clock, slot, consumer } = this.#options
    this.#heardAt = clock.monotonic()
    this.#suspected = false
    if (message.subject === slot.inbox.subject) {
      this.#status(message)
      return
    }
    const origin = deliveryOrigin(message.reply)
    // Of another consumer: somebody had it sent here (B40).
    if (origin?.stream !== streamNames.work || origin.consumer !== consumer) return
    this.end({
      kind: 'message',
      message,
      requestedAt: this.#requestedAt,
      receivedAt: this.#heardAt,
    })
  }

  #status(message: RawMessage): void {
    switch (pullStatusOf(message)) {
      case 'alive':
        return
      case 'over':
        this.end({ kind: 'over' })
        return
      case 'pause':
      case 'gone':
        this.end({ kind: 'refused' })
    }
  }

  #watch(afterMs: number): void {
    const { clock } = this.#options
    this.#cancel = clock.after(afterMs, () => {
      const now = clock.monotonic()
      if (!isForgotten(this.#heardAt, now)) {
        this.#watch(this.#heardAt + FORGOTTEN_AFTER_MS - now)
      } else if (this.#suspected) {
        this.end({ kind: 'silent' })
      } else {
        this.#suspected = true
        this.#watch(SECOND_LOOK_MS)
      }
    })
  }

  end(end: PullEnd): void {
    if (this.#over) return
    this.#over = true
    this.#cancel()
    this.#options.signal.removeEventListener('abort', this.#aborted)
    this.#options.done(end)
  }
}
