/** The gauges of the operator at the time of a scrape, read from what the rooms hold in memory. */
import type { WallMs } from '../core/clock.ts'
import { allShards } from '../core/ids.ts'
import { isWaiting } from '../core/job.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Queues } from '../ingestion/queues.ts'
import type { Metrics } from '../observability/ports.ts'
import type { StatusWriter } from '../persistence/writer.ts'
import type { Shards } from '../recovery/shards.ts'
import type { Workers } from '../recovery/workers.ts'

export interface GaugeSources {
  readonly shards: Shards
  readonly ledger: Ledger
  readonly queues: Queues
  readonly workers: Workers
  readonly writer: Pick<StatusWriter, 'depth' | 'quarantined'>
  readonly declared: { readonly depth: number }
  readonly actions: { readonly depth: number }
}

interface QueueCounts {
  readonly namespace: string
  readonly queue: string
  waiting: number
  running: number
  dead: number
  oldestMs: number
  workers: number
  slots: number
  free: number
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
  metrics.set('gopherqueue_reconcile_depth', sources.declared.depth, { controller: 'queue' })
  metrics.set('gopherqueue_reconcile_depth', sources.actions.depth, { controller: 'queueaction' })
  for (const counts of countQueues(sources, now)) setQueue(counts, metrics)
}

function setQueue(counts: QueueCounts, metrics: Metrics): void {
  const labels = { namespace: counts.namespace, queue: counts.queue }
  metrics.set('gopherqueue_queue_waiting_jobs', counts.waiting, labels)
  metrics.set('gopherqueue_queue_running_jobs', counts.running, labels)
  metrics.set('gopherqueue_queue_dead_lettered_jobs', counts.dead, labels)
  metrics.set('gopherqueue_queue_oldest_waiting_seconds', counts.oldestMs / 1000, labels)
  metrics.set('gopherqueue_queue_workers', counts.workers, labels)
  metrics.set('gopherqueue_queue_slots', counts.slots, labels)
  metrics.set('gopherqueue_queue_free_slots', counts.free, labels)
}

/** Every queue that exists, has jobs, or is served. */
function countQueues(
  { ledger, queues, workers }: GaugeSources,
  now: WallMs,
): Iterable<QueueCounts> {
  const found = new Map<string, QueueCounts>()
  const at = (namespace: string, queue: string): QueueCounts => {
    const key = `${namespace}/${queue}`
    const known = found.get(key)
    if (known) return known
    const none = { waiting: 0, running: 0, dead: 0, oldestMs: 0, workers: 0, slots: 0, free: 0 }
    const fresh: QueueCounts = { namespace, queue, ...none }
    found.set(key, fresh)
    return fresh
  }
  for (const queue of queues.all()) at(queue.namespace, queue.name)
  for (const { object, record, attempt } of ledger.entries()) {
    const counts = at(record.namespace, record.queue)
    if (attempt) counts.running += 1
    else if (isWaiting(object.status.phase)) {
      counts.waiting += 1
      counts.oldestMs = Math.max(counts.oldestMs, now - object.creationMs)
    } else if (object.status.phase === 'DeadLettered') counts.dead += 1
  }
  for (const { beat } of workers.live()) {
    for (const queue of beat.queues) at(beat.namespace, queue).workers += 1
  }
  for (const each of workers.classes()) {
    for (const queue of each.queues) {
      const counts = at(each.namespace, queue)
      counts.slots += each.slots
      counts.free += each.free
    }
  }
  return found.values()
}
