/** The gauges of the operator at the time of a scrape, read from what the rooms hold in memory. */
import { PHASES } from '../api/conditions.ts'
import type { WallMs } from '../core/clock.ts'
import { allShards } from '../core/ids.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Counted, QueueCounts } from '../core/queue-counts.ts'
import type { Queues } from '../ingestion/queues.ts'
import type { Metrics } from '../observability/ports.ts'
import type { StatusWriter } from '../persistence/writer.ts'
import type { Shards } from '../recovery/shards.ts'

export interface GaugeSources {
  readonly shards: Shards
  readonly ledger: Ledger
  readonly queues: Queues
  readonly count: () => Counted
  readonly writer: Pick<StatusWriter, 'depth' | 'quarantined'>
  readonly reporter: { readonly depth: number }
  readonly schedules: { readonly depth: number }
  readonly actions: { readonly depth: number; readonly targetsLeft: number }
}

export function scrapeGauges(sources: GaugeSources, metrics: Metrics, now: WallMs): void {
  const { shards, ledger, writer } = sources
  for (const shard of allShards) {
    const labels = { shard: String(shard) }
    metrics.set('gopherqueue_shard_leading', shards.leads(shard) ? 1 : 0, labels)
    metrics.set('gopherqueue_shard_term', shards.get(shard)?.record.term ?? 0, labels)
  }
  metrics.set('gopherqueue_ledger_jobs', ledger.size)
  metrics.set('gopherqueue_ledger_open_attempts', [...ledger.open()].length)
  metrics.set('gopherqueue_status_writer_depth', writer.depth)
  metrics.set('gopherqueue_status_writer_quarantined', writer.quarantined)
  metrics.set('gopherqueue_reconcile_depth', sources.reporter.depth, { controller: 'queue' })
  metrics.set('gopherqueue_reconcile_depth', sources.schedules.depth, {
    controller: 'queueschedule',
  })
  metrics.set('gopherqueue_reconcile_depth', sources.actions.depth, { controller: 'queueaction' })
  metrics.set('gopherqueue_action_targets_left', sources.actions.targetsLeft)
  const { queues, phases } = sources.count()
  for (const phase of PHASES) {
    metrics.set('gopherqueue_objects', phases.get(phase) ?? 0, { phase })
  }
  for (const counts of queues.values()) setQueue(counts, sources, metrics, now)
}

function setQueue(
  counts: QueueCounts,
  { queues }: GaugeSources,
  metrics: Metrics,
  now: WallMs,
): void {
  const { namespace, queue, oldest } = counts
  const labels = { namespace, queue }
  const waited = oldest === Number.POSITIVE_INFINITY ? 0 : Math.max(0, now - oldest)
  const objective = queues.get(namespace, queue)?.spec.waitObjectiveSeconds
  if (objective !== undefined) {
    metrics.set('gopherqueue_queue_wait_objective_seconds', objective, labels)
  }
  metrics.set('gopherqueue_queue_waiting_jobs', counts.waiting, labels)
  metrics.set('gopherqueue_queue_running_jobs', counts.running, labels)
  metrics.set('gopherqueue_queue_dead_lettered_jobs', counts.dead, labels)
  metrics.set('gopherqueue_queue_oldest_waiting_seconds', waited / 1000, labels)
  metrics.set('gopherqueue_queue_workers', counts.workers, labels)
  metrics.set('gopherqueue_queue_slots', counts.slots, labels)
  metrics.set('gopherqueue_queue_free_slots', counts.free, labels)
}
