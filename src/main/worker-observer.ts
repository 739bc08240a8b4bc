/** What a worker tells of its work, as log lines and metrics. At info one attempt is two lines. */
import { describeError } from '../core/errors.ts'
import type { Outcome, WorkItem } from '../core/outcome.ts'
import type { LogFields, Logger, Metrics } from '../observability/ports.ts'
import type { WorkerObserver } from '../worker/ports.ts'

/** The keys of a job in logs (names.md). */
export function jobKeys(item: WorkItem): LogFields {
  return {
    namespace: item.namespace,
    job: item.name,
    uid: item.uid,
    queue: item.queue,
    type: item.type,
    epoch: item.epoch,
    attempt: item.attempt,
  }
}

export function workerObserver(logger: Logger, metrics: Metrics): WorkerObserver {
  return {
    started: (item) => logger.info('attempt started', jobKeys(item)),
    ended(item, outcome, durationMs, abandoned) {
      const { queue, type } = item
      const fields = { ...jobKeys(item), outcome: outcome.kind, durationMs: Math.round(durationMs) }
      logger.info('attempt ended', { ...fields, ...reasonOf(outcome) })
      if (abandoned) logger.warn('handler ignores its signal and still runs', jobKeys(item))
      metrics.count('gopherqueue_worker_attempts_total', { queue, type, outcome: outcome.kind })
      metrics.observe('gopherqueue_worker_attempt_seconds', durationMs / 1000, { queue })
    },
    refused(about, why) {
      const unreadable = why.startsWith('unreadable') || why === 'Unreadable'
      if (unreadable) metrics.count('gopherqueue_messages_rejected_total', { kind: 'work' })
      const fields = { why, ...(about ? { uid: about.uid, epoch: about.epoch } : {}) }
      if (unreadable) logger.warn('work message refused', fields)
      else logger.info('work message not started', fields)
    },
    unconfirmed({ uid, epoch }, failures) {
      // Once is a lost answer; more is an outage, told at 2, 4, 8 …
      const worthALine = failures > 1 && Number.isInteger(Math.log2(failures))
      if (worthALine) logger.warn('outcome not confirmed yet', { uid, epoch, failures })
    },
    lostContact: (silentMs) =>
      logger.error('no contact with NATS: handlers are aborted', {
        silentSeconds: Math.round(silentMs / 1000),
      }),
    outlivesGrace: (item, graceMs) =>
      logger.warn('attempts may outlive the grace period and would be handed back at a rollout', {
        type: item.type,
        attemptDeadlineSeconds: Math.ceil(item.timeoutMs / 1000),
        graceSeconds: graceMs / 1000,
        help: 'raise GOPHERQUEUE_GRACE_SECONDS and terminationGracePeriodSeconds, or let the handler obey its signal',
      }),
    defect: (error) => logger.error('worker defect', { err: describeError(error) }),
  }
}

function reasonOf(outcome: Outcome): LogFields {
  switch (outcome.kind) {
    case 'failed':
    case 'timed-out':
    case 'rejected':
      return { code: outcome.failure.code, err: outcome.failure.message }
    case 'snoozed':
      return { delayMs: outcome.delayMs }
    case 'succeeded':
    case 'cancelled':
    case 'handed-back':
      return {}
  }
}
