/**
 * Carries out an action on one target, through the one writer of each kind: jobs by their facts, queues
 * by the service that writes their status, schedules by the one that makes their jobs. Whatever it does
 * may be done again after a crash and then changes nothing (U4, W8).
 */
import { sentence } from '../api/reasons.ts'
import type { Clock, MonoMs } from '../core/clock.ts'
import type { ActRequest } from '../core/facts.ts'
import { type JobKey, jobUid } from '../core/ids.ts'
import { isWaiting, type JobObject } from '../core/job.ts'
import { type Entry, isNewer, type Ledger } from '../core/ledger.ts'
import type { ActionObject } from '../core/resources.ts'
import type { ObjectDeleter, Settled, StatusStore } from '../persistence/ports.ts'
import { DONE, decideJob, skipped, type TargetOutcome } from './action-job.ts'
import type { Target } from './action-targets.ts'
import type { PauseAnswer, QueuePauses, ScheduleRuns } from './ports.ts'
import { runName } from './run-name.ts'

export interface EffectsOptions {
  readonly store: Pick<StatusStore, 'readJob'>
  /** Takes in a version that was read live, as if the watch had brought it. */
  readonly seen: (object: JobObject) => void
  readonly ledger: Ledger
  readonly clock: Clock
  readonly act: (
    entry: Entry,
    request: ActRequest,
    options: { readonly graceMs?: number },
  ) => Promise<Settled>
  readonly pauses: QueuePauses
  /** Of the queue as the watch told it last; null = it told of none. */
  readonly queueUid: (key: JobKey) => string | null
  readonly runs: ScheduleRuns
  readonly deleter: ObjectDeleter
  /** The job was deleted here: the watch will say so later. */
  readonly deleted: (entry: Entry) => void
  /** The job may be due again: its deletion was refused. */
  readonly moved: (entry: Entry) => void
}

/** A job that moves on under each act is left alone after so many. */
const TRIES = 3
const AGAIN_MS = 1_000
const DEFAULT_GRACE_SECONDS = 30
/** What a list has just shown and the watch has not: it is waited for so long. */
const WATCH_BEHIND_MS = 5_000

const LATER: TargetOutcome = { kind: 'later', afterMs: AGAIN_MS }
const GONE = skipped('the target was deleted meanwhile')

export class ActionEffects {
  readonly #options: EffectsOptions
  readonly #missedSince = new WeakMap<Target, MonoMs>()

  constructor(options: EffectsOptions) {
    this.#options = options
  }

  apply(action: ActionObject, order: number, target: Target): Promise<TargetOutcome> {
    switch (action.spec.action) {
      case 'Pause':
      case 'Drain':
        return this.#pause(action, order, target)
      case 'Purge':
        return this.#purge(action.namespace, target)
      case 'Run':
        return this.#run(action, target)
      case 'Resume':
        return action.spec.target.kind === 'Queue'
          ? this.#resume(action, order, target)
          : this.#job(action, order, target)
      default:
        return this.#job(action, order, target)
    }
  }

