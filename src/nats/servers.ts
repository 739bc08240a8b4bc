/**
 * Which servers a URL names, what a server says of itself before anybody logs in, and whether
 * GopherQueue can work with it. Old servers take streams with features that they do not know and
 * leave those out silently, so a version below the floor is refused with a sentence before any
 * credentials are sent; so is one whose settings cannot carry our messages.
 */
import { connect } from 'node:net'
import { z } from 'zod'
import { MESSAGE_LIMITS } from '../api/messages.ts'
import type { Clock } from '../core/clock.ts'
import { GopherQueueError } from '../core/errors.ts'
import { cleanText } from './text.ts'

/** Oldest server that we speak to: auth callout, per-subject limits, no cross-account hole. */
export const SERVER_FLOOR = '2.10.27'

export interface ServerList {
  /** `host:port`, in the order of the URL. */
  readonly servers: readonly ServerPlace[]
  /** The URL asks for TLS; without it TLS is used where the server offers it. */
  readonly tls: boolean
}

export interface ServerPlace {
  readonly host: string
  readonly port: number
  /** For messages and the client library; an IPv6 address in brackets. Never holds credentials. */
  readonly address: string
}

const DEFAULT_PORT = 4222

/** @throws GopherQueueError InvalidConfiguration: before anything runs, a wrong URL is told at once. */
export function parseServers(url: string): ServerList {
  const parts = url.split(',').map((part) => part.trim())
  const schemes = parts.map((part) => /^([a-z]+):\/\//.exec(part)?.[1] ?? 'nats')
  if (schemes.some((scheme) => scheme !== 'nats' && scheme !== 'tls')) {
    throw wrongUrl(`"${schemes.find((scheme) => scheme !== 'nats' && scheme !== 'tls')}://"`)
  }
  return { servers: parts.map(parsePlace), tls: schemes.includes('tls') }
}

function parsePlace(part: string): ServerPlace {
  // Only special schemes of the URL standard keep their hosts; http has the same form.
  const parsed = URL.parse(`http://${part.replace(/^[a-z]+:\/\//, '')}`)
  if (!parsed || parsed.hostname === '') throw wrongUrl('a part without a host name')
  if (parsed.username !== '' || parsed.password !== '') throw wrongUrl('a user name or password')
  // http leaves out its own default port.
  const port = parsed.port === '' ? (/:80$/.test(part) ? 80 : DEFAULT_PORT) : Number(parsed.port)
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  return { host, port, address: `${parsed.hostname}:${port}` }
}

function wrongUrl(what: string): GopherQueueError {
  return new GopherQueueError('InvalidConfiguration', `the URL of the NATS server has ${what}`, {
    help: 'set GOPHERQUEUE_NATS_URL to nats://HOST:PORT or tls://HOST:PORT, several separated by commas',
  })
}

const Greeting = z.object({
  version: z.string().min(1).max(64),
  max_payload: z.int().min(0),
  headers: z.boolean().default(false),
  tls_required: z.boolean().default(false),
  tls_available: z.boolean().default(false),
})
export type Greeting = Readonly<z.infer<typeof Greeting>>

const MAX_GREETING_BYTES = 65_536

/**
 * The INFO line with which a server greets.
 * @throws Error with the end of a sentence that begins with "NATS at host:port", as all texts here
 */
export function readGreeting(
  place: ServerPlace,
  clock: Clock,
  withinMs: number,
  stop: AbortSignal,
): Promise<Greeting> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: place.host, port: place.port })
    let said = ''
    const end = (outcome: Greeting | Error) => {
      cancel()
      stop.removeEventListener('abort', left)
      socket.destroy()
      if (outcome instanceof Error) reject(outcome)
      else resolve(outcome)
    }
    const left = () => end(new Error('was left'))
    const cancel = clock.after(withinMs, () =>
      end(new Error(`does not greet within ${withinMs} ms`)),
    )
    stop.addEventListener('abort', left, { once: true })
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1')
      if (said.includes('\n') || said.length > MAX_GREETING_BYTES) end(parseGreeting(said))
    })
    socket.on('error', (error) => end(new Error(reasonOf(error), { cause: error })))
    socket.once('close', () => end(new Error('closes connections without a greeting')))
    if (stop.aborted) left()
  })
}

/** Never throws: what is no greeting is an error value. */
export function parseGreeting(said: string): Greeting | Error {
  const line = /^INFO\s+(\{.*\})\s*\r?\n/.exec(said)?.[1]
  if (line === undefined) return new Error('is not a NATS server: it greets with something else')
  try {
    const parsed = Greeting.safeParse(JSON.parse(line))
    if (parsed.success) return parsed.data
  } catch {
    // Told below.
  }
  return new Error('greets with an INFO that cannot be read')
}

/** Null: usable. Else the end of a sentence that begins with the server. */
export function refusalOf(
  greeting: Pick<Greeting, 'version' | 'headers' | 'max_payload'>,
): string | null {
  if (!isAtLeast(greeting.version, SERVER_FLOOR)) {
    const version = cleanText(greeting.version, 64)
    return `has version ${version}, GopherQueue needs ${SERVER_FLOOR} or newer: upgrade nats-server`
  }
  if (!greeting.headers) {
    return 'has headers switched off: remove no_header_support from its configuration'
  }
  if (greeting.max_payload < MESSAGE_LIMITS.workBytes) {
    return `takes messages of at most ${greeting.max_payload} bytes, GopherQueue needs ${MESSAGE_LIMITS.workBytes}: set max_payload: 1MB in its configuration`
  }
  return null
}

/** `2.11.0-beta.1` counts as 2.11.0; what is no version is older than any. */
export function isAtLeast(version: string, floor: string): boolean {
  const numbers = (text: string) => /^v?(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number)
  const have = numbers(version)
  const need = numbers(floor)
  if (!have || !need) return false
  for (let i = 0; i < 3; i++) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

/** A socket's error in words; Node's own texts repeat the address. */
export function reasonOf(error: Error & { readonly code?: string }): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'refuses connections'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'has a host name that nobody knows'
    case 'ETIMEDOUT':
      return 'does not answer'
    default:
      return `cannot be reached: ${cleanText(error.message, 200) || 'unknown error'}`
  }
}
