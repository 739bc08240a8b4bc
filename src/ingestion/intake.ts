/**
 * Takes in every version of every job (architecture.md section 4, steps 2–4): into the ledger, past
 * the checks that CEL cannot make, and on to the scheduler.
 *
 *   changed ─▶ ledger (C1) ─┬─ a term above ours in its status: are we deposed? (W6)
 *                           ├─ refused, or the duplicate of another job: one write says why
 *                           ├─ ended, and `spec.runId` asks for another run: run again (U3)
 *                           ├─ edited after it was written: observedGeneration follows
 *                           ├─ suspended while it runs: the attempt is handed back (U2)
 *                           └─ placed: ready, due, held, or nothing to do
 *   removed ─▶ forgotten; what runs for it is told to stop (U5)
 */
import { clockLags } from '../core/active-deadline.ts'
import type { Clock } from '../core/clock.ts'
import { type JobKey, jobUid, type ShardId } from '../core/ids.ts'
import { isTerminal, type JobObject } from '../core/job.ts'
import { type Attempt, type Entry, type Ledger, termOfStatus } from '../core/ledger.ts'
import { wantsRerun } from '../core/replays.ts'
import type { QueueObject, UnreadableObject, Watcher } from '../core/resources.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import type { FactSink } from '../persistence/ports.ts'
import type { Admission, Verdict } from './admission.ts'
import type { Queues } from './queues.ts'
import { judge, judgePayload, payloadLost, type Refusal } from './validate.ts'

export interface IntakeOptions {
  readonly ledger: Ledger
  readonly queues: Queues
  /** What other jobs have to say about one. */
  readonly admission: Pick<Admission, 'verdict' | 'queueChanged'>
  readonly sink: FactSink
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly version: string
  /** Past T8: this process writes for the shard. */
  readonly leads: (shard: ShardId) => boolean
  /** Own term of the shard; 0 = not led. */
  readonly termOf: (shard: ShardId) => number
  readonly verify: (shard: ShardId) => void
  readonly place: (entry: Entry) => void
  readonly suspend: (entry: Entry) => void
  readonly rerun: (entry: Entry) => void
  readonly gone: (entry: Entry, attempt: Attempt | null) => void
  readonly unreadable: (object: UnreadableObject) => void
}

export class Intake implements Watcher<JobObject> {
  readonly #options: IntakeOptions
  #verdicts = new WeakMap<JobObject, { readonly refusal: Refusal | null }>()

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  changed(object: JobObject): void {
    const { ledger, clock, metrics } = this.#options
    const observed = ledger.observe(object, clock.monotonic())
    if (observed === 'stale') return
    if (observed === 'new') metrics.count('gopherqueue_jobs_seen_total')
    const entry = ledger.get(object.uid)
    if (entry) this.consider(entry)
  }

  removed(_key: JobKey, uid: string): void {
    const { ledger, gone } = this.#options
    const entry = ledger.get(jobUid(uid))
    if (!entry) return
    const { attempt } = entry
    ledger.forget(entry.uid)
    gone(entry, attempt)
  }

  unreadable(object: UnreadableObject): void {
    this.#options.unreadable(object)
  }

  synced(): void {}

