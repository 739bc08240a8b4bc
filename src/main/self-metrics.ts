/**
 * What a process measures of itself, whatever it does: how late its event loop is, lines of log that
 * nobody read, changes of its configuration. These begin before a program has its registry, so they
 * are kept here until `attach` says where they go.
 */
import type { Clock } from '../core/clock.ts'
import type { MetricsRegistry } from '../http/metrics.ts'
import type { Labels, Metrics } from '../observability/ports.ts'
import type { ProcessLogger } from '../process/logger.ts'
import { LoopLag } from '../runtime/loop-lag.ts'
import type { Service } from '../runtime/service.ts'

export interface SelfMetrics extends Service {
  /** Once, by the program that owns the registry. */
  attach(registry: MetricsRegistry): void
  /** For parts that are older than the registry; nothing is counted before `attach`. */
  readonly metrics: Metrics
}

export function selfMetrics(clock: Clock, logger: ProcessLogger): SelfMetrics {
  let registry: MetricsRegistry | null = null
  let told = 0
  const lag = new LoopLag({
    clock,
    observe: (lagMs) => registry?.observe('gopherqueue_event_loop_lag_seconds', lagMs / 1000),
  })
  return {
    start: () => lag.start(),
    stop: () => lag.stop(),
    attach(owned) {
      registry = owned
      owned.onScrape((metrics) => {
        metrics.count('gopherqueue_log_lines_dropped_total', {}, logger.dropped - told)
        told = logger.dropped
      })
    },
    metrics: {
      count: (name: string, labels?: Labels, by?: number) => registry?.count(name, labels, by),
      set: (name: string, value: number, labels?: Labels) => registry?.set(name, value, labels),
      observe: (name: string, seconds: number, labels?: Labels) =>
        registry?.observe(name, seconds, labels),
    },
  }
}
