/** The gauges of the operator at the time of a scrape, read from what the rooms hold in memory. */
import { PHASES } from '../api/conditions.ts'
import type { WallMs } from '../core/clock.ts'
import { allShards } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
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
  readonly informer: { readonly tokens: number }
  readonly limits: { readonly maxObjects: number; readonly maxFinishedObjects: number }
  readonly retirement: {
    readonly archive: { readonly depth: number }
    readonly reaper: { readonly condemned: number; readonly pressure: object | null }
  }
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
  setBudget(sources, metrics)
  for (const counts of queues.values()) setQueue(counts, sources, metrics, now)
}

/** What the operator allows itself, and how much of it is used. */
function setBudget(sources: GaugeSources, metrics: Metrics): void {
  const { limits, informer, retirement, ledger } = sources
  const { archive, reaper } = retirement
  metrics.set('gopherqueue_limit_objects', limits.maxObjects, { limit: 'maxObjects' })
  metrics.set('gopherqueue_limit_objects', limits.maxFinishedObjects, {
    limit: 'maxFinishedObjects',
  })
  metrics.set('gopherqueue_objects_bytes', bytesOf(ledger.entries()))
  metrics.set('gopherqueue_information_tokens', informer.tokens)
  metrics.set('gopherqueue_history_depth', archive.depth)
  metrics.set('gopherqueue_retention_due_jobs', reaper.condemned)
  metrics.set('gopherqueue_retention_pressure', reaper.pressure ? 1 : 0)
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

/** Metadata, managed fields and what is written around a spec; seen on stored objects. */
const BARE_BYTES = 1_200
const sizes = new WeakMap<JobObject, number>()

/** An estimate: each version of a job is measured once. */
function bytesOf(entries: Iterable<{ readonly object: JobObject }>): number {
  let bytes = 0
  for (const { object } of entries) {
    let size = sizes.get(object)
    if (size === undefined) {
      size = sizeOf(object)
      sizes.set(object, size)
    }
    bytes += size
  }
  return bytes
}

function sizeOf({ spec, status, payload }: JobObject): number {
  const told = JSON.stringify(spec).length + JSON.stringify(status).length
  const carried =
    payload.kind === 'stored' ? payload.bytes : payload.kind === 'inline' ? payload.json.length : 0
  return BARE_BYTES + told + carried
}
