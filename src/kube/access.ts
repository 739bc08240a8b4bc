/**
 * Where the API server is and what proves who we are, as the transport sees it.
 *
 * Credentials come from files that the kubelet rotates (token, CA) or from a plugin, so they are
 * asked for before each request and cached here: files are read again after a minute, as client-go
 * does, and at once after a 401. One read at a time, however many requests wait for it. A file that
 * cannot be read while a former content is known changes nothing: rotation swaps files non-atomically
 * on some file systems.
 */
import type { Clock, MonoMs } from '../core/clock.ts'

export interface TlsMaterial {
  /** PEM; '' = the system's authorities. */
  readonly ca: string
  /** PEM; '' = no client certificate. */
  readonly cert: string
  readonly key: string
  /** Name to verify instead of the host; '' = the host. */
  readonly serverName: string
  readonly insecure: boolean
}

export interface Credentials {
  /** `authorization` and impersonation headers; empty with a client certificate. */
  readonly headers: Readonly<Record<string, string | string[]>>
  /** The same object as long as nothing changed, so that a pool knows when to be rebuilt. */
  readonly tls: TlsMaterial
}

export interface KubeAccess {
  /** Base URL without a trailing slash. */
  readonly server: string
  /** Namespace of the context or of the pod; `default` when neither says one. */
  readonly namespace: string
  /** Where the configuration came from, for one log line. */
  readonly origin: string
  credentials(): Promise<Credentials>
  /** After a 401: forgets what is cached and reads again. */
  refresh(): Promise<Credentials>
}

/** One reading of the credentials; `goodForMs` from now. */
export interface CredentialReading {
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly tls: TlsMaterial
  readonly goodForMs: number
}

/** @param forced a 401 said that the last reading is not accepted any more */
export type ReadCredentials = (forced: boolean) => Promise<CredentialReading>

export interface AccessPlace {
  readonly server: string
  readonly namespace: string
  readonly origin: string
}

export class CachedAccess implements KubeAccess {
  readonly server: string
  readonly namespace: string
  readonly origin: string
  readonly #read: ReadCredentials
  readonly #clock: Clock
  #known: Credentials | null = null
  #until: MonoMs = 0
  #reading: Promise<Credentials> | null = null

  constructor(place: AccessPlace, read: ReadCredentials, clock: Clock) {
    this.server = place.server
    this.namespace = place.namespace
    this.origin = place.origin
    this.#read = read
    this.#clock = clock
  }

  async credentials(): Promise<Credentials> {
    if (this.#known && this.#clock.monotonic() < this.#until) return this.#known
    return this.#load(false)
  }

  refresh(): Promise<Credentials> {
    return this.#load(true)
  }

  #load(forced: boolean): Promise<Credentials> {
    this.#reading ??= this.#readOnce(forced).finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async #readOnce(forced: boolean): Promise<Credentials> {
    try {
      const reading = await this.#read(forced)
      const tls =
        this.#known && sameTls(this.#known.tls, reading.tls) ? this.#known.tls : reading.tls
      this.#known = { headers: reading.headers, tls }
      this.#until = this.#clock.monotonic() + reading.goodForMs
      return this.#known
    } catch (error) {
      if (!this.#known) throw error
      this.#until = this.#clock.monotonic() + RETRY_AFTER_MS
      return this.#known
    }
  }
}

/** After a reading that failed while an older one is known. */
const RETRY_AFTER_MS = 5_000

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  return (
    a.ca === b.ca &&
    a.cert === b.cert &&
    a.key === b.key &&
    a.serverName === b.serverName &&
    a.insecure === b.insecure
  )
}
