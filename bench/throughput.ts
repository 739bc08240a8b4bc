// How many jobs a second the whole system completes: created as fast as the API server takes them,
// dispatched, run by a worker, recorded as finished. The jobs do nothing, so what is left is the queue's
// own cost: CPU of the operator and writes to the API server for each job.

import type { Clock } from '../src/core/clock.ts'
import { sleep } from '../src/core/clock.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import { connections, countEvents, createJob, writesOf } from './api-server.ts'
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
  readonly clock: Clock
  readonly namespace: string
  readonly jobs: number
  readonly operatorPid: number
  readonly say: (now: string) => void
  readonly signal: AbortSignal
}

export async function measureThroughput(options: ThroughputOptions): Promise<ThroughputRun> {
  const { api, clock, namespace, jobs, operatorPid, signal } = options
  const before = { writes: await writesOf(api), cost: costOf(operatorPid) }
  let completed = 0
  const stopWatch = await countEvents(api, namespace, 'status.phase=Completed', () => completed++)
  // When one half fails, the other one must not wait for what will never come.
  const failed = new AbortController()
  const both = { ...options, signal: AbortSignal.any([signal, failed.signal]) }
  const started = clock.monotonic()
  try {
    await Promise.all([createAll(both), allCompleted(both, () => completed)])
  } finally {
    failed.abort()
    stopWatch()
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

async function createAll({ api, namespace, jobs, signal }: ThroughputOptions): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < jobs && !signal.aborted) {
      const number = ++next
      await createJob(api, namespace, `noop-${number}`, noopJob(number))
    }
  }
  await Promise.all(Array.from({ length: connections }, lane))
}

async function allCompleted(
  { clock, jobs, say, signal }: ThroughputOptions,
  completed: () => number,
): Promise<void> {
  let seen = 0
  let seenAt = clock.monotonic()
  while (completed() < jobs && !signal.aborted) {
    if (completed() > seen) {
      seen = completed()
      seenAt = clock.monotonic()
      say(`${seen} of ${jobs} jobs`)
    }
    if (clock.monotonic() - seenAt > silenceMs) {
      throw new Error(
        `no job was completed for ${silenceMs / 1000} s: ${seen} of ${jobs} are; the operator and worker logs in the cluster's folder say why (option --keep)`,
      )
    }
    await sleep(clock, lookEveryMs)
  }
}
