/**
 * Every request to the API server goes through here, over the connections of `pools.ts`.
 *
 * What is repeated here: a read, on lost connections, 429 and 5xx, with jitter and `Retry-After`; any
 * call once after a 401, with fresh credentials (a 401 is known to have changed nothing). A write is
 * never repeated: whether it may be is the caller's decision (W3).
 *
 * Seam for faults: each mutating call gets a number and is shown to `onCall`, which may lose it before
 * it is sent or lose its answer after it was applied (reliability.md section 2).
 */
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Clock, MonoMs, Random } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { Credentials, KubeAccess } from './access.ts'
import { badAnswer, errorOfAnswer, errorOfSilence, KubeError, neverSent } from './errors.ts'
import { ConnectionPools, type Lane } from './pools.ts'

export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface KubeCall {
  readonly verb: Verb
  /** Absolute, without the query. Every part that is not constant is URI-encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number>>
  /** A value, or its JSON text. */
  readonly body?: unknown
  /** Default: `application/json`. A patch names its kind. */
  readonly contentType?: string
  /** Default: `application/json`. */
  readonly accept?: string
  /** For all tries together. Default: 30 s. */
  readonly deadlineMs?: number
  /** Longest answer taken. Default: 16 MiB. */
  readonly maxBytes?: number
  readonly lane?: Exclude<Lane, 'watches'>
  readonly signal?: AbortSignal
  /** Repeat reads that failed for a moment. Default: true. */
  readonly retry?: boolean
}

export interface MutatingCall {
  /** 1, 2, 3 … over the life of the transport. */
  readonly n: number
  readonly verb: Verb
  readonly path: string
}

/** `lose-request`: never sent. `lose-answer`: applied, but nobody hears of it. */
export type CallFate = 'send' | 'lose-request' | 'lose-answer'

export interface CallReport {
  readonly verb: Verb
  /** HTTP status; 0 = no answer. */
  readonly status: number
  readonly tookMs: number
}

export interface TransportOptions {
  readonly access: KubeAccess
  readonly clock: Clock
  readonly random: Random
  /** For the User-Agent: `gopherqueue-operator/<version> term=<n>`. */
  readonly version: string
  /** Program named in the User-Agent. Default: `gopherqueue-operator`. */
  readonly program?: string
  /** Sockets for requests. Default: 32. */
  readonly connections?: number
  /** Called after each try, for metrics. */
  readonly observe?: (report: CallReport) => void
  readonly onCall?: (call: MutatingCall) => CallFate | undefined | Promise<CallFate | undefined>
}

/** What adapters need of the transport; tests may put a fake in its place. */
export interface KubeRequests {
  /** The parsed answer. @throws KubeError */
  request(call: KubeCall): Promise<unknown>
  /** The text of the answer, for callers that parse it themselves. @throws KubeError */
  requestText(call: KubeCall): Promise<string>
}

export interface KubeWatches {
  /** An open watch: bytes as they come. @throws KubeError when the server did not open it */
  watch(path: string, query: KubeCall['query'], signal: AbortSignal): Promise<Readable>
}

const TRIES = 5
const DEADLINE_MS = 30_000
const MAX_BYTES = 16 * 1_048_576
const MAX_ERROR_BYTES = 65_536

export class KubeTransport implements KubeRequests, KubeWatches {
  readonly #options: TransportOptions
  readonly #basePath: string
  readonly #pools: ConnectionPools
  #agent: string
  #mutations = 0

  constructor(options: TransportOptions) {
    this.#options = options
    const url = new URL(options.access.server)
    this.#pools = new ConnectionPools(url.origin, options.connections ?? 32)
    this.#basePath = url.pathname === '/' ? '' : url.pathname
    this.#agent = ''
    this.setTerm(0)
  }

  /** The term goes into the User-Agent, so that the audit log shows who wrote in which term. */
  setTerm(term: number): void {
    const { program = 'gopherqueue-operator', version } = this.#options
    this.#agent = term > 0 ? `${program}/${version} term=${term}` : `${program}/${version}`
  }

  async request(call: KubeCall): Promise<unknown> {
    const text = await this.requestText(call)
    try {
      return text === '' ? null : JSON.parse(text)
    } catch {
      throw badAnswer(call, 'the answer is not JSON')
    }
  }

