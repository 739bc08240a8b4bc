/** Rounds as the cycle makes them, with nothing around: who would start, and what is left of the limits. */
import type { ClassId } from '../../../src/core/ids.ts'
import type { JobRecord } from '../../../src/core/job.ts'
import type { Placed } from '../../../src/core/order.ts'
import { policyOf, type QueuePolicy } from '../../../src/core/queue-policy.ts'
import { afterStart, FULL, nextStartAt } from '../../../src/core/rate.ts'
import { decide } from '../../../src/scheduler/decide.ts'
import type { Lingering } from '../../../src/scheduler/ports.ts'
import { ReadyJobs } from '../../../src/scheduler/ready.ts'
import { type ClassView, Round } from '../../../src/scheduler/snapshot.ts'
import { Usage } from '../../../src/scheduler/usage.ts'
import { anAttempt, anEntry, NOON } from '../../builders.ts'

export interface Started {
  readonly record: JobRecord
  readonly cls: ClassId
}

export interface SceneOptions {
  readonly policy?: (namespace: string, queue: string) => QueuePolicy
  /** Jobs whose attempts are open when it begins. */
  readonly running?: readonly JobRecord[]
  readonly lingering?: readonly Lingering[]
}

/** Ready jobs of one place, which start and end as the test says. */
export class Scene {
  readonly ready: ReadyJobs
  readonly running: JobRecord[]
  readonly policy: (namespace: string, queue: string) => QueuePolicy
  readonly closed: { readonly queue: string; readonly why: string; readonly until: number }[] = []
  readonly #lingering: readonly Lingering[]
  readonly #full = new Map<string, number>()
  now = NOON
  mono = 0

  constructor({ policy = () => policyOf(null), running = [], lingering = [] }: SceneOptions = {}) {
    this.policy = policy
    this.running = [...running]
    this.#lingering = lingering
    this.ready = new ReadyJobs(({ namespace, queue, fairnessKey }) => {
      const { weights, weight } = policy(namespace, queue)
      return { key: weights.get(fairnessKey) ?? 1, queue: weight }
    })
  }

  add(...jobs: readonly (Placed | JobRecord)[]): this {
    for (const job of jobs) this.ready.add(placedOf(job))
    return this
  }

  pass(ms: number): void {
    this.now += ms
    this.mono += ms
  }

  /** The attempts of these jobs are over. */
  end(...names: readonly string[]): void {
    for (const name of names) {
      const place = this.running.findIndex((each) => each.name === name)
      if (place >= 0) this.running.splice(place, 1)
    }
  }

  usage(): Usage {
    const openIn = (namespace: string, queue: string) =>
      this.running
        .filter((record) => record.namespace === namespace && record.queue === queue)
        .map((record) => anEntry({ record, attempt: anAttempt() }))
    return new Usage({ openIn }, { lingering: () => this.#lingering })
  }

  /** When the rate of the queue lets the next job start. */
  rateReadyAt(namespace: string, queue: string): number {
    const { rate } = this.policy(namespace, queue)
    return rate ? nextStartAt(rate, this.#full.get(`${namespace}/${queue}`) ?? FULL) : FULL
  }

  round(classes: readonly ClassView[]): readonly Started[] {
    const { ready, policy, now, mono } = this
    const rateReadyAt = (namespace: string, queue: string) => this.rateReadyAt(namespace, queue)
    const round = new Round({ ready, classes, usage: this.usage(), policy, rateReadyAt, now, mono })
    const started: Started[] = []
    for (let step = decide(round); step.kind !== 'done'; step = decide(round)) {
      if (step.kind === 'park') ready.park(step.stream)
      else if (step.kind === 'close') {
        round.close(step.queue)
        this.closed.push({ queue: step.queue.queue.name, why: step.why, until: step.until })
      } else {
        const { record } = step.job
        this.#count(record)
        this.running.push(record)
        ready.started(step.job)
        round.started(step.queue, step.offer, step.job)
        started.push({ record, cls: step.offer.cls })
      }
    }
    return started
  }

  /** Names of those that start when so many slots of one class are free. */
  names(classes: readonly ClassView[]): readonly string[] {
    return this.round(classes).map(({ record }) => record.name)
  }

  #count({ namespace, queue }: JobRecord): void {
    const { rate } = this.policy(namespace, queue)
    const key = `${namespace}/${queue}`
    if (rate) this.#full.set(key, afterStart(rate, this.#full.get(key) ?? FULL, this.mono))
  }
}

export function placedOf(job: Placed | JobRecord): Placed {
  if ('record' in job) return job
  return { record: job, rank: job.priority, since: job.submission.creationMs }
}
