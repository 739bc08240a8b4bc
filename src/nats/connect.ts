/**
 * The connection to NATS, for ever: a chain of sessions with waits between them.
 *
 *   waiting ──greeting, login──▶ session ──silent, closed, expired──▶ waiting ── … ──close()──▶ closed
 *
 * Every session is a connection of its own that the client library never repairs: its own reconnect
 * would flush what was published in between, and a work message must never go over a reconnect
 * (protocol D3). So whoever waits for an answer is told the end at once, and subscriptions are made
 * anew (`onSession`), the login is read anew and the server is judged anew each time.
 *
 * It starts without a server and says in `link.problem`, in one line, why there is none; the process
 * goes on. A session counts as connected only while the server answers (`pulse.ts`): leases freeze
 * within two pings of a frozen server (protocol L1), long before its sockets close.
 */
import { type BackoffPolicy, backoffMs } from '../core/backoff.ts'
import { type Clock, type MonoMs, type Random, sleep } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger } from '../observability/ports.ts'
import type { Link } from '../recovery/ports.ts'
import type { ServerContact } from '../worker/ports.ts'
import type { Login, NatsLogin } from './login.ts'
import { startPulse } from './pulse.ts'
import { parseServers, type ServerList, type ServerPlace } from './servers.ts'
import { openSession, type Session } from './session.ts'
import { cleanText } from './text.ts'

export interface NatsOptions {
  /** `nats://host:port` or `tls://…`, several separated by commas. */
  readonly url: string
  /** File with the authorities of the server; '' = those of the system. */
  readonly caFile: string
  /** Shown in the server's list of connections. */
  readonly name: string
  /** What inboxes begin with; for a worker `inboxPrefix(worker)` of `core/ids.ts`. */
  readonly inboxPrefix: string
  readonly login: Login
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Between pings. The operator needs less than half a lease; workers can do with the default. */
  readonly pingMs?: number
}

const DEFAULT_PING_MS = 10_000

/** Up to 2 s, so that a server that comes back is used within 5 s; drawn, so that not all come at once. */
const RETRY: BackoffPolicy = {
  strategy: 'Exponential',
  initialMs: 100,
  maxMs: 2_000,
  multiplier: 2,
  jitter: 0.5,
}

const MAX_PROBLEM = 500

/** A session that lasted so long was a good one: the next try is at once again. */
const GOOD_SESSION_MS = 10_000

/**
 * Starts to connect, at once and for ever.
 * @throws GopherQueueError InvalidConfiguration for a URL that names no server
 */
export function connectNats(options: NatsOptions): Nats {
  return new Nats(options)
}

export class Nats implements ServerContact {
  readonly #options: NatsOptions
  readonly #list: ServerList
  readonly #link: LinkState
  readonly #stop = new AbortController()
  readonly #listeners = new Set<(session: Session) => void>()
  readonly #running: Promise<void>
  #session: Session | null = null
  #heardAt: MonoMs

  constructor(options: NatsOptions) {
    this.#options = options
    this.#list = parseServers(options.url)
    this.#link = new LinkState(options.clock, options.logger)
    this.#heardAt = options.clock.monotonic()
    this.#running = this.#run()
  }

  get link(): Link {
    return this.#link
  }

  /** Null while there is none. It may be silent: see `link.connected`. */
  get session(): Session | null {
    return this.#session
  }

  /** Milliseconds since the server is known to have been alive (K7): of its answers, ping or other. */
  silentMs(): number {
    return this.#options.clock.monotonic() - this.#heardAt
  }

