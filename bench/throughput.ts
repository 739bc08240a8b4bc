// How many jobs a second the whole system completes: created as fast as the API server takes them,
// dispatched, run by a worker, recorded as finished. The jobs do nothing, so what is left is the queue's
// own cost: CPU of the operator and writes to the API server for each job.

import { sleep } from '../src/core/clock.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import {
  connections,
  createJob,
  type JobWatch,
  type Time,
  watchJobs,
  writesOf,
} from './api-server.ts'
import { total, writesBetween } from './api-writes.ts'
import { noopJob } from './noop-job.ts'
import { costOf } from './process-cost.ts'

/** Without a single completion for so long the run has failed. */
const silenceMs = 30_000
const lookEveryMs = 20

export interface ThroughputRun {
  readonly jobs: number
  readonly seconds: number
  readonly jobsPerSecond: number
  /** Undefined where the system does not tell what a process costs. */
  readonly operatorCpuMsPerJob: number | undefined
  readonly apiWritesPerJob: number
  /** All writes of the operator, by verb and resource. */
  readonly writes: Readonly<Record<string, number>>
}

export interface ThroughputOptions {
  readonly api: KubeTransport
  readonly time: Time
  readonly namespace: string
  /** Names begin with it, so that two runs in one namespace do not meet. */
  readonly prefix: string
  readonly jobs: number
  readonly operatorPid: number
  readonly say: (now: string) => void
  readonly signal: AbortSignal
}

export async function measureThroughput(options: ThroughputOptions): Promise<ThroughputRun> {
  const { api, time, namespace, jobs, operatorPid, signal } = options
  const { clock } = time
  const before = { writes: await writesOf(api), cost: costOf(operatorPid) }
  const completed = await watchJobs(api, time, namespace, 'Completed')
  // When one half fails, the other one must not wait for what will never come.
  const failed = new AbortController()
  const both = { ...options, signal: AbortSignal.any([signal, failed.signal]) }
  const started = clock.monotonic()
  try {
    await Promise.all([createAll(both), allCompleted(both, completed)])
  } finally {
    failed.abort()
    completed.stop()
  }
  signal.throwIfAborted()
  const seconds = (clock.monotonic() - started) / 1000
  const cost = costOf(operatorPid)
  const writes = writesBetween(before.writes, await writesOf(api))
  return {
    jobs,
    seconds,
    jobsPerSecond: jobs / seconds,
    operatorCpuMsPerJob:
      cost === undefined || before.cost === undefined
        ? undefined
        : (cost.cpuMs - before.cost.cpuMs) / jobs,
    apiWritesPerJob: total(writes) / jobs,
    writes,
  }
}

async function createAll(options: ThroughputOptions): Promise<void> {
  const { api, namespace, prefix, jobs, signal } = options
  let next = 0
  const lane = async () => {
    while (next < jobs && !signal.aborted) {
      const number = ++next
      await createJob(api, namespace, `${prefix}-${number}`, noopJob(number))
    }
  }
  await Promise.all(Array.from({ length: connections }, lane))
}

async function allCompleted(
  { time: { clock }, jobs, say, signal }: ThroughputOptions,
  completed: JobWatch,
): Promise<void> {
  let seen = 0
  let seenAt = clock.monotonic()
  while (completed.seen < jobs && !signal.aborted) {
    if (completed.seen > seen) {
      seen = completed.seen
      seenAt = clock.monotonic()
      say(`${seen} of ${jobs} jobs`)
    }
    if (clock.monotonic() - seenAt > silenceMs) {
      throw new Error(
        `no job was completed for ${silenceMs / 1000} s: ${seen} of ${jobs} are; the logs of operator and worker say why (option --keep)`,
      )
    }
    await sleep(clock, lookEveryMs)
  }
}
