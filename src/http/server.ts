/**
 * One small HTTP server for health and metrics, of operator and worker alike: a table of routes over
 * node:http, or node:https where it was given a certificate.
 *
 * Everything from outside has a limit: 8 KiB of headers, 10 s to send a request, 128 connections, no
 * body at all, and an answer within 10 s or 503. A route that fails answers 500 without a word about
 * why; the log gets that. Nothing is cached or guessed by a browser.
 *
 * A guarded route asks `guard` first (O14): the operator's metrics are for those whom the API server
 * lets in. No guard, no certificate: only for loopback and for what is no secret.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { describeError, GopherQueueError } from '../core/errors.ts'
import type { Logger } from '../observability/ports.ts'
import { type Service, serviceOf } from '../runtime/service.ts'

export interface Request {
  readonly path: string
  readonly query: URLSearchParams
  /** The header `authorization`; '' = none. */
  readonly authorization: string
}

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** What a guard says: go on, or answer this instead. */
export type Admission = { readonly kind: 'admit' } | { readonly kind: 'refuse'; answer: Answer }

export interface Route {
  /** Exactly this path; answers GET and HEAD. */
  readonly path: string
  readonly handle: (request: Request) => Answer | Promise<Answer>
  readonly guard?: (request: Request) => Promise<Admission>
}

export interface HttpServerOptions {
  readonly routes: readonly Route[]
  /** `127.0.0.1` in local modes, `0.0.0.0` in a pod. */
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  /** For errors and logs: `health`, `metrics`. */
  readonly name: string
  /** PEM. Absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly clock: Clock
  readonly logger: Logger
}

const LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
} as const satisfies ServerOptions
const MAX_CONNECTIONS = 128
const ANSWER_WITHIN_MS = 10_000

export class HttpServer implements Service {
  readonly #options: HttpServerOptions
  readonly #server: Server
  readonly #life: Service

  constructor(options: HttpServerOptions) {
    this.#options = options
    const listener = (request: IncomingMessage, response: ServerResponse) =>
      void this.#serve(request, response)
    this.#server = options.tls
      ? createSecureServer({ ...LIMITS, ...options.tls, minVersion: 'TLSv1.2' }, listener)
      : createServer(LIMITS, listener)
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#life = serviceOf({ start: () => this.#listen(), stop: () => this.#close() })
  }

  /** The port that it listens on; 0 before the start. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0
  }

  /** @throws GopherQueueError `PortTaken` when another process listens on the port */
  start(): Promise<void> {
    return this.#life.start()
  }

  /** Takes no new request, lets those under way be answered within the group's deadline. */
  stop(): Promise<void> {
    return this.#life.stop()
  }

  #listen(): Promise<void> {
    const { host, port, name } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const taken = error.code === 'EADDRINUSE'
        reject(
          new GopherQueueError(
            taken ? 'PortTaken' : 'ListenFailed',
            `the ${name} server cannot listen on ${host}:${port}: ${taken ? 'the port is taken' : error.message}`,
            { cause: error, help: 'give it another port; 0 means a free one' },
          ),
        )
      })
      this.#server.listen(port, host, resolve)
    })
  }

  #close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeIdleConnections()
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // What a client does to its own connection is its own affair.
    response.on('error', () => undefined)
    const answer = await this.#answerInTime(request)
    // Unread bytes of a body would be taken for the next request; a stop waits for no next request.
    if (hasBody(request) || !this.#server.listening) response.setHeader('connection', 'close')
    send(request, response, answer)
  }

  #answerInTime(request: IncomingMessage): Promise<Answer> {
    const { clock, logger, name } = this.#options
    return new Promise((resolve) => {
      const cancel = clock.after(ANSWER_WITHIN_MS, () => resolve(text(503, 'no answer in time')))
      this.#answer(request)
        .catch((error: unknown) => {
          logger.error('http request failed', { server: name, err: describeError(error) })
          return text(500, 'internal error')
        })
        .then(resolve)
        .finally(cancel)
    })
  }

  async #answer(incoming: IncomingMessage): Promise<Answer> {
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD') return text(405, 'only GET')
    if (hasBody(incoming)) return text(413, 'a request has no body here')
    const request = requestOf(incoming)
    const route = this.#options.routes.find(({ path }) => path === request.path)
    if (!route) return text(404, 'not found')
    const admission = (await route.guard?.(request)) ?? { kind: 'admit' }
    return admission.kind === 'refuse' ? admission.answer : route.handle(request)
  }
}

/** A plain text answer. */
export function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` }
}

function requestOf(incoming: IncomingMessage): Request {
  // Only the part after the host matters: the rest of the URL is the client's word for this server.
  const url = incoming.url ?? ''
  const mark = url.indexOf('?')
  return {
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark)),
    authorization: incoming.headers.authorization ?? '',
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const body = Buffer.from(answer.body, 'utf8')
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(answer.status === 405 ? { allow: 'GET, HEAD' } : {}),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
