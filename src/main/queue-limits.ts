/**
 * Which limit holds a whole queue now, for the condition on the Queue: a full cluster first, then its own
 * `concurrency.max` and `rateLimit`. Asked once for each queue and round, so what cannot hold is told fast.
 */
import { sentence } from '../api/reasons.ts'
import type { Clock } from '../core/clock.ts'
import type { Ledger } from '../core/ledger.ts'
import { limitHold } from '../core/queue-hold.ts'
import type { QueueReporterOptions } from '../ingestion/queue-reporter.ts'
import type { Queues } from '../ingestion/queues.ts'
import type { Standing } from '../scheduler/ports.ts'

export interface QueueLimitOptions {
  readonly ledger: Pick<Ledger, 'size'>
  readonly queues: Pick<Queues, 'policy'>
  readonly clock: Clock
  readonly standing: Standing
  readonly maxObjects: number
}

export function queueLimit(options: QueueLimitOptions): QueueReporterOptions['limit'] {
  const { ledger, queues, clock, standing, maxObjects } = options
  return ({ namespace, name }, counts) => {
    if (ledger.size > maxObjects) {
      const slots = { objects: ledger.size, limit: maxObjects }
      return { reason: 'ClusterFull', message: sentence('ClusterFull', slots) }
    }
    const policy = queues.policy(namespace, name)
    if (policy.max === Number.POSITIVE_INFINITY && !policy.rate) return null
    return limitHold({
      queue: name,
      policy,
      running: standing.running(namespace, name),
      rateReadyAt: standing.rateReadyAt(namespace, name),
      waiting: counts.waiting,
      now: clock.now(),
    })
  }
}
