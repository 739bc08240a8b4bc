/**
 * Time and randomness, as ports. Nothing outside `process/` reads a clock, arms a timer or draws a
 * random number by itself: decisions take time as an argument, services take these ports, and tests
 * drive both from a virtual clock (`core/virtual-clock.ts`).
 */

/** Milliseconds since the Unix epoch. For display, schedules and creation times; may step. */
export type WallMs = number

/** Milliseconds on a clock that never steps. Leases and deadlines are judged on this one only. */
export type MonoMs = number

/** Calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void

export interface Clock {
  now(): WallMs
  monotonic(): MonoMs
  /**
   * Runs `fn` once, `delayMs` from now (negative counts as 0). Any length is allowed: the adapter
   * splits waits beyond 2^31 − 1 ms, which Node would otherwise fire at once.
   */
  after(delayMs: number, fn: () => void): Cancel
}

export interface Random {
  /** Uniform in [0, 1). For jitter, never for secrets. */
  uniform(): number
  /** Unpredictable bytes. For salts, boot ids and nonces of a process. */
  bytes(length: number): Uint8Array
}

/** Resolves after `delayMs`, or at once (without throwing) when the signal is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const cancel = clock.after(delayMs, done)
    function done(): void {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** RFC 3339 in UTC with second grain, as Kubernetes writes `Time`. */
export function rfc3339(ms: WallMs): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** Added before `rfc3339` cuts: a time that is written so is never before the one that is meant. */
export const SECOND_GRAIN = 999

/**
 * RFC 3339 with exactly six fraction digits, as Kubernetes demands for `MicroTime` (Lease times):
 * three digits, what `toISOString` gives, are refused with 400.
 */
export function rfc3339Micro(ms: WallMs): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}
