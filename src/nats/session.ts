/**
 * One session with one server: from its greeting to the end of the connection. The rest of this room
 * publishes and subscribes through it, so that the client library ends here: no callback can throw
 * into its reading loop, and no error of it goes further than a text in one line.
 */
import {
  connect,
  errors,
  type NatsConnection,
  type Status,
  type TlsOptions,
} from '@nats-io/transport-node'
import type { Clock, MonoMs, Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../observability/ports.ts'
import { authenticatorOf, type NatsLogin } from './login.ts'
import { type RawMessage, rawMessage } from './message.ts'
import { Requests } from './requests.ts'
import { type Greeting, readGreeting, refusalOf, type ServerPlace } from './servers.ts'
import { cleanText } from './text.ts'

export interface SessionOptions {
  readonly place: ServerPlace
  readonly login: NatsLogin
  /** Shown in the server's list of connections. */
  readonly name: string
  readonly inboxPrefix: string
  /** '' = the authorities of the system. */
  readonly caFile: string
  /** Not without TLS. */
  readonly tls: boolean
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Gives up what is not connected yet. */
  readonly stop: AbortSignal
  readonly alive: (sentAt: MonoMs) => void
  /** It has ended; called before those who wait for an answer are told. */
  readonly gone: (why: string) => void
}

/** Time for a greeting, and again for TLS and login. An auth callout may take the server 5 s. */
const CONNECT_WITHIN_MS = 5_000
/** The library's own pings: never. `pulse.ts` does it with a clock that tests can turn. */
const NEVER_MS = 2 ** 31 - 1
/** Different complaints of a server that are logged in one session. */
const MAX_COMPLAINTS = 50

/** @throws Error with the end of a sentence that begins with "NATS at host:port" */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { place, clock, stop } = options
  // Read before the library dials: it tells nothing about a server that refuses the login, sends the
  // credentials to a server of any version, and leaks the socket to one that does not greet.
  const greeting = await readGreeting(place, clock, CONNECT_WITHIN_MS, stop)
  const refusal = refusalOf(greeting)
  if (refusal !== null) throw new Error(refusal)
  const connection = await dial(options, greeting)
  const info = connection.info
  const again = info === undefined ? 'sent no INFO' : refusalOf({ headers: false, ...info })
  if (again !== null) {
    await connection.close()
    throw new Error(again)
  }
  return new Session(connection, options)
}

async function dial(options: SessionOptions, greeting: Greeting): Promise<NatsConnection> {
  const tls = tlsOf(options, greeting)
  try {
    return await connect({
      servers: [options.place.address],
      name: options.name,
      inboxPrefix: options.inboxPrefix,
      authenticator: authenticatorOf(options.login),
      ...(tls ? { tls } : {}),
      timeout: CONNECT_WITHIN_MS,
      reconnect: false,
      ignoreClusterUpdates: true,
      ignoreAuthErrorAbort: true,
      pingInterval: NEVER_MS,
      noAsyncTraces: true,
    })
  } catch (error) {
    throw new Error(dialProblem(error), { cause: error })
  }
}

/** The library hands options that it does not know to `tls.connect`. */
type HostTls = TlsOptions & { readonly host: string }

/** Null: neither asked for nor offered. */
function tlsOf({ caFile, tls, place }: SessionOptions, greeting: Greeting): HostTls | null {
  if (!tls && caFile === '' && !greeting.tls_required && !greeting.tls_available) return null
  // The library names no host for an address that is an IP: Node would verify it as "localhost".
  const host = { host: place.host }
  return caFile === '' ? host : { ...host, caFile }
}

/** Why a login came to nothing, as the end of a sentence. */
export function dialProblem(error: unknown): string {
  if (error instanceof errors.AuthorizationError) {
    return `refused the login: ${cleanText(error.message, 200)}`
  }
  if (error instanceof errors.TimeoutError) {
    return `greeted and then did not answer within ${CONNECT_WITHIN_MS} ms`
  }
  const text = cleanText(error instanceof Error ? error.message : String(error), 200)
  if (/does not support 'tls'/.test(text)) {
    return 'offers no TLS, which the URL or the file of authorities asks for'
  }
  return text === '' ? 'closed the connection during the login' : `broke off the login: ${text}`
}

