/**
 * Whatever a handler throws → one well-formed outcome (reliability B35, B36). JavaScript lets it throw
 * anything: null, a string, an object without a stack, an error with ten thousand causes, a Proxy
 * whose every property throws. None of it may reach a message, a log or the loop unbounded, and
 * nothing here throws.
 */
import { PATTERNS } from '../api/fields.ts'
import type { Outcome } from '../core/outcome.ts'
import { cleanLine, type Redact } from './text.ts'
import { type VerdictKind, verdictOf, wait } from './verdicts.ts'

/** Kept of an error text; the status holds the first 1,024 characters, the event the rest. */
export const MAX_MESSAGE = 4096
const MAX_CODE = 64
/** Causes and parts of an AggregateError that are told. */
const MAX_TOLD = 5

/** A snooze shorter than this would be a hot loop (job-model.md). */
const MIN_SNOOZE_MS = 1000

export function outcomeOfThrown(thrown: unknown, redact: Redact): Outcome {
  const kind = verdictOf(thrown)
  if (kind === 'snooze') {
    return { kind: 'snoozed', delayMs: Math.max(MIN_SNOOZE_MS, wait(read(thrown, 'delayMs'))) }
  }
  const permanent = kind === 'permanent'
  return {
    kind: 'failed',
    failure: {
      category: permanent ? 'Permanent' : 'Temporary',
      code: codeOf(thrown, kind),
      message: cleanLine(messageOf(thrown), MAX_MESSAGE, redact) || 'no message',
    },
    retryAfterMs: kind === 'retry-after' ? wait(read(thrown, 'delayMs')) : null,
  }
}

const DEFAULT_CODES: Readonly<Record<VerdictKind, string>> = {
  permanent: 'PermanentFailure',
  temporary: 'Temporary',
  'retry-after': 'RetryAfter',
  snooze: 'Snooze',
}

/** What a log line holds of a stack, about fifty frames. */
const MAX_STACK = 8192

export interface ToldError {
  readonly type: string
  readonly message: string
  /** With its line ends; '' = none. */
  readonly stack: string
}

/** The same for the log of the worker: with a stack, and as bounded and redacted (B36). */
export function toldOfThrown(thrown: unknown, redact: Redact): ToldError {
  const stack = read(thrown, 'stack')
  return {
    type: codeOf(thrown, verdictOf(thrown)),
    message: cleanLine(messageOf(thrown), MAX_MESSAGE, redact),
    stack:
      typeof stack === 'string' ? redact(stack.slice(0, 2 * MAX_STACK)).slice(0, MAX_STACK) : '',
  }
}

/** The error's own code (`ECONNREFUSED`), else its class (`TypeError`). */
function codeOf(thrown: unknown, kind: VerdictKind | null): string {
  const own = read(thrown, 'code')
  if (isCode(own)) return own
  if (kind) return DEFAULT_CODES[kind]
  if (!isObject(thrown)) return 'NotAnError'
  const name = read(thrown, 'name')
  return isCode(name) ? name : 'Error'
}

function isCode(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_CODE && PATTERNS.code.test(value)
}

/** Message, then what an AggregateError holds, then the chain of causes. */
function messageOf(thrown: unknown): string {
  const parts = [ownMessage(thrown), ...aggregated(thrown)]
  let cause = read(thrown, 'cause')
  for (let told = 0; told < MAX_TOLD && cause !== undefined && cause !== null; told++) {
    const text = ownMessage(cause)
    if (!parts.some((part) => part.includes(text))) parts.push(text)
    cause = read(cause, 'cause')
  }
  return parts.filter((part) => part !== '').join(': ')
}

function aggregated(thrown: unknown): readonly string[] {
  const errors = read(thrown, 'errors')
  const length = read(errors, 'length')
  if (typeof length !== 'number' || !(length > 0)) return []
  const told: string[] = []
  for (let i = 0; i < Math.min(length, MAX_TOLD); i++)
    told.push(ownMessage(read(errors, String(i))))
  const more = length - told.length
  return [`${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}`]
}

function ownMessage(thrown: unknown): string {
  if (!isObject(thrown)) return head(printed(thrown))
  const message = read(thrown, 'message')
  if (typeof message === 'string' && message !== '') return head(message)
  const name = read(thrown, 'name')
  if (typeof name === 'string' && name !== '') return head(name)
  // Its content is not printed: an object that is no error may hold anything, secrets too.
  return 'an object without a message was thrown'
}

/** Of null, undefined, a string, number, bigint, boolean or symbol. */
function printed(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value === '' ? 'an empty string was thrown' : value
    case 'undefined':
      return 'undefined was thrown'
    default:
      return value === null ? 'null was thrown' : String(value)
  }
}

/** Joining texts must not cost what they weigh. */
function head(text: string): string {
  return text.slice(0, 4 * MAX_MESSAGE + 1)
}

/** A property, whatever its getter does. */
function read(holder: unknown, key: string): unknown {
  if (!isObject(holder)) return undefined
  try {
    return Reflect.get(holder, key)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
