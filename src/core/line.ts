/**
 * A waiting job among the others of its queue, from the objects alone: who runs, who holds its key, who
 * goes before it. Part of `why-objects.ts`. Its place is what the scheduler would give it by what the
 * objects say; a class that other jobs lend to it, and the turns that were taken so far, stand nowhere.
 */
import { PRIORITIES } from '../api/conditions.ts'
import type { WallMs } from './clock.ts'
import type { Hold } from './hold.ts'
import { isWaiting, type JobObject, type PriorityRank } from './job.ts'
import { compareText, effectiveRank, readySince } from './order.ts'
import type { Place } from './place.ts'
import type { QueuePolicy, RateLimit } from './queue-policy.ts'
import {
  asksForDependencies,
  dueAt,
  isUnconfirmedRestore,
  notBefore,
  type SeenObjects,
  tellsOfStart,
} from './seen.ts'
import type { WaitingJob } from './why-facts.ts'

/** The job among the others of its queue. */
export class Line {
  readonly running: readonly JobObject[]
  readonly #seen: SeenObjects
  readonly #record: WaitingJob
  readonly #policy: QueuePolicy
  readonly #others: readonly JobObject[]

  constructor(seen: SeenObjects, record: WaitingJob, policy: QueuePolicy) {
    this.#seen = seen
    this.#record = record
    this.#policy = policy
    this.#others = seen.others.filter(({ uid }) => uid !== seen.job.uid)
    this.running = this.#others.filter(({ status }) => status.phase === 'Running')
  }

  holders(): readonly string[] {
    return this.running.filter((each) => this.#sharesKey(each)).map(({ name }) => name)
  }

  keyAhead(): number {
    const { job } = this.#seen
    return this.#waiting()
      .filter((each) => this.#sharesKey(each))
      .filter((each) => isSubmittedBefore(each, job)).length
  }

  /** `Queue.spec.maxDepth`: all but the first are held; what has started is not, but counts. */
  depthHold(): Hold | null {
    const { job, more } = this.#seen
    const { maxDepth: limit } = this.#policy
    if (!Number.isFinite(limit) || more || tellsOfStart(job.status)) return null
    const waiting = this.#waiting()
    const before = waiting.filter((each) => {
      return tellsOfStart(each.status) || isSubmittedBefore(each, job)
    })
    if (before.length < limit) return null
    return { kind: 'queue-full', waiting: waiting.length + 1, limit }
  }

  place(): Place {
    const { now, queue, more } = this.#seen
    const own = this.#record.fairnessKey
    const ready = this.#waiting().filter((each) => couldStart(each, now))
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
    const starts = [...this.#others, this.#seen.job].flatMap(({ status }) => {
      const times = [status.startTime, ...(status.history ?? []).map((each) => each.startTime)]
      // The last attempt stands in both.
      return [...new Set(times)].flatMap((time) => (time === undefined ? [] : Date.parse(time)))
    })
    return readyAt(starts, rate)
  }

  #waiting(): readonly JobObject[] {
    return this.#others.filter(({ status, deleting }) => isWaiting(status.phase) && !deleting)
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

/**
 * When the bucket has a token again. Each start puts off the moment at which the bucket is full by what
 * one token takes; there is a token as long as that moment is less than the others of the bucket away.
 */
function readyAt(starts: readonly WallMs[], { count, perMs, burst }: RateLimit): WallMs {
  const token = perMs / count
  const full = starts
    .toSorted((a, b) => a - b)
    .reduce((at, start) => Math.max(at, start) + token, 0)
  return full - (burst - 1) * token
}
