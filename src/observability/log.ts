/**
 * What a log line may hold. The text of a line is a constant; everything that varies is a field under
 * a key of `LOG_KEYS`, so that lines can be counted, filtered and joined by machines.
 *
 * Promises for every value, wherever it came from (B16, B36, T14):
 * - bounded: a text keeps 256 characters, an error 1,024, a line at most 32 fields;
 * - one printable line: control characters, line ends, terminal escapes, direction marks and halves of
 *   surrogate pairs are shown as `\n` or `\u001b`, so a reader who prints the decoded value is safe;
 * - no secret that can be told by its shape (tokens, private keys, passwords in addresses), and none
 *   under a key that names one. Payloads and results never belong into a field at all.
 *
 * Cutting comes before looking, so a message of 10 MB costs as much as one of 8 KiB. Pure;
 * `process/logger.ts` writes what comes out.
 */
import type { LogFields, LogLevel } from './ports.ts'

/** Every key that the system's own lines use (names.md, "Log keys"). */
export const LOG_KEYS = [
  'time',
  'level',
  'msg',
  'logger',
  'namespace',
  'job',
  'uid',
  'queue',
  'type',
  'epoch',
  'attempt',
  'worker',
  'shard',
  'term',
  'code',
  'err',
  'trace_id',
  'span_id',
] as const

/** Set by the logger itself; a field of that name is written with a trailing underscore. */
const OWN_KEYS: ReadonlySet<string> = new Set(['time', 'level', 'msg'])

export const MAX_TEXT = 256
export const MAX_ERROR = 1024
const MAX_FIELDS = 32
/** Looked at before the cut: a secret may be longer than what is kept of a text. */
const MAX_SCANNED = 8192

export type LogThreshold = LogLevel | 'trace' | 'silent'

const RANK: Readonly<Record<LogThreshold, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  silent: 100,
}

export function isLogged(level: LogLevel, threshold: LogThreshold): boolean {
  return RANK[level] >= RANK[threshold]
}

const REDACTED = '[redacted]'

const SECRET_KEY =
  /pass(word|wd|phrase)?$|secret|token|authorization|cookie|nonce|payload|seed$|jwt/i

/** Bounded repetitions only: each pattern is linear in the text. */
const SECRET_SHAPES: readonly (readonly [RegExp, string])[] = [
  // A JSON Web Token, whole or cut.
  [/\beyJ[\w-]{10,}(?:\.[\w-]{0,8192}){0,2}/g, REDACTED],
  [/-----BEGIN [A-Z ]{0,40}KEY-----[^-]{0,8192}(?:-----END [A-Z ]{0,40}KEY-----)?/g, REDACTED],
  [/\b(Bearer|bearer|Basic) +[\w.~+/=-]{16,}/g, `$1 ${REDACTED}`],
  // nats://user:password@host
  [/\b([a-z][a-z0-9+.-]{0,15}:\/\/)[^\s/@]{1,1024}@/gi, `$1${REDACTED}@`],
  // NATS seeds
  [/\bS[A-Z][A-Z2-7]{56}\b/g, REDACTED],
  // password=…, "token": "…"
  [
    /((?:password|passwd|secret|token|api[_-]?key)(?:=|["'] {0,3}[:=] {0,3})["']?)[^\s"',;&]{1,1024}/gi,
    `$1${REDACTED}`,
  ],
]

export function redact(text: string): string {
  return SECRET_SHAPES.reduce((left, [shape, instead]) => left.replace(shape, instead), text)
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One printable line. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0
    const hex = code.toString(16).padStart(4, '0')
    return SHORT_ESCAPES[char] ?? (hex.length > 4 ? `\\u{${hex}}` : `\\u${hex}`)
  })
}

/** A text as it may stand in a log, an Event, an answer of `/readyz`. */
export function safeText(text: string, max: number = MAX_TEXT): string {
  const shown = escapeControls(redact(text.slice(0, MAX_SCANNED)))
  if (shown.length <= max) return shown
  // Half of a pair at the cut would be a control of its own.
  return `${shown.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

function safeValue(key: string, value: string | number | boolean): string | number | boolean {
  if (SECRET_KEY.test(key)) return REDACTED
  if (typeof value === 'string') return safeText(value, key === 'err' ? MAX_ERROR : MAX_TEXT)
  // JSON has no NaN and no Infinity, and pino would write null.
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

export type LogRecord = Readonly<Record<string, string | number | boolean>>

/** Fields as they are written. Keys are data: none of them, `__proto__` included, does anything. */
export function logRecord(fields: LogFields): LogRecord {
  const entries = Object.entries(fields)
    .slice(0, MAX_FIELDS)
    .flatMap(([key, value]): [string, string | number | boolean][] => {
      if (value === undefined) return []
      const name = safeText(key, 64)
      return [[OWN_KEYS.has(name) ? `${name}_` : name, safeValue(key, value)]]
    })
  return Object.fromEntries(entries)
}

/** Colours of the terminal by level; everything else on the line is printable text. */
const COLOUR: Readonly<Record<string, string>> = {
  debug: '\u001b[90m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
}

/** A JSON line for eyes: `12:03:04.123 INFO  scheduler: job started job=a queue=default`. */
export function prettyLine(json: string, colours: boolean): string {
  const { time, level, msg, logger, ...fields } = JSON.parse(json) as Record<string, unknown>
  const name = String(level).toUpperCase().padEnd(5)
  const shown = colours ? `${COLOUR[String(level)] ?? ''}${name}\u001b[0m` : name
  const said = Object.entries(fields).map(([key, value]) => {
    const text = String(value)
    return `${key}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`
  })
  const speaker = logger === undefined ? '' : `${logger}: `
  return [String(time).slice(11, 23), shown, `${speaker}${msg}`, ...said].join(' ')
}
