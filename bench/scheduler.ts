// What the scheduler decides in a second, with everything genuine but the clock and the wire: ledger,
// intake's normaliser, ready jobs, limits, turns and the dispatch cycle, with many jobs that wait in a
// thousand queues. A start is published to nobody, and an attempt ends when the benchmark says so.
//
// Three kinds of runs take turns in one process: jobs without keys; jobs with fairness and concurrency keys
// in queues that limit nothing; and the same jobs after an edit of all queues, which limit everything:
// `concurrency.max` and `perKey`, a rate, weights of keys and of queues. Each step ends attempts of one
// class, as an outcome would, and runs the cycle; between the runs, which are what is measured, the jobs
// that ended wait again, behind the others. What is compared is the CPU time of the thread, so that a
// machine that is busy meanwhile changes little.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ClassCapacity } from '../src/core/capacity.ts'
import { type Clock, rfc3339 } from '../src/core/clock.ts'
import { epochOf, nonceOf } from '../src/core/epoch.ts'
import { bootId, jobUid, workerId } from '../src/core/ids.ts'
import type { JobObject } from '../src/core/job.ts'
import { type Entry, Ledger } from '../src/core/ledger.ts'
import { policyOf } from '../src/core/queue-policy.ts'
import { normaliser } from '../src/ingestion/normalise.ts'
import type { Logger } from '../src/observability/ports.ts'
import { DispatchCycle } from '../src/scheduler/cycle.ts'
import { classesOf, limits, slotsOfClass, waitingJobs } from './many-jobs.ts'

const runs = 15
/** The clock of CPU time has a grain of 4 ms on some systems: a run takes some fifty times that. */
const startsInRun = 10_000

/** After an edit, before what is measured: the buckets of the rates are made. */
const warmUpStarts = 1_000

export type Kind = 'plain' | 'keyed' | 'limited'

export interface SchedulerRun {
  readonly jobs: number
  readonly queues: number
  readonly slots: number
  /** Starts per second of CPU time, one number for each short run. */
  readonly starts: Readonly<Record<Kind, readonly number[]>>
  /** Bytes of heap for each waiting job: object, record and place in the ledger. */
  readonly ledgerBytes: number
  /** The same for its place among the ready ones. */
  readonly readyBytes: { readonly plain: number; readonly keyed: number }
}

export interface SchedulerOptions {
  readonly jobs: number
  readonly queues: number
  readonly clock: Clock
  readonly say: (now: string) => void
  readonly signal: AbortSignal
}

export async function measureScheduler(options: SchedulerOptions): Promise<SchedulerRun> {
  const { jobs, queues, say, signal } = options
  say('the jobs are submitted')
  const plain = new Installation(options)
  const plainBytes = plain.fill(waitingJobs(jobs, queues, false))
  const keyed = new Installation(options)
  const keyedBytes = keyed.fill(waitingJobs(jobs, queues, true))
  const starts = { plain: [] as number[], keyed: [] as number[], limited: [] as number[] }
  for (let run = 0; run <= runs; run++) {
    say(`run ${run} of ${runs}`)
    const kinds: readonly Kind[] = ['plain', 'keyed', 'limited']
    for (const kind of run % 2 === 0 ? kinds : kinds.toReversed()) {
      signal.throwIfAborted()
      const installation = kind === 'plain' ? plain : keyed
      installation.limited = kind === 'limited'
      const perSecond = await startsPerSecond(installation)
      // The first one fills the slots and warms the machine up.
      if (run > 0) starts[kind].push(perSecond)
    }
  }
  return {
    jobs,
    queues,
    slots: keyed.slots,
    starts,
    ledgerBytes: plainBytes.ledger,
    readyBytes: { plain: plainBytes.ready, keyed: keyedBytes.ready },
  }
}

async function startsPerSecond(installation: Installation): Promise<number> {
  await installation.start(warmUpStarts)
  // What the jobs before it left behind is not its cost.
  collectGarbage()
  const begun = cpuMs()
  const started = await installation.start(startsInRun)
  const perSecond = (started * 1000) / (cpuMs() - begun)
  installation.refill()
  return perSecond
}

class Installation {
  /** The queues limit what they can. */
  limited = false
  readonly #clock: Clock
  readonly #ledger: Ledger
  readonly #cycle: DispatchCycle
  readonly #classes: (ClassCapacity & { free: number })[]
  /** Open attempts of each class, oldest first. */
  readonly #open: string[][]
  #ended: Entry[] = []
  #next = 0
  #starts = 0
  #seq = 0