  /** What this version asks for, now that the shard is led; also after a queue changed. */
  consider(entry: Entry): void {
    const { leads, termOf, verify, place, suspend, rerun } = this.#options
    const own = termOf(entry.shard)
    if (own > 0 && termOfStatus(entry.object) > own) verify(entry.shard)
    if (!leads(entry.shard)) return
    // Another operator's: nothing is written to it here. Its queue holds it.
    if (this.#isForeign(entry)) {
      place(entry)
      return
    }
    const verdict = this.#verdictNow(entry)
    if (verdict) this.#end(entry, verdict)
    else if (this.#asksForRun(entry)) rerun(entry)
    else if (this.#needsSeen(entry)) this.#see(entry)
    if (entry.record.suspend && entry.attempt) suspend(entry)
    place(entry)
  }

  #isForeign({ record, attempt }: Entry): boolean {
    const { queues } = this.#options
    return !attempt && queues.state(record.namespace, record.queue).kind === 'foreign'
  }

  /** It ends without a start, for what it says itself or for what other jobs say. */
  refused(entry: Entry): boolean {
    return this.#verdictNow(entry) !== null
  }

  /** For what it says itself it cannot start here, whatever other jobs say. */
  unfit(entry: Entry): boolean {
    return this.#isForeign(entry) || this.#refusalNow(entry) !== null
  }

  /** A payload that is too large for the cache was read. False: the job is refused. */
  acceptsPayload(entry: Entry, json: string | null): boolean {
    const refusal = json === null ? null : judgePayload(json)
    if (!refusal) return true
    this.#reject(entry, refusal)
    return false
  }

  /** The QueueAction that held the payload of this run is gone: the job is refused. */
  payloadLost(entry: Entry): void {
    const { payloadAction } = entry.object.status
    if (payloadAction) this.#reject(entry, payloadLost(payloadAction.name))
  }

  #reject(entry: Entry, refusal: Refusal): void {
    this.#verdicts.set(entry.object, { refusal })
    this.#refuse(entry, refusal)
  }

  /** The queue's defaults, its pause or its being there changed. */
  queueChanged(queue: Pick<QueueObject, 'namespace' | 'name'>): void {
    const { ledger, admission } = this.#options
    this.#verdicts = new WeakMap()
    const jobs = ledger.renormalise(queue.namespace, queue.name)
    admission.queueChanged(queue.namespace, queue.name, jobs)
    for (const entry of jobs) this.consider(entry)
  }

  /** Only a job that waits can be refused: what started runs to its end. */
  #refusalNow(entry: Entry): Refusal | null {
    const { phase } = entry.object.status
    if (isTerminal(phase) || phase === 'Running' || entry.attempt) return null
    const known = this.#verdicts.get(entry.object)
    if (known) return known.refusal
    const { queues, version } = this.#options
    const { namespace, queue } = entry.record
    const refusal = judge(entry.object, queues.get(namespace, queue), version)
    this.#verdicts.set(entry.object, { refusal })
    return refusal
  }

  #verdictNow(entry: Entry): Verdict | null {
    const refusal = this.#refusalNow(entry)
    return refusal ? { kind: 'refused', refusal } : this.#options.admission.verdict(entry)
  }

  #end(entry: Entry, verdict: Verdict): void {
    if (verdict.kind === 'refused') {
      this.#refuse(entry, verdict.refusal)
    } else if (entry.facts === 0) {
      const { sink, clock } = this.#options
      const { name, uid } = verdict.first.object
      const at = clock.now()
      void sink.submit(entry.uid, { kind: 'duplicate', first: { name, uid }, at })
    }
  }

  #refuse(entry: Entry, refusal: Refusal): void {
    if (entry.facts > 0) return
    const { namespace, name } = entry.object
    this.#options.logger.info('a job was refused', {
      namespace,
      job: name,
      uid: entry.uid,
      code: refusal.reason,
    })
    void this.#options.sink.submit(entry.uid, { kind: 'refused', ...refusal })
  }

  #asksForRun({ object, record, facts }: Entry): boolean {
    return facts === 0 && !object.deleting && wantsRerun(record.runId, object.status)
  }

  /** `kubectl wait` ignores conditions while observedGeneration lags, on finished jobs too. */
  #needsSeen({ object, record, facts, attempt }: Entry): boolean {
    if (facts > 0) return false
    // How long it was suspended is known from its status alone.
    if (!attempt && clockLags(record, object.status)) return true
    const { observedGeneration } = object.status
    if (observedGeneration < 0) return record.readyWhenAccepted
    return observedGeneration < object.generation
  }

  #see(entry: Entry): void {
    void this.#options.sink.submit(entry.uid, { kind: 'seen' })
  }
}
