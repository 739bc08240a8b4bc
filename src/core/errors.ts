/**
 * Errors with a stable code. The code is a reason of `api/reasons.ts` or one of the transport codes
 * below; it is metric label, log key and condition reason at once, and tests match on it, never on
 * the text.
 */

/** How an adapter's failure is to be taken (style.md: three classes). */
export type FailureClass =
  /** A human or another version must act; repeating unchanged is pointless. */
  | 'terminal'
  /** The answer is known and says "not now"; come back after `retryAfterMs`. */
  | 'waiting'
  /** Nothing is known; back off and look again. */
  | 'transient'

export class GopherQueueError extends Error {
  override readonly name: string = 'GopherQueueError'
  readonly code: string
  /** What would allow it: a command or a line of configuration, or an empty string. */
  readonly help: string

  constructor(code: string, message: string, options: { cause?: unknown; help?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.help = options.help ?? ''
  }
}

/** One line for a person: message, cause's message where it adds something, help. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const parts = [error.message]
  if (error.cause instanceof Error && !error.message.includes(error.cause.message)) {
    parts.push(error.cause.message)
  }
  if (error instanceof GopherQueueError && error.help) parts.push(error.help)
  return parts.join(': ')
}