  /** Called with the session of now, if any, and with each later one. Returns the unsubscribe. */
  onSession(listener: (session: Session) => void): () => void {
    this.#listeners.add(listener)
    if (this.#session) this.#tell(listener, this.#session)
    return () => void this.#listeners.delete(listener)
  }

  /** Ends it for good. A second call gets the answer of the first. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#session?.close('was left')
    await this.#running
  }

  /** Sends what is in the buffers, for at most `withinMs`, then closes. */
  async drain(withinMs = 2_000): Promise<void> {
    this.#stop.abort()
    if (this.#session) {
      // The timer would keep the process from ending.
      const drained = new AbortController()
      const late = sleep(this.#options.clock, withinMs, drained.signal)
      await Promise.race([this.#session.drain(), late])
      drained.abort()
    }
    await this.close()
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options
    let failures = 0
    while (!this.#stop.signal.aborted) {
      const begun = clock.monotonic()
      const problem = await this.#once()
      this.#link.set(false, this.#stop.signal.aborted ? 'closed' : problem)
      failures = clock.monotonic() - begun >= GOOD_SESSION_MS ? 1 : failures + 1
      await sleep(clock, backoffMs(RETRY, failures, random.uniform()), this.#stop.signal)
    }
    this.#link.set(false, 'closed')
  }

  /** Tries each server once; a session lasts until its end. Returns why there is none any more. */
  async #once(): Promise<string> {
    let problem = ''
    for (const place of shuffled(this.#list.servers, this.#options.random)) {
      if (this.#stop.signal.aborted) break
      let login: NatsLogin
      try {
        login = await this.#options.login()
      } catch (error) {
        return cleanText(`cannot log in to NATS: ${describeError(error)}`, MAX_PROBLEM)
      }
      try {
        const session = await this.#open(place, login)
        return sentence(place, await this.#serve(session, place))
      } catch (error) {
        problem = sentence(place, error instanceof Error ? error.message : String(error))
      }
    }
    return problem
  }

  #open(place: ServerPlace, login: NatsLogin): Promise<Session> {
    const { name, inboxPrefix, caFile, clock, random, logger } = this.#options
    return openSession({
      place,
      login,
      name,
      inboxPrefix,
      caFile,
      tls: this.#list.tls,
      clock,
      random,
      logger,
      stop: this.#stop.signal,
      alive: (sentAt) => this.#alive(sentAt),
      gone: (why) => this.#gone(sentence(place, why)),
    })
  }

  async #serve(session: Session, place: ServerPlace): Promise<string> {
    if (this.#stop.signal.aborted) await session.close('was left')
    const { clock, pingMs, logger } = this.#options
    this.#session = session.open ? session : null
    this.#alive(clock.monotonic())
    logger.info('connected to NATS', { server: session.address, version: session.version })
    for (const listener of this.#listeners) this.#tell(listener, session)
    if (session.open) this.#link.set(true, '')
    const stopPulse = startPulse({
      clock,
      everyMs: pingMs ?? DEFAULT_PING_MS,
      ping: () => session.ping(),
      alive: (sentAt) => {
        this.#alive(sentAt)
        if (session.open) this.#link.set(true, '')
      },
      silent: () => this.#link.set(false, sentence(place, 'does not answer')),
      dead: () => void session.close('did not answer and was given up'),
    })
    const why = await session.ended
    stopPulse()
    return why
  }

  /** Before anybody is told that an answer will not come: then the link says so already. */
  #gone(problem: string): void {
    this.#session = null
    this.#link.set(false, this.#stop.signal.aborted ? 'closed' : problem)
  }

  #alive(sentAt: MonoMs): void {
    this.#heardAt = Math.max(this.#heardAt, sentAt)
  }

  #tell(listener: (session: Session) => void, session: Session): void {
    try {
      listener(session)
    } catch (error) {
      this.#options.logger.error('beginning a NATS session failed', { err: describeError(error) })
    }
  }
}

class LinkState implements Link {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #listeners = new Set<() => void>()
  connected = false
  since: MonoMs
  problem = 'not connected to NATS yet'

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
    this.since = clock.monotonic()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #log(problem: string): void {
    if (problem === '' || problem === 'closed') return
    // A login lasts a quarter of an hour; its end is followed by the next one at once.
    const expected = /authentication expired/i.test(problem)
    const fields = { code: 'DispatchUnavailable', err: problem }
    if (expected) this.#logger.info('the NATS login has expired', fields)
    else this.#logger.warn('no connection to NATS', fields)
  }

  set(connected: boolean, problem: string): void {
    if (problem !== this.problem) this.#log(problem)
    this.problem = problem
    if (connected === this.connected) return
    this.connected = connected
    this.since = this.#clock.monotonic()
    for (const listener of [...this.#listeners]) {
      try {
        listener()
      } catch (error) {
        this.#logger.error('telling a change of the NATS link failed', {
          err: describeError(error),
        })
      }
    }
  }
}

function sentence(place: ServerPlace, end: string): string {
  return cleanText(`NATS at ${place.address} ${end}`, MAX_PROBLEM)
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, key: random.uniform() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