  async #job(action: ActionObject, order: number, target: Target): Promise<TargetOutcome> {
    const { act } = this.#options
    const graceMs = 1000 * (action.spec.graceSeconds ?? DEFAULT_GRACE_SECONDS)
    for (let tries = 1; tries <= TRIES; tries++) {
      const entry = await this.#entry(action.namespace, target, tries > 1)
      if (entry === 'gone') return GONE
      if (entry === 'later') return LATER
      const decision = decideJob(action, order, entry.object)
      if (decision.kind !== 'act') return decision
      const settled = await act(entry, decision.request, { graceMs })
      switch (settled) {
        case 'written':
          return DONE
        case 'gone':
          return GONE
        case 'stopped':
          return LATER
        case 'quarantined':
          return refused(target, 'no status of the job is taken, see the log for StatusRefused')
        case 'overtaken':
      }
    }
    return skipped('the target moved on and nothing was left to change')
  }

  /** As new as the list that named it, or newer: the watch may be a moment behind. */
  async #entry(
    namespace: string,
    target: Target,
    live: boolean,
  ): Promise<Entry | 'gone' | 'later'> {
    const { ledger, store, seen } = this.#options
    const uid = jobUid(target.uid)
    const known = ledger.get(uid)
    const isNew = known && !isNewer(target.resourceVersion, known.object.resourceVersion)
    if (known && isNew && !live) return known
    const read = await store.readJob({ namespace, name: target.name })
    if (read.kind === 'later') return 'later'
    if (read.kind === 'gone' || read.object.uid !== uid) return 'gone'
    seen(read.object)
    return ledger.get(uid) ?? 'gone'
  }

  /** W8. An attempt that runs, written or not, is let alone: only what waits is purged. */
  async #purge(namespace: string, target: Target): Promise<TargetOutcome> {
    const { deleter, deleted, moved } = this.#options
    for (let tries = 1; tries <= TRIES; tries++) {
      const entry = await this.#entry(namespace, target, tries > 1)
      if (entry === 'gone') return GONE
      if (entry === 'later') return LATER
      const { status } = entry.object
      if (entry.attempt) return skipped('the target runs')
      if (!isWaiting(status.phase)) return skipped(`the target does not wait: ${status.phase}`)
      // Not dispatched while the server is asked.
      entry.cancelling = true
      const answer = await deleter.delete('QueueJob', entry.object)
      if (answer.kind === 'deleted' || answer.kind === 'gone') {
        deleted(entry)
        return answer.kind === 'deleted' ? DONE : GONE
      }
      entry.cancelling = false
      moved(entry)
      if (answer.kind === 'refused') return refused(target, answer.detail)
      if (answer.kind === 'later') return { kind: 'later', afterMs: answer.retryAfterMs }
      if (answer.kind === 'unknown') return LATER
    }
    return LATER
  }

  async #pause(action: ActionObject, order: number, target: Target): Promise<TargetOutcome> {
    const { namespace, spec, name } = action
    const queue = { namespace, name: target.name }
    if (this.#isAnother(queue, target)) return this.#missing(target, GONE)
    const answer = await this.#options.pauses.pause(queue, {
      order,
      by: spec.requestedBy ?? `QueueAction ${name}`,
      comment: spec.comment ?? '',
      drain: spec.action === 'Drain',
    })
    return this.#paused(target, answer, '')
  }

  async #resume(action: ActionObject, order: number, target: Target): Promise<TargetOutcome> {
    const { namespace, spec, name } = action
    const queue = { namespace, name: target.name }
    if (this.#isAnother(queue, target)) return this.#missing(target, GONE)
    const by = spec.requestedBy ?? `QueueAction ${name}`
    const answer = await this.#options.pauses.resume(queue, { order, by })
    return this.#paused(
      target,
      answer,
      'spec.paused still pauses the queue, which only its manifest lifts',
    )
  }

  async #run({ namespace, name, uid }: ActionObject, target: Target): Promise<TargetOutcome> {
    const job = runName(target.name, uid)
    const schedule = { namespace, name: target.name, uid: target.uid }
    const answer = await this.#options.runs.run(schedule, { job, action: name })
    switch (answer.kind) {
      case 'made':
        return { kind: 'done', note: `QueueJob ${job} was made` }
      case 'not-found':
        return this.#missing(target, GONE)
      case 'refused':
        return refused(target, answer.detail)
      case 'later':
        return { kind: 'later', afterMs: answer.retryAfterMs }
    }
  }

  /** W4: its name has another uid now. */
  #isAnother(queue: JobKey, target: Target): boolean {
    const uid = this.#options.queueUid(queue)
    return uid !== null && uid !== target.uid
  }

  #paused(target: Target, answer: PauseAnswer, pausedBySpec: string): TargetOutcome {
    switch (answer.kind) {
      case 'done':
        return { kind: 'done', note: answer.bySpec ? pausedBySpec : '' }
      case 'overtaken':
        return skipped('a later action was applied first')
      case 'not-found':
        return this.#missing(
          target,
          skipped('the queue was deleted meanwhile, or another operator serves it'),
        )
      case 'later':
        return { kind: 'later', afterMs: answer.retryAfterMs }
    }
  }

  #missing(target: Target, inTheEnd: TargetOutcome): TargetOutcome {
    const now = this.#options.clock.monotonic()
    const since = this.#missedSince.get(target) ?? now
    this.#missedSince.set(target, since)
    return now - since < WATCH_BEHIND_MS ? LATER : inTheEnd
  }
}

function refused(target: Target, error: string): TargetOutcome {
  const message = sentence('TargetRefused', { target: target.name, error })
  return { kind: 'failed', reason: 'TargetRefused', message }
}