export interface Inbox {
  readonly subject: string
  readonly close: () => void
}

export class Session {
  readonly address: string
  readonly version: string
  /** Largest message that the server takes, in bytes. */
  readonly maxPayload: number
  readonly requests: Requests
  /** Why it ended, as the end of a sentence that begins with "NATS at host:port". */
  readonly ended: Promise<string>
  /** For JetStream's management API and for nothing else. */
  readonly connection: NatsConnection
  readonly #logger: Logger
  readonly #inbox: string
  readonly #gone: (why: string) => void
  readonly #complaints = new Set<string>()
  #nextInbox = 0
  #cause = ''
  #open = true

  constructor(connection: NatsConnection, options: SessionOptions) {
    const { info } = connection
    this.connection = connection
    this.address = options.place.address
    this.version = info?.version ?? ''
    this.maxPayload = info?.max_payload ?? 0
    this.#logger = options.logger
    this.#gone = options.gone
    this.#inbox = `${options.inboxPrefix}.${Buffer.from(options.random.bytes(12)).toString('hex')}`
    this.requests = new Requests({
      connection,
      inbox: this.#inbox,
      clock: options.clock,
      alive: options.alive,
      failed: (error) => this.#receiverFailed(error),
    })
    this.ended = this.#end()
    void this.#watch()
  }

  get open(): boolean {
    return this.#open
  }

  /** Fire and forget. False: nothing was sent. @param reply where answers go; '' = nowhere */
  publish(subject: string, body: string | Uint8Array, reply = ''): boolean {
    if (!this.#open) return false
    try {
      this.connection.publish(subject, body, reply === '' ? {} : { reply })
      return true
    } catch (error) {
      this.#complain(`cannot publish to ${subject}: ${describeError(error)}`)
      return false
    }
  }

  /** Returns the unsubscribe. Ends with the session. */
  subscribe(subject: string, receive: (message: RawMessage) => void): () => void {
    if (!this.#open) return () => {}
    const subscription = this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error) return
        try {
          receive(rawMessage(message))
        } catch (thrown) {
          this.#receiverFailed(thrown)
        }
      },
    })
    return () => {
      if (this.#open) subscription.unsubscribe()
    }
  }

  /**
   * A subject of its own for the messages of a pull. Closing it takes the server's interest away: it
   * drops the pull, and what is on the way then is not received any more.
   */
  openInbox(receive: (message: RawMessage) => void): Inbox {
    // One level deeper than the answers to questions, which a wildcard takes.
    const subject = `${this.#inbox}.pull.${this.#nextInbox++}`
    return { subject, close: this.subscribe(subject, receive) }
  }

  ping(): Promise<void> {
    return this.connection.flush()
  }

  /** Ends it now. @param cause of its end, for the first who gives one */
  async close(cause: string): Promise<void> {
    this.#cause ||= cause
    await this.connection.close()
    await this.ended
  }

  /** Sends what is still in the buffers, then ends it. */
  async drain(): Promise<void> {
    this.#cause ||= 'was left'
    await this.connection.drain().catch(() => this.connection.close())
    await this.ended
  }

  async #end(): Promise<string> {
    const error = await this.connection.closed()
    this.#open = false
    this.#cause ||= error
      ? `ended the connection: ${cleanText(describeError(error), 200)}`
      : 'closed the connection'
    this.#gone(this.#cause)
    this.requests.end()
    return this.#cause
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) this.#heard(status)
  }

  #heard(status: Status): void {
    if (status.type === 'ldm') this.#complain('will shut down soon')
    if (status.type !== 'error') return
    const { error } = status
    const text = cleanText(error.message, 300)
    this.#complain(text)
    if (error instanceof errors.PermissionViolationError && error.operation !== 'publish') {
      // The library drops the subscription: nothing would come any more, without a word.
      void this.close(`forbids what is needed: ${text}`)
    }
  }

  /** Each complaint once: a forbidden publication can come a thousand times a second. */
  #complain(text: string): void {
    if (this.#complaints.size >= MAX_COMPLAINTS || this.#complaints.has(text)) return
    this.#complaints.add(text)
    this.#logger.warn('NATS complains', { server: this.address, err: text })
  }

  #receiverFailed(error: unknown): void {
    this.#logger.error('receiving a message failed', { err: describeError(error) })
  }
}
