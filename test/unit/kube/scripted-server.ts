// A server that answers as a test says, over real sockets: broken answers, cut streams, silence. What
// a healthy API server does is proved against a genuine one (test/contract/kube).

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createAuthority } from '../../../devcluster/pki.ts'
import type { Credentials, KubeAccess, TlsMaterial } from '../../../src/kube/access.ts'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly socket: Socket
}

export type Answer = (seen: Seen, response: ServerResponse) => void

export interface ScriptedServer {
  readonly url: string
  /** PEM of the authority that signed its certificate; '' without TLS. */
  readonly ca: string
  /** Requests so far, in order of their arrival. */
  readonly seen: readonly Seen[]
  /** Connections opened so far. */
  readonly opened: number
  /** Connections open now. */
  readonly open: number
  answer: Answer
  stop(): Promise<void>
}

/** JSON with a status. */
export function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

export async function scriptedServer(
  answer: Answer,
  options: { readonly tls?: boolean; readonly authority?: ReturnType<typeof createAuthority> } = {},
): Promise<ScriptedServer> {
  const authority = options.tls ? (options.authority ?? createAuthority()) : null
  const served = authority?.server('scripted', ['localhost', '127.0.0.1'])
  const server: Server = served
    ? createTlsServer({ cert: served.certificate, key: served.key })
    : createServer()
  const sockets = new Set<Socket>()
  const seen: Seen[] = []
  let opened = 0
  server.on('connection', (socket: Socket) => {
    opened++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const scripted = {
    url: '',
    ca: authority?.certificate ?? '',
    seen,
    get opened() {
      return opened
    },
    get open() {
      return sockets.size
    },
    answer,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', 'http://scripted')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const one: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
      socket: request.socket,
    }
    seen.push(one)
    scripted.answer(one, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  scripted.url = `${served ? 'https' : 'http'}://127.0.0.1:${port}`
  return scripted
}

export const NO_TLS: TlsMaterial = { ca: '', cert: '', key: '', serverName: '', insecure: false }

/** Credentials as the test sets them. `refreshes` counts the forced readings. */
export class FixedAccess implements KubeAccess {
  readonly server: string
  readonly namespace = 'default'
  readonly origin = 'test'
  current: Credentials
  refreshes = 0
  /** What a forced reading finds; null = the same as before. */
  fresh: Credentials | null = null

  constructor(server: Pick<ScriptedServer, 'url' | 'ca'>) {
    this.server = server.url
    this.current = {
      headers: { authorization: 'Bearer first' },
      tls: { ...NO_TLS, ca: server.ca },
    }
  }

  async credentials(): Promise<Credentials> {
    return this.current
  }

  async refresh(): Promise<Credentials> {
    this.refreshes++
    this.current = this.fresh ?? this.current
    return this.current
  }
}

/**
 * Lets sockets and promises work until `done` says so. Bounded, so that a test that waits for what
 * never comes fails with its own words.
 */
export async function until(what: string, done: () => boolean): Promise<void> {
  const limit = performance.now() + 10_000
  while (!done()) {
    if (performance.now() > limit) throw new Error(`waited in vain: ${what}`)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