  async requestText(call: KubeCall): Promise<string> {
    const mutating = call.verb !== 'GET'
    const fate = mutating ? await this.#announce(call) : 'send'
    const lost = () => errorOfSilence(call, { code: 'INJECTED' }, false)
    if (fate === 'lose-request') throw lost()
    const answer = withDeadline(this.#options.clock, call, (signal, until) => {
      return mutating || call.retry === false
        ? this.#once(call, signal)
        : this.#repeated(call, signal, until)
    })
    if (fate === 'send') return answer
    await answer.catch(() => '')
    throw lost()
  }

  async watch(path: string, query: KubeCall['query'], signal: AbortSignal): Promise<Readable> {
    const call: KubeCall = { verb: 'GET', path, ...(query ? { query } : {}) }
    try {
      const answer = await this.#send(call, signal, 'watches')
      if (answer.statusCode === 200) return answer.body
      throw await this.#failure(call, answer)
    } catch (error) {
      throw errorOfSilence(call, error, false)
    }
  }

  /** Ends all connections; calls in flight fail as lost. */
  async close(): Promise<void> {
    await this.#pools.close()
  }

  async #announce(call: KubeCall): Promise<CallFate> {
    const n = ++this.#mutations
    return (await this.#options.onCall?.({ n, verb: call.verb, path: call.path })) ?? 'send'
  }

  /** A wait that the deadline would cut short is not begun: the caller hears what is known. */
  async #repeated(call: KubeCall, signal: AbortSignal, until: MonoMs): Promise<string> {
    const { clock, random } = this.#options
    for (let tries = 1; ; tries++) {
      try {
        return await this.#once(call, signal)
      } catch (error) {
        const delay = retryDelay(error, tries, random.uniform())
        if (delay === null || clock.monotonic() + delay >= until) throw error
        await sleep(clock, delay, signal)
        if (signal.aborted) throw error
      }
    }
  }

  async #once(call: KubeCall, signal: AbortSignal): Promise<string> {
    const begun = this.#options.clock.monotonic()
    let status = 0
    try {
      const answer = await this.#send(call, signal, call.lane ?? 'requests')
      status = answer.statusCode
      if (status < 200 || status > 299) throw await this.#failure(call, answer)
      return await readText(call, answer, call.maxBytes ?? MAX_BYTES)
    } finally {
      const tookMs = this.#options.clock.monotonic() - begun
      this.#options.observe?.({ verb: call.verb, status, tookMs })
    }
  }

  /** One try, or two when the first was answered 401. */
  async #send(call: KubeCall, signal: AbortSignal, lane: Lane): Promise<Dispatcher.ResponseData> {
    const { access } = this.#options
    const answer = await this.#dispatch(call, signal, lane, await access.credentials())
    if (answer.statusCode !== 401) return answer
    await answer.body.dump()
    return this.#dispatch(call, signal, lane, await access.refresh())
  }

  #dispatch(
    call: KubeCall,
    signal: AbortSignal,
    lane: Lane,
    credentials: Credentials,
  ): Promise<Dispatcher.ResponseData> {
    const body =
      call.body === undefined || typeof call.body === 'string'
        ? call.body
        : JSON.stringify(call.body)
    const pool = this.#pools.of(lane, credentials.tls)
    if (!pool) throw neverSent(call, 'Closed', 'the transport is closed')
    return pool.request({
      method: call.verb,
      path: `${this.#basePath}${call.path}${queryText(call.query)}`,
      headers: {
        ...credentials.headers,
        accept: call.accept ?? 'application/json',
        'user-agent': this.#agent,
        ...(body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      },
      body: body ?? null,
      signal,
    })
  }

  async #failure(call: KubeCall, answer: Dispatcher.ResponseData): Promise<KubeError> {
    const text = await readText(call, answer, MAX_ERROR_BYTES).catch(() => '')
    const header = answer.headers['retry-after']
    const after = typeof header === 'string' ? header : ''
    return errorOfAnswer(call, answer.statusCode, after, parsed(text))
  }
}

/**
 * How long to wait before a read is tried again; null: give up.
 * @param roll uniform in [0, 1)
 */
export function retryDelay(error: unknown, tries: number, roll: number): number | null {
  if (tries >= TRIES) return null
  if (error instanceof KubeError) {
    const passing = error.status === 0 ? !LASTING.has(error.reason) : isPassing(error.status)
    if (!passing) return null
    if (error.retryAfterMs > 0) return error.retryAfterMs * (1 + 0.2 * roll)
  }
  return 100 * 2 ** (tries - 1) * (0.5 + roll)
}

/** Reasons of ours that another try would meet again. */
const LASTING: ReadonlySet<string> = new Set(['BadAnswer', 'AnswerTooLong', 'Closed'])

function isPassing(status: number): boolean {
  return status === 429 || (status >= 500 && status !== 501 && status !== 505)
}

/** Runs `work` under the call's deadline and signal; every failure leaves as a KubeError. */
async function withDeadline(
  clock: Clock,
  call: KubeCall,
  work: (signal: AbortSignal, until: MonoMs) => Promise<string>,
): Promise<string> {
  const { deadlineMs = DEADLINE_MS } = call
  const aborter = new AbortController()
  const ended = Promise.withResolvers<never>()
  let timedOut = false
  const abort = () => {
    aborter.abort()
    ended.reject(aborter.signal.reason)
  }
  const cancel = clock.after(deadlineMs, () => {
    timedOut = true
    abort()
  })
  ended.promise.catch(() => {})
  if (call.signal?.aborted) abort()
  call.signal?.addEventListener('abort', abort, { once: true })
  try {
    // Not everything that `work` waits for listens to a signal: a credential plugin does not.
    return await Promise.race([work(aborter.signal, clock.monotonic() + deadlineMs), ended.promise])
  } catch (error) {
    throw errorOfSilence(call, error, timedOut)
  } finally {
    cancel()
    call.signal?.removeEventListener('abort', abort)
  }
}

async function readText(
  call: KubeCall,
  answer: Dispatcher.ResponseData,
  maxBytes: number,
): Promise<string> {
  const tooLong = () =>
    badAnswer(call, `the answer is longer than ${maxBytes} bytes`, 'AnswerTooLong')
  const declared = Number(answer.headers['content-length'] ?? Number.NaN)
  if (declared <= maxBytes) return answer.body.text()
  if (declared > maxBytes) {
    answer.body.on('error', () => {}).destroy()
    throw tooLong()
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw tooLong()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function queryText(query: KubeCall['query']): string {
  if (!query) return ''
  const pairs = Object.entries(query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}
