/**
 * What an API server's answer means (reliability.md section 10), as one error class.
 *
 * Two questions decide everything a caller does next: is it *known* that nothing happened
 * (`outcomeKnown`), and when to come back (`retryAfterMs`). A refused request that was never sent, and
 * every 4xx, is known; a timeout, a reset and a 5xx are not: the write may have happened.
 *
 * No text of the answer to a PATCH is kept when the server refused its content: a strict 422 quotes
 * the whole object, payload included (api-on-the-server.md section 3). Field paths and reasons stay.
 */
import { z } from 'zod'
import { GopherQueueError } from '../core/errors.ts'

export interface FieldProblem {
  /** Path of the field, as the server names it. */
  readonly field: string
  /** Machine word, such as `FieldValueInvalid`. */
  readonly reason: string
}

export interface KubeErrorFields {
  /** HTTP status; 0 = no answer. */
  readonly status: number
  /**
   * `Status.reason` of the server, or one of ours: Unreachable, Closed, Lost, Timeout, BadAnswer,
   * AnswerTooLong.
   */
  readonly reason: string
  readonly message: string
  /** From `Retry-After`; 0 = the server named none. */
  readonly retryAfterMs: number
  /** True: the call certainly changed nothing. */
  readonly outcomeKnown: boolean
  readonly fields?: readonly FieldProblem[]
  /** The 404 or 409 is about the object itself, not about an unknown path. */
  readonly aboutObject?: boolean
  readonly cause?: unknown
}

export class KubeError extends GopherQueueError {
  override readonly name = 'KubeError'
  readonly status: number
  readonly reason: string
  readonly retryAfterMs: number
  readonly outcomeKnown: boolean
  readonly fields: readonly FieldProblem[]
  readonly aboutObject: boolean

  constructor(fields: KubeErrorFields) {
    super(`Kube${fields.reason}`, fields.message, { cause: fields.cause })
    this.status = fields.status
    this.reason = fields.reason
    this.retryAfterMs = fields.retryAfterMs
    this.outcomeKnown = fields.outcomeKnown
    this.fields = fields.fields ?? []
    this.aboutObject = fields.aboutObject ?? false
  }
}

const KubeStatus = z.object({
  code: z.number().optional().catch(undefined),
  reason: z.string().max(128).optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  details: z
    .object({
      name: z.string().optional().catch(undefined),
      kind: z.string().optional().catch(undefined),
      retryAfterSeconds: z.number().optional().catch(undefined),
      causes: z
        .array(
          z.object({
            field: z.string().max(512).default(''),
            reason: z.string().max(128).default(''),
          }),
        )
        .max(1_000)
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
})
type KubeStatus = z.infer<typeof KubeStatus>

/** What was asked, as far as an error text needs it. */
export interface Asked {
  readonly verb: string
  readonly path: string
}

/** Answers whose text speaks of rights, load or versions and never quotes an object. */
const QUOTES_NOTHING: ReadonlySet<number> = new Set([401, 403, 404, 409, 410, 429, 503, 504])

/** A 500 of etcd or of its gRPC client about size: repeating unchanged is pointless (#74600). */
const TOO_LARGE = /request is too large|message larger than max/

/** The error of an answer whose status is not a success. `body` may be anything. */
export function errorOfAnswer(
  asked: Asked,
  status: number,
  retryAfter: string,
  body: unknown,
): KubeError {
  const parsed = KubeStatus.safeParse(body)
  const said: KubeStatus = parsed.success ? parsed.data : {}
  const tooLarge = status === 413 || (status === 500 && TOO_LARGE.test(said.message ?? ''))
  const fields = (said.details?.causes ?? []).slice(0, 8)
  return new KubeError({
    status,
    reason: tooLarge ? 'RequestEntityTooLarge' : reasonOf(said, status),
    message: `${asked.verb} ${asked.path}: ${status} ${textOf(asked, status, said, fields, tooLarge)}`,
    retryAfterMs: retryAfterMs(retryAfter, said.details?.retryAfterSeconds),
    outcomeKnown: tooLarge || (status >= 400 && status < 500 && status !== 408),
    fields,
    aboutObject: (said.details?.name ?? '') !== '' && (said.details?.kind ?? '') !== '',
  })
}

function textOf(
  asked: Asked,
  status: number,
  said: KubeStatus,
  fields: readonly FieldProblem[],
  tooLarge: boolean,
): string {
  if (tooLarge) return 'the object is too large for the API server'
  const creating = asked.verb === 'POST' || asked.verb === 'GET' || asked.verb === 'DELETE'
  if (said.message && (creating || QUOTES_NOTHING.has(status))) return plain(said.message)
  const named = fields.map(({ field, reason }) => `${plain(field, 128)} (${plain(reason, 64)})`)
  return named.length > 0 ? named.join(', ') : reasonOf(said, status)
}

function reasonOf(said: KubeStatus, status: number): string {
  if (said.reason && /^[A-Z][A-Za-z]{0,63}$/.test(said.reason)) return said.reason
  return status >= 500 ? 'InternalError' : 'Refused'
}

const MAX_RETRY_AFTER_MS = 300_000

/** Seconds, as Kubernetes sends it; a date (which it never sends) counts as none. */
function retryAfterMs(header: string, inBody: number | undefined): number {
  const seconds = Number(header) || inBody || 0
  return seconds > 0 ? Math.min(MAX_RETRY_AFTER_MS, seconds * 1000) : 0
}

/** One line of at most `max` characters. */
export function plain(text: string, max = 1024): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').slice(0, max)
}

/** Codes of Node and undici that are raised before a byte of the request left. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_NOT_YET_VALID',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** The error of a call that got no answer. */
export function errorOfSilence(asked: Asked, cause: unknown, timedOut: boolean): KubeError {
  if (cause instanceof KubeError) return cause
  const code = codeOf(cause)
  const unsent = NEVER_SENT.has(code)
  const reason = timedOut ? 'Timeout' : unsent ? 'Unreachable' : 'Lost'
  const what = timedOut ? 'no answer within the deadline' : code || 'the connection was lost'
  return new KubeError({
    status: 0,
    reason,
    message: `${asked.verb} ${asked.path}: ${what}`,
    retryAfterMs: 0,
    outcomeKnown: unsent && !timedOut,
    cause,
  })
}

/** A call that this process did not even try. */
export function neverSent(asked: Asked, reason: 'Closed', what: string): KubeError {
  return new KubeError({
    status: 0,
    reason,
    message: `${asked.verb} ${asked.path}: ${what}`,
    retryAfterMs: 0,
    outcomeKnown: true,
  })
}

function codeOf(cause: unknown): string {
  if (typeof cause !== 'object' || cause === null) return ''
  const { code } = cause as { code?: unknown }
  if (typeof code === 'string') return code
  const { errors } = cause as { errors?: unknown }
  return Array.isArray(errors) ? codeOf(errors[0]) : ''
}

/** An answer that is not what the API promises: too long, not JSON, of another shape. */
export function badAnswer(
  asked: Asked,
  what: string,
  reason: 'BadAnswer' | 'AnswerTooLong' = 'BadAnswer',
): KubeError {
  return new KubeError({
    status: 0,
    reason,
    message: `${asked.verb} ${asked.path}: ${what}`,
    retryAfterMs: 0,
    outcomeKnown: false,
  })
}
