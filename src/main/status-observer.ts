/**
 * What the outside hears of jobs: for each status that was written, metrics, one log line and, where
 * the table of reasons asks for one, an Event. At info a job tells its story in few lines: started (if
 * it ran for a second), retried, ended.
 */
import type { QueueJobStatus } from '../api/queuejob.ts'
import type { JobKey, WorkerId } from '../core/ids.ts'
import { isTerminal, type JobObject } from '../core/job.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Note } from '../core/outcome.ts'
import type { UnreadableObject } from '../core/resources.ts'
import { unreadableNote } from '../ingestion/validate.ts'
import { eventOf } from '../observability/events.ts'
import type { EventSink, LogFields, Logger, Metrics } from '../observability/ports.ts'
import type { FactSink, WriteAnswer, WriteObserver } from '../persistence/ports.ts'

export interface StatusObserverOptions {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly events: EventSink
  readonly ledger: Ledger
  /** A terminal status is in etcd. */
  readonly ended: (object: JobObject) => void
}

type Change = Parameters<WriteObserver['wrote']>[0]

export class StatusObserver implements WriteObserver {
  readonly #options: StatusObserverOptions

  constructor(options: StatusObserverOptions) {
    this.#options = options
  }

  wrote(change: Change): void {
    const { metrics } = this.#options
    const { object, before, tookMs } = change
    const informs = object.status.epoch === before.epoch && object.status.phase === before.phase
    metrics.count('gopherqueue_status_writes_total', {
      kind: informs ? 'information' : 'protocol',
      result: 'written',
    })
    metrics.observe('gopherqueue_status_write_seconds', tookMs / 1000)
    this.#attemptEnded(change)
    if (object.status.phase === before.phase && object.status.reason === before.reason) return
    if (isTerminal(object.status.phase)) {
      this.#finished(object)
      this.#options.ended(object)
    }
    this.#log(object)
    const note = eventOf(change)
    if (note) this.#options.events.emit(note)
  }

  troubled(key: JobKey, kind: WriteAnswer['kind'], detail: string): void {
    const { metrics, logger } = this.#options
    metrics.count('gopherqueue_status_writes_total', { kind: 'protocol', result: kind })
    if (kind === 'conflict' || kind === 'gone') return
    logger.warn('a status was not written', {
      namespace: key.namespace,
      job: key.name,
      answer: kind,
      err: detail,
    })
  }

  /** The handler's own words, from the information budget; the ledger knows whether they count. */
  progress(note: Note, sink: Pick<FactSink, 'inform'>): void {
    const attempt = this.#options.ledger.get(note.uid)?.attempt
    if (attempt?.epoch !== note.epoch || attempt.reported) return
    if (attempt.owner && attempt.owner.worker !== note.owner.worker) return
    const { epoch, percent, message } = note
    sink.inform(note.uid, { kind: 'progress', epoch, percent, message })
  }

  /** A heartbeat or a note of progress that cannot be read; its sender is named. */
  rejected(
    sender: { namespace: string; worker: WorkerId },
    problem: string,
    kind: 'beat' | 'note',
  ): void {
    this.#options.metrics.count('gopherqueue_messages_rejected_total', { kind })
    this.#options.logger.warn('a message of a worker was not understood', {
      ...sender,
      kind,
      err: problem,
    })
  }

  unreadable(
    object: UnreadableObject,
    kind: 'QueueJob' | 'Queue' | 'QueueAction' | 'QueueSchedule',
  ) {
    const { metrics, logger, events } = this.#options
    metrics.count('gopherqueue_objects_unreadable_total', { kind })
    logger.warn('an object cannot be read', {
      kind,
      namespace: object.namespace,
      name: object.name,
      uid: object.uid,
      code: 'InvalidSpec',
      err: object.problem,
    })
    const { namespace, name, uid } = object
    events.emit({
      kind,
      regarding: { namespace, name, uid },
      reason: 'InvalidSpec',
      action: 'Read',
      note: unreadableNote(object).message,
    })
  }

  #finished({ status, spec, namespace }: JobObject): void {
    this.#options.metrics.count('gopherqueue_jobs_finished_total', {
      namespace,
      queue: spec.queue,
      phase: status.phase,
      reason: status.reason ?? '',
    })
  }

  /** A write that closes an attempt says how it ended and how long it ran. */
  #attemptEnded({ object, before }: Change): void {
    const { status, spec, namespace } = object
    if (status.phase === 'Running' || status.startTime === undefined) return
    if (before.phase !== 'Running' && !tellsOfAnother(status, before)) return
    const reason =
      status.phase === 'Completed' ? 'Completed' : (status.error?.code ?? status.reason ?? '')
    this.#options.metrics.count('gopherqueue_attempts_ended_total', {
      namespace,
      type: spec.type,
      reason,
    })
  }

  #log(object: JobObject): void {
    const { status, spec } = object
    const fields: LogFields = {
      namespace: object.namespace,
      job: object.name,
      uid: object.uid,
      queue: spec.queue,
      type: spec.type,
      ...(status.epoch === undefined ? {} : { epoch: status.epoch }),
      ...(status.attempt === undefined ? {} : { attempt: status.attempt }),
      ...(status.worker?.podUID === undefined ? {} : { worker: status.worker.podUID }),
      code: status.reason ?? status.phase,
    }
    const { logger } = this.#options
    if (isTerminal(status.phase)) logger.info('a job has ended', fields)
    else if (status.phase === 'Running') logger.info('a job has started', fields)
    else logger.info('a job waits', fields)
  }
}

/** A start that was never written as Running ended. Replays and cancels raise the epoch without one. */
function tellsOfAnother(status: QueueJobStatus, before: QueueJobStatus): boolean {
  const lastOf = ({ history }: QueueJobStatus) => history?.at(-1)?.epoch
  const isKept = status.history !== undefined && lastOf(status) !== lastOf(before)
  return isKept || status.startTime !== before.startTime
}
