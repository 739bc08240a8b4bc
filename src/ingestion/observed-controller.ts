/** A controller over objects by key, as every reconciler of ingestion has one: counted, timed, logged. */
import type { Clock, Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import { Controller, type Reconciled } from '../runtime/controller.ts'

export interface ObservedControllerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
}

/** @param controller value of the label `controller`, and key of the log line */
export function observedController(
  { clock, random, logger, metrics }: ObservedControllerOptions,
  controller: string,
  workers: number,
  reconcile: (key: string, signal: AbortSignal) => Promise<Reconciled>,
): Controller<string> {
  return new Controller<string>({
    clock,
    random,
    workers,
    reconcile,
    observe(_key, result, tookMs) {
      metrics.count('gopherqueue_reconciles_total', { controller, result })
      metrics.observe('gopherqueue_reconcile_seconds', tookMs / 1000, { controller })
    },
    failed: (key, error) =>
      logger.warn('a look at an object failed', { controller, key, err: describeError(error) }),
  })
}
