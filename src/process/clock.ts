/**
 * Real time and real randomness: the adapters behind `core/clock.ts`. With `process/logger.ts`'s time
 * stamps the only place that reads a clock or arms a timer.
 *
 * Two habits of Node's timers end here, so that nobody has to know them: a delay beyond 2^31 − 1 ms
 * fires at once (B5), and a timer may fire up to a millisecond before its time. A wait is therefore
 * cut into pieces that Node can count, and its end is judged on the monotonic clock: `after` may be
 * late, never early.
 */
import { randomBytes } from 'node:crypto'
import type { Cancel, Clock, MonoMs, Random, WallMs } from '../core/clock.ts'

/** The longest delay that Node counts; a longer one becomes 1 ms. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

class RealClock implements Clock {
  now(): WallMs {
    return Date.now()
  }

  monotonic(): MonoMs {
    return performance.now()
  }

  /** @throws RangeError for NaN: a wait that is no number is a bug, and firing at once a hot loop. */
  after(delayMs: number, fn: () => void): Cancel {
    if (Number.isNaN(delayMs)) throw new RangeError('a delay must be a number, is NaN')
    const due = this.monotonic() + Math.max(0, delayMs)
    let timer: NodeJS.Timeout
    const arm = (leftMs: number): void => {
      timer = setTimeout(step, Math.min(Math.max(1, Math.ceil(leftMs)), LONGEST_TIMEOUT_MS))
    }
    const step = (): void => {
      const leftMs = due - this.monotonic()
      if (leftMs > 0) arm(leftMs)
      else fn()
    }
    arm(delayMs)
    return () => clearTimeout(timer)
  }
}

class RealRandom implements Random {
  uniform(): number {
    return Math.random()
  }

  bytes(length: number): Uint8Array {
    return randomBytes(length)
  }
}

export const realClock: Clock = new RealClock()
export const realRandom: Random = new RealRandom()
