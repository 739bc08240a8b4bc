/**
 * How `gq` ends (names.md, "Exit codes"), and what it says when something went wrong: who, what, why,
 * and the command or line that would allow it. Everything that is thrown ends here.
 *
 *   0 done · 1 a job or target failed · 2 timed out · 3 cancelled or discarded · 4 not found ·
 *   64 usage · 69 unreachable · 77 forbidden · 130 interrupted by the user
 */
import { isReason, REASONS } from '../api/reasons.ts'
import { ApiError } from '../client/errors.ts'
import { GopherQueueError } from '../core/errors.ts'
import { escapeControls } from '../observability/log.ts'

export const EXIT = {
  done: 0,
  failed: 1,
  timedOut: 2,
  cancelled: 3,
  notFound: 4,
  usage: 64,
  unreachable: 69,
  forbidden: 77,
  interrupted: 130,
} as const

/** The words of the command are not what it takes. */
export class UsageError extends GopherQueueError {
  override readonly name = 'UsageError'

  constructor(message: string, help = '') {
    super('Usage', message, { help })
  }
}

/** Ctrl-C, or SIGTERM: the reason of the signal that everything waits under. */
export class Interrupted extends GopherQueueError {
  override readonly name = 'Interrupted'

  constructor() {
    super('Interrupted', 'interrupted')
  }
}

/** Whoever read standard output has gone (`gq list | head`). Nothing is wrong. */
export class OutputClosed extends GopherQueueError {
  override readonly name = 'OutputClosed'

  constructor() {
    super('OutputClosed', 'standard output was closed')
  }
}

export class NotFound extends GopherQueueError {
  override readonly name = 'NotFound'

  constructor(message: string, help: string) {
    super('TargetNotFound', message, { help })
  }
}

const CODES: Readonly<Record<string, number>> = {
  Usage: EXIT.usage,
  InvalidSpec: EXIT.usage,
  InvalidDefinition: EXIT.usage,
  InvalidPayload: EXIT.usage,
  PayloadTooLarge: EXIT.usage,
  AlreadyExists: EXIT.usage,
  KubeconfigMissing: EXIT.usage,
  KubeconfigInvalid: EXIT.usage,
  FileUnreadable: EXIT.usage,
  FileTooLarge: EXIT.usage,
  Interrupted: EXIT.interrupted,
  OutputClosed: EXIT.done,
  WaitTimeout: EXIT.timedOut,
  ActionUnfinished: EXIT.timedOut,
  NamespaceNotFound: EXIT.notFound,
  TargetNotFound: EXIT.notFound,
  Forbidden: EXIT.forbidden,
  Unauthorized: EXIT.forbidden,
  NotInstalled: EXIT.unreachable,
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof GopherQueueError)) return EXIT.failed
  const known = CODES[error.code]
  if (known !== undefined) return known
  if (error instanceof ApiError && error.failure !== 'terminal') return EXIT.unreachable
  return isReason(error.code) ? REASONS[error.code].exitCode : EXIT.failed
}

/** Where whoever threw it could not know that a command line is in front of it. */
const HELP: Readonly<Record<string, string>> = {
  KubeconfigMissing: 'name a file with --kubeconfig FILE, or set KUBECONFIG',
  KubeconfigInvalid: 'see it as kubectl does: kubectl config view',
}

const MAX_COMPLAINT = 4_096

/** Lines for standard error; '' where there is nothing to say. */
export function complaint(error: unknown): string {
  if (error instanceof OutputClosed) return ''
  if (!(error instanceof GopherQueueError)) {
    return `gq: ${shown(error instanceof Error ? error.message : String(error))}\n`
  }
  const lines = [`gq: ${shown(error.message)}`]
  const help = error.help || (HELP[error.code] ?? '')
  if (help !== '') lines.push(`    ${shown(help)}`)
  return `${lines.join('\n')}\n`
}

function shown(text: string): string {
  return escapeControls(text.slice(0, MAX_COMPLAINT))
}
