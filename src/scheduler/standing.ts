/** How the ready jobs stand, read from what the next cycle decides on. For whoever explains a wait. */
import type { Clock, WallMs } from '../core/clock.ts'
import type { JobRecord } from '../core/job.ts'
import type { QueuePolicy } from '../core/queue-policy.ts'
import { type Holder, MOST_AHEAD, type Standing, type TurnStanding } from './ports.ts'
import type { Rates } from './rates.ts'
import type { ReadyJobs } from './ready.ts'
import type { Usage } from './usage.ts'

export interface ReadyStandingOptions {
  readonly ready: ReadyJobs
  readonly rates: Pick<Rates, 'readyAt'>
  /** As it stands now. */
  readonly usage: () => Usage
  readonly policy: (namespace: string, queue: string) => QueuePolicy
  readonly clock: Clock
}

export class ReadyStanding implements Standing {
  readonly #options: ReadyStandingOptions

  constructor(options: ReadyStandingOptions) {
    this.#options = options
  }

  ahead({ uid, namespace, queue }: JobRecord): number {
    const { ready, clock, policy } = this.#options
    const job = ready.get(uid)
    if (!job) return 0
    const { agingMs } = policy(namespace, queue)
    let count = 0
    for (const strand of job.stream.strand.turn.strands) {
      count += strand.countBefore(job, clock.now(), agingMs, MOST_AHEAD - count)
    }
    return count
  }

  holders(namespace: string, queue: string, concurrencyKey?: string): readonly Holder[] {
    const holders = this.#options.usage().holders(namespace, queue, concurrencyKey)
    return holders.map(({ name, uid, concurrencyKey: key }) => ({ name, uid, concurrencyKey: key }))
  }

  running(namespace: string, queue: string): number {
    return this.#options.usage().holders(namespace, queue).length
  }

  rateReadyAt(namespace: string, queue: string): WallMs | 0 {
    const { rates, clock } = this.#options
    const wait = rates.readyAt(namespace, queue) - clock.monotonic()
    return wait > 0 ? clock.now() + Math.ceil(wait) : 0
  }

  turn(namespace: string, queue: string, fairnessKey: string): TurnStanding {
    const { ready, policy } = this.#options
    const weight = policy(namespace, queue).weights.get(fairnessKey) ?? 1
    const found = ready.queue(namespace, queue)
    if (!found) return { weight, others: 0, ahead: 0 }
    const { turns, keys } = found
    const others = keys.size - (keys.has(fairnessKey) ? 1 : 0)
    return { weight, others, ahead: turns.startsBefore(fairnessKey) }
  }
}
