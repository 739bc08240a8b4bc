/** Exit codes of operator, worker and standalone (names.md), and which error ends with which. */
import { GopherQueueError } from '../core/errors.ts'
import { SERVICE_STOPPED } from '../runtime/service.ts'

export const EXIT = {
  stopped: 0,
  failed: 1,
  /** Usage or configuration: somebody must change a flag, a variable or a file. */
  usage: 64,
  /** With `--no-wait`: Kubernetes or NATS did not answer. */
  unavailable: 69,
} as const

const CODES: Readonly<Record<string, number>> = {
  [SERVICE_STOPPED]: EXIT.stopped,
  FileTooLarge: EXIT.usage,
  FileUnreadable: EXIT.usage,
  InvalidConfiguration: EXIT.usage,
  InvalidHandlers: EXIT.usage,
  InvalidKey: EXIT.usage,
  NatsUnreachable: EXIT.unavailable,
  Unavailable: EXIT.unavailable,
}

export function exitCodeOf(error: unknown): number {
  return (error instanceof GopherQueueError ? CODES[error.code] : undefined) ?? EXIT.failed
}
