/**
 * What follows the end of a watch or of a list. Pure. Every kind of end leads to another watch or
 * another list: nothing ends a reflector but its `stop` (typescript-notes.md, the informer's table).
 *
 * The first reconnect comes at once: a server ends healthy watches every few minutes, and each
 * second without a watch is a second of blindness. Only ends without progress in between back off.
 */
import { KubeError } from './errors.ts'

export type WatchEnd =
  /** The server closed after a complete line. */
  | { readonly kind: 'clean' }
  /** No byte for the inactivity time: a half-open connection, or a quiet resource. */
  | { readonly kind: 'silent' }
  /** Somebody asked for a fresh list, or the slow relist is due. */
  | { readonly kind: 'relist' }
  /** Not opened, or an ERROR event. `code` 0 = none given. */
  | { readonly kind: 'refused'; readonly code: number; readonly error: KubeError | null }
  | { readonly kind: 'lost'; readonly problem: string }
  /** The stream said something that is no watch event; nothing of it was applied. */
  | { readonly kind: 'garbled'; readonly problem: string }

export interface Next {
  readonly step: 'watch' | 'list'
  readonly delayMs: number
  /** Ends in a row without progress. */
  readonly failures: number
  /** For people; '' = nothing is wrong. */
  readonly problem: string
}

const FIRST_MS = 200
const LONGEST_MS = 30_000
/** After so many ends in a row the version is doubted, and everything is listed again. */
const DOUBT_AFTER = 3

/** @param roll uniform in [0, 1) */
export function backoff(failures: number, roll: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 10)) * (0.5 + roll / 2)
}

/**
 * @param progressed the watch brought a newer version, or stayed open for a while
 * @param failures ends in a row without progress, before this one
 */
export function afterWatch(
  end: WatchEnd,
  progressed: boolean,
  failures: number,
  roll: number,
): Next {
  const before = progressed ? 0 : failures
  const doubtful = before + 1 >= DOUBT_AFTER
  const delayMs = backoff(before, roll)
  switch (end.kind) {
    case 'relist':
      return { step: 'list', delayMs: 0, failures: 0, problem: '' }
    case 'clean':
    case 'silent':
      return { step: 'watch', delayMs, failures: before + 1, problem: '' }
    case 'refused': {
      const gone = end.code === 410 || end.code === 404
      const wait = Math.max(delayMs, end.error?.retryAfterMs ?? 0)
      const problem = end.code === 410 ? '' : problemOf(end.error, end.code)
      const step = gone || doubtful ? 'list' : 'watch'
      return { step, delayMs: wait, failures: before + 1, problem }
    }
    case 'lost':
    case 'garbled':
      return {
        step: doubtful ? 'list' : 'watch',
        delayMs,
        failures: before + 1,
        problem: end.problem,
      }
  }
}

/** After a list that did not complete. What was told before stays told. */
export function afterList(error: unknown, failures: number, roll: number): Next {
  const known = error instanceof KubeError ? error : null
  const delayMs = Math.max(backoff(failures, roll), known?.retryAfterMs ?? 0)
  const problem = known?.status === 410 ? '' : problemOf(known, known?.status ?? 0, error)
  return { step: 'list', delayMs, failures: failures + 1, problem }
}

/** One clear line for readiness. */
function problemOf(error: KubeError | null, code: number, raw?: unknown): string {
  if (code === 403) return `not allowed: ${error?.message ?? ''} (grant get, list and watch)`
  if (code === 404) return `unknown to the API server: ${error?.message ?? ''} (install the CRDs)`
  if (code === 401) return `credentials are refused: ${error?.message ?? ''}`
  if (error) return error.message
  if (raw instanceof Error) return raw.message
  return code === 0 ? 'an error event without a code' : `an error event with code ${code}`
}
