/**
 * Connections to the API server. The stock client opens a TLS connection for each request
 * (typescript-notes.md); this keeps three pools of HTTP/1.1 connections:
 *
 *   requests   reads and writes of jobs, queues …
 *   lease      renewals, so that they never wait behind a crowd of status writes
 *   watches    one socket each for its whole life
 *
 * HTTP/2 is off: one lost connection would end every watch and request at once. The pools are rebuilt
 * when the TLS material changes; the old ones close after their last answer.
 */
import { Pool } from 'undici'
import type { TlsMaterial } from './access.ts'

export type Lane = 'requests' | 'lease' | 'watches'

type Pools = Readonly<Record<Lane, Pool>>

const CONNECT_MS = 10_000
/** Below the 90 s after which an API server closes idle connections. */
const KEEP_ALIVE_MS = 45_000

export class ConnectionPools {
  readonly #origin: string
  readonly #connections: number
  #tls: TlsMaterial | null = null
  #pools: Pools | null = null
  #closed = false

  /** @param connections sockets for requests at most */
  constructor(origin: string, connections: number) {
    this.#origin = origin
    this.#connections = connections
  }

  /** Null after `close`. `tls` is compared by identity: the same object is the same material. */
  of(lane: Lane, tls: TlsMaterial): Pool | null {
    if (this.#closed) return null
    if (this.#pools && this.#tls === tls) return this.#pools[lane]
    const old = this.#pools
    this.#tls = tls
    this.#pools = {
      requests: this.#pool(tls, this.#connections),
      lease: this.#pool(tls, 2),
      watches: this.#pool(tls, null),
    }
    for (const pool of Object.values(old ?? {})) void pool.close()
    return this.#pools[lane]
  }

  /** Ends all connections; what is in flight is lost. */
  async close(): Promise<void> {
    this.#closed = true
    const pools = this.#pools
    this.#pools = null
    await Promise.all(Object.values(pools ?? {}).map((pool) => pool.destroy()))
  }

  #pool(tls: TlsMaterial, connections: number | null): Pool {
    return new Pool(this.#origin, {
      connections,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Deadlines are the Clock's, and a watch is judged by its reflector.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: connectOptions(tls),
    })
  }
}

function connectOptions(tls: TlsMaterial) {
  return {
    timeout: CONNECT_MS,
    rejectUnauthorized: !tls.insecure,
    ...(tls.ca === '' ? {} : { ca: tls.ca }),
    ...(tls.cert === '' ? {} : { cert: tls.cert, key: tls.key }),
    ...(tls.serverName === '' ? {} : { servername: tls.serverName }),
  }
}
