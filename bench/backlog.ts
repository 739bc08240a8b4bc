// What waiting costs: the same operator without and with many jobs that nobody can run yet. Memory for
// each, requests to the API server while nothing happens, how fast another queue's jobs start beside
// them, and how long a restarted operator takes until it starts a job that came while it was away.

import type { ManagedProcess } from '../devcluster/process.ts'
import { type Clock, sleep } from '../src/core/clock.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import { connections, createJob, requestsOf } from './api-server.ts'
import { type LatencyRun, measureLatency } from './latency.ts'
import { noopJob } from './noop-job.ts'
import type { Rate } from './open-loop.ts'
import { costOf } from './process-cost.ts'
import { machineMicros } from './same-clock.ts'
import type { StartFeed } from './start-feed.ts'

/** Until the operator has read everything and told what it has to tell. */
const settleMs = 20_000
const startWithinMs = 60_000

export interface BacklogRun {
  readonly jobs: number
  readonly empty: LatencyRun
  readonly beside: LatencyRun
  /** Of the operator, for each waiting job; undefined where the system does not tell. */
  readonly bytesPerJob: number | undefined
  readonly restSeconds: number
  /** Of anybody but the benchmark, while nothing happens. */
  readonly requestsPerSecond: number
  /** From the start of the operator's process to the first handler. */
  readonly coldStartMs: number
}

export interface BacklogOptions {
  readonly api: KubeTransport
  readonly clock: Clock
  readonly feed: StartFeed
  readonly namespace: string
  readonly operator: ManagedProcess
  /** Of the waiting jobs: it is there, and no worker serves it. */
  readonly queue: string
  readonly jobs: number
  readonly rate: Rate
  readonly restSeconds: number
  readonly say: (now: string) => void
  readonly signal: AbortSignal
}

export async function measureBacklog(options: BacklogOptions): Promise<BacklogRun> {
  const { clock, jobs, rate, restSeconds, operator, say, signal } = options
  say('without a backlog')
  const empty = await measureLatency(rate, { ...options, firstNumber: 1 })
  await sleep(clock, settleMs, signal)
  const before = residentOf(operator)
  await createWaiting(options)
  say('the operator settles')
  await sleep(clock, settleMs, signal)
  const after = residentOf(operator)
  say(`at rest for ${restSeconds} s`)
  const requestsPerSecond = await requestsAtRest(options)
  say('beside the backlog')
  const beside = await measureLatency(rate, { ...options, firstNumber: empty.jobs + 1 })
  say('a cold start')
  const coldStartMs = await coldStart(options, empty.jobs + beside.jobs + 1)
  const bytesPerJob =
    before === undefined || after === undefined ? undefined : (after - before) / jobs
  return { jobs, empty, beside, bytesPerJob, restSeconds, requestsPerSecond, coldStartMs }
}

function residentOf({ pid }: ManagedProcess): number | undefined {
  return pid === undefined ? undefined : costOf(pid)?.residentBytes
}

async function createWaiting({
  api,
  namespace,
  queue,
  jobs,
  say,
  signal,
}: BacklogOptions): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < jobs) {
      signal.throwIfAborted()
      const number = next++
      if (number % 500 === 0) say(`${number} of ${jobs} waiting jobs`)
      await createJob(api, namespace, `waiting-${number}`, { ...noopJob(number), queue })
    }
  }
  await Promise.all(Array.from({ length: connections }, lane))
}

async function requestsAtRest({
  api,
  clock,
  restSeconds,
  signal,
}: BacklogOptions): Promise<number> {
  const before = await requestsOf(api)
  const begun = clock.monotonic()
  await sleep(clock, restSeconds * 1000, signal)
  return (((await requestsOf(api)) - before) * 1000) / (clock.monotonic() - begun)
}

/** The job comes while the operator is away, so its creation is no part of the time. */
async function coldStart(options: BacklogOptions, number: number): Promise<number> {
  const { api, clock, feed, namespace, operator } = options
  await operator.stop()
  await createJob(api, namespace, `noop-${number}`, noopJob(number))
  const begun = machineMicros()
  await operator.start()
  const missing = await feed.waitFor([number], startWithinMs, clock)
  if (missing.length > 0) {
    throw new Error(
      `the job was not started within ${startWithinMs / 1000} s of the operator's start`,
    )
  }
  return ((feed.startedAt(number) ?? Number.NaN) - begun) / 1000
}