  constructor(options: SchedulerOptions) {
    this.#clock = options.clock
    this.#ledger = new Ledger(normaliser(() => null))
    this.#classes = classesOf(options.queues)
    this.#open = this.#classes.map(() => [])
    const places = new Map(this.#classes.map(({ namespace, cls }, n) => [`${namespace}/${cls}`, n]))
    const policies = [1, 2, 3].map((weight) => policyOf(limits(weight)))
    const builtIn = policyOf(null)
    const policy = (_: string, queue: string) =>
      (this.limited ? policies[Number(queue.slice(1)) % policies.length] : null) ?? builtIn
    this.#cycle = new DispatchCycle({
      ledger: this.#ledger,
      clock: withoutTimers(options.clock),
      logger: quiet,
      metrics: { count() {}, set() {}, observe() {} },
      gate: { open: true, leads: () => true },
      capacity: { classes: () => this.#classes, lingering: () => [] },
      epochs: {
        next: () => epochOf(1, ++this.#seq),
        nonce: (_, start) => nonceOf(key, salt, start),
      },
      dispatcher: {
        publish: async ({ namespace, cls, uid }) => {
          const place = places.get(`${namespace}/${cls}`) ?? 0
          const chosen = this.#classes[place]
          if (chosen) chosen.free -= 1
          this.#open[place]?.push(uid)
          this.#starts += 1
          return { kind: 'stored' }
        },
        purge: async () => {},
      },
      payloads: {
        readPayload: async () => ({ kind: 'gone' }),
        readActionPayload: async () => ({ kind: 'gone' }),
      },
      refused: () => false,
      queueHolds: () => false,
      policy,
      hold: () => null,
      rankOf: (entry) => entry.record.priority,
      acceptsPayload: () => true,
      payloadLost: () => {},
      holdUntil: () => 0,
    })
  }

  get slots(): number {
    return this.#classes.length * slotsOfClass
  }

  /** Submits all jobs; the bytes that each takes, but for what was there before. */
  fill(jobs: Iterable<JobObject>): { readonly ledger: number; readonly ready: number } {
    const empty = heapBytes()
    for (const job of jobs) this.#ledger.observe(job, 0)
    const seen = heapBytes()
    for (const entry of this.#ledger.entries()) this.#cycle.place(entry)
    const placed = heapBytes()
    const { size } = this.#ledger
    return { ledger: (seen - empty) / size, ready: (placed - seen) / size }
  }

  /** Goes from class to class: the oldest attempts of each end, and the cycle fills their slots. */
  async start(count: number): Promise<number> {
    const before = this.#starts
    while (this.#starts - before < count) {
      this.#end(this.#next)
      this.#next = (this.#next + 1) % this.#classes.length
      this.#cycle.runOnce()
      // What is published, is published behind the cycle.
      await null
      await null
    }
    return this.#starts - before
  }

  /** What ended waits again, as after a back-off that is over now. */
  refill(): void {
    const nextAttemptTime = rfc3339(this.#clock.now())
    for (const { object, uid } of this.#ended) {
      const resourceVersion = String(Number(object.resourceVersion) + 1_000_000)
      const status = { ...object.status, nextAttemptTime }
      this.#ledger.observe({ ...object, resourceVersion, status }, 0)
      const entry = this.#ledger.get(uid)
      if (entry) this.#cycle.place(entry)
    }
    this.#ended = []
  }

  #end(place: number): void {
    const chosen = this.#classes[place]
    const ended = this.#open[place]?.splice(0, slotsOfClass / 4) ?? []
    for (const uid of ended) {
      const entry = this.#ledger.get(jobUid(uid))
      if (!entry?.attempt) continue
      this.#ledger.report(entry, owner)
      this.#ledger.drop(entry, entry.attempt.epoch)
      this.#ended.push(entry)
      if (chosen) chosen.free += 1
    }
  }
}

const key = new Uint8Array(32)
const salt = new Uint8Array(16)
const owner = { worker: workerId('worker'), boot: bootId('boot') }
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }

/** The benchmark runs the cycles itself. */
function withoutTimers(clock: Clock): Clock {
  return { now: () => clock.now(), monotonic: () => clock.monotonic(), after: () => () => {} }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Of this thread: what else the machine does, and helpers of the garbage collector, are not in it. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function heapBytes(): number {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}
