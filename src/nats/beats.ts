/**
 * Heartbeats and progress: core messages, fire and forget. The operator's side listens to all
 * namespaces (implements `BeatFeed`; standbys too, protocol section 2), the worker's side publishes
 * its own (implements `BeatSink`).
 *
 * Who sent a message is read from its subject. Three kinds of message are dropped without a word,
 * because whoever their subject names has not sent them: a subject that is none of ours, a status of
 * the server about a pull that somebody pointed here (B40), and what comes faster than its sender may
 * speak (B38). Everything else that cannot be decoded is told as rejected, with its sender.
 */
import { type BeatMessage, MESSAGE_LIMITS } from '../api/messages.ts'
import type { Clock } from '../core/clock.ts'
import { shardOf, subjects, type WorkerId } from '../core/ids.ts'
import type { Beat, Note } from '../core/outcome.ts'
import type { Logger } from '../observability/ports.ts'
import type { BeatFeed } from '../recovery/ports.ts'
import type { BeatSink } from '../worker/ports.ts'
import type { Nats } from './connect.ts'
import { type Decoded, decodeBeat, decodeNote } from './decode.ts'
import { encodeBeat } from './encode.ts'
import { isStatus, type RawMessage, sizeOf } from './message.ts'
import { beatSender, filters, noteSender, type Sender } from './subjects.ts'
import { Throttle } from './throttle.ts'

export interface BeatFeedOptions {
  readonly nats: Nats
  readonly clock: Clock
}

/** A worker beats every 5 s, and at most every 50 ms when its running set changes. */
const BEATS = { perSecond: 40, burst: 80 } as const
/** All attempts of a worker together; more could not be written anyway. */
const NOTES = { perSecond: 50, burst: 100 } as const

/**
 * What a beat costs grows with its size, or ten thousand attempts forty times a second would keep the
 * operator from everything else: the largest there may be is heard once in two seconds.
 */
const BYTES_A_TOKEN = 16_384

type Rejected = Parameters<BeatFeed['rejected']>[0]

export function natsBeatFeed(options: BeatFeedOptions): BeatFeed {
  return new NatsBeatFeed(options)
}

class NatsBeatFeed implements BeatFeed {
  readonly #clock: Clock
  readonly #beats = new Set<(beat: Beat) => void>()
  readonly #notes = new Set<(note: Note) => void>()
  readonly #rejected = new Set<Rejected>()
  readonly #beatThrottle: Throttle
  readonly #noteThrottle: Throttle

  constructor({ nats, clock }: BeatFeedOptions) {
    this.#clock = clock
    this.#beatThrottle = new Throttle({ clock, ...BEATS })
    this.#noteThrottle = new Throttle({ clock, ...NOTES })
    nats.onSession((session) => {
      session.subscribe(filters.beats, (message) => this.#beat(message))
      session.subscribe(filters.notes, (message) => this.#note(message))
    })
  }

  beats(receive: (beat: Beat) => void): () => void {
    return listening(this.#beats, receive)
  }

  notes(receive: (note: Note) => void): () => void {
    return listening(this.#notes, receive)
  }

  rejected(receive: Rejected): () => void {
    return listening(this.#rejected, receive)
  }

  #beat(message: RawMessage): void {
    const sender = beatSender(message.subject)
    if (!sender || isStatus(message)) return
    const cost = Math.min(BEATS.burst, Math.max(1, sizeOf(message) / BYTES_A_TOKEN))
    if (!this.#beatThrottle.admit(nameOf(sender), cost)) return
    this.#tell('beat', sender, decodeBeat(sender, message), this.#beats)
  }

  #note(message: RawMessage): void {
    const sender = noteSender(message.subject)
    if (!sender || isStatus(message) || !this.#noteThrottle.admit(nameOf(sender))) return
    this.#tell('note', sender, decodeNote(sender, message, this.#clock.now()), this.#notes)
  }

  #tell<T>(
    kind: 'beat' | 'note',
    sender: Sender,
    decoded: Decoded<T>,
    listeners: ReadonlySet<(value: T) => void>,
  ): void {
    if (decoded.ok) for (const listener of listeners) listener(decoded.value)
    else for (const listener of this.#rejected) listener(sender, decoded.problem, kind)
  }
}

function nameOf({ namespace, worker }: Sender): string {
  return `${namespace}/${worker}`
}

function listening<L>(listeners: Set<L>, listener: L): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export interface BeatSinkOptions {
  readonly nats: Nats
  readonly namespace: string
  readonly worker: WorkerId
  readonly logger: Logger
}

export function natsBeatSink(options: BeatSinkOptions): BeatSink {
  const { nats, namespace, worker, logger } = options
  const subject = subjects.beat(shardOf(namespace), namespace, worker)
  return {
    publish(beat: BeatMessage) {
      const { session } = nats
      if (!session) return
      const body = encodeBeat(beat, session.maxPayload)
      if (body !== null) session.publish(subject, body)
      else {
        logger.error(
          'a heartbeat is too large to be sent: the attempts of this worker will be lost',
          {
            namespace,
            worker,
            attempts: beat.running.length,
            limit: Math.min(session.maxPayload, MESSAGE_LIMITS.beatBytes),
            help: 'lower GOPHERQUEUE_SLOTS, or raise max_payload of nats-server up to 1MB',
          },
        )
      }
    },
  }
}
