/**
 * A waiting job among the others of its queue, from the objects alone: who runs, who holds its key, who
 * goes before it. Part of `why-objects.ts`. Its place is what the scheduler would give it by what the
 * objects say; a class that other jobs lend to it, and the turns that were taken so far, stand nowhere.
 */
import { PRIORITIES } from '../api/conditions.ts'
import { SECOND_GRAIN, type WallMs } from './clock.ts'
import type { Hold } from './hold.ts'
import type { JobUid } from './ids.ts'
import { isWaiting, type JobObject, type PriorityRank } from './job.ts'
import { compareText, effectiveRank, readySince } from './order.ts'
import type { Place } from './place.ts'
import type { QueuePolicy } from './queue-policy.ts'
import { afterStarts, FULL, nextStartAt } from './rate.ts'
import {
  asksForDependencies,
  dueAt,
  isUnconfirmedRestore,
  notBefore,
  type SeenObjects,
} from './seen.ts'
import { tellsOfStart } from './started.ts'
import type { WaitingJob } from './why-facts.ts'

/** The job among the others of its queue. */
export class Line {
  readonly running: readonly JobObject[]
  readonly #seen: SeenObjects
  readonly #record: WaitingJob
  readonly #policy: QueuePolicy
  readonly #others: readonly JobObject[]
  readonly #waiting: readonly JobObject[]

  constructor(seen: SeenObjects, record: WaitingJob, policy: QueuePolicy) {
    this.#seen = seen
    this.#record = record
    this.#policy = policy
    this.#others = seen.others.filter(({ uid }) => uid !== seen.job.uid)
    this.#waiting = this.#others.filter(({ status, deleting }) => {
      return isWaiting(status.phase) && !deleting
    })
    this.running = this.#others.filter(({ status }) => status.phase === 'Running')
  }

  holders(): readonly string[] {
    return this.running.filter((each) => this.#sharesKey(each)).map(({ name }) => name)
  }

  keyAhead(): number {
    const { job } = this.#seen
    return this.#waiting
      .filter((each) => this.#sharesKey(each))
      .filter((each) => isSubmittedBefore(each, job)).length
  }

  /**
   * `Queue.spec.maxDepth`: all but the first are held. What has started, and what another job waits for,
   * is never held, but counts.
   */
  depthHold(): Hold | null {
    const { job, more } = this.#seen
    const { maxDepth: limit } = this.#policy
    if (!Number.isFinite(limit) || more) return null
    const waiting = [...this.#waiting, job]
    return this.#held(waiting).has(job.uid)
      ? { kind: 'queue-full', waiting: waiting.length, limit }
      : null
  }

  #held(waiting: readonly JobObject[]): ReadonlySet<JobUid> {
    const needed = new Set(
      waiting.filter(asksForDependencies).flatMap(({ spec }) => {
        return (spec.dependsOn ?? []).map(({ name }) => name)
      }),
    )
    const mayBeHeld = waiting.filter(
      ({ status, name }) => !tellsOfStart(status) && !needed.has(name),
    )
    const room = Math.max(0, this.#policy.maxDepth - (waiting.length - mayBeHeld.length))
    const outside = mayBeHeld.toSorted(compareSubmitted).slice(room)
    return new Set(outside.map(({ uid }) => uid))
  }

  place(): Place {
    const { now, queue, more } = this.#seen
    const own = this.#record.fairnessKey
    const held = this.#held([...this.#waiting, this.#seen.job])
    const ready = this.#waiting.filter((each) => !held.has(each.uid) && couldStart(each, now))
    const keys = new Set(
      ready.map(({ spec }) => spec.fairnessKey ?? '').filter((key) => key !== own),
    )
    const weights = [...keys].reduce((sum, key) => sum + this.#weight(key), 0)
    const before = ready.filter(({ spec }) => (spec.fairnessKey ?? '') === own)
    return {
      ahead: before.filter((each) => this.#goesBefore(each)).length,
      atLeast: more,
      otherKeys: keys.size,
      turnsAhead: weights / this.#weight(own),
      startsPerMinute: queue?.status.startsPerMinute ?? null,
    }
  }

  /** From the starts that the objects remember, its own too; a job that is gone is not counted. */
  rateReadyAt(): WallMs {
    const { rate } = this.#policy
    if (!rate) return 0
    const starts = [...this.#others, this.#seen.job].flatMap((job) => this.#startsOf(job))
    return nextStartAt(
      rate,
      afterStarts(
        rate,
        FULL,
        starts.toSorted((a, b) => a - b),
      ),
    )
  }

  /** Times have the grain of a second: a start was at the latest then, so no token is promised early. */
  #startsOf({ status: { startTime, history = [] } }: JobObject): readonly WallMs[] {
    // The last attempt may stand in both.
    const times = new Set([startTime, ...history.map((each) => each.startTime)])
    return [...times].flatMap((time) => {
      const at = Date.parse(time ?? '')
      return Number.isNaN(at) ? [] : Math.min(this.#seen.now, at + SECOND_GRAIN)
    })
  }

  #sharesKey({ spec }: JobObject): boolean {
    return this.#record.concurrencyKey !== '' && spec.concurrencyKey === this.#record.concurrencyKey
  }

  #weight(key: string): number {
    return this.#policy.weights.get(key) ?? 1
  }

  #goesBefore(other: JobObject): boolean {
    const { job, now } = this.#seen
    const { agingMs } = this.#policy
    const [a, b] = [placed(other), placed(job)]
    const rank = (each: typeof a) => effectiveRank(each.rank, each.since, now, agingMs)
    return (rank(a) - rank(b) || a.since - b.since || compareSubmitted(other, job)) < 0
  }
}

function placed(job: JobObject): { readonly rank: PriorityRank; readonly since: WallMs } {
  const submission = { creationMs: job.creationMs, firstSeen: 0 }
  return {
    rank: PRIORITIES.indexOf(job.spec.priority) as PriorityRank,
    since: readySince({ submission, notBefore: notBefore(job) }, job.status),
  }
}

function couldStart(job: JobObject, now: WallMs): boolean {
  if (job.spec.suspend || isUnconfirmedRestore(job) || dueAt(job) > now) return false
  return !asksForDependencies(job)
}

/** Creation has the grain of a second; what was never written since tells its order by its version. */
function compareSubmitted(a: JobObject, b: JobObject): number {
  return (
    a.creationMs - b.creationMs ||
    Number(a.resourceVersion) - Number(b.resourceVersion) ||
    compareText(a.uid, b.uid)
  )
}

function isSubmittedBefore(a: JobObject, b: JobObject): boolean {
  return compareSubmitted(a, b) < 0
}
