// The ceiling: how many jobs a second could at best be created and recorded as finished, if the
// queue itself cost nothing. It is what the API server and etcd take from this client: each of 32
// connections creates a job, writes the same status that the operator would write, and goes on.
// One watch is open, because the operator needs one. No operator runs.

import type { Clock } from '../src/core/clock.ts'
import type { ApiServer } from './api-server.ts'
import { noopJob } from './noop-job.ts'
import { type Spread, spreadOf } from './percentiles.ts'
import { completionPatch } from './written-status.ts'

/** As many as the operator's own writer has in flight. */
export const lanes = 32

export interface CeilingRun {
  readonly jobs: number
  readonly seconds: number
  readonly jobsPerSecond: number
  readonly createMs: Spread
  readonly statusMs: Spread
}

export interface CeilingOptions {
  readonly server: ApiServer
  readonly clock: Clock
  readonly namespace: string
  /** Names begin with it, so that two runs in one namespace do not meet. */
  readonly prefix: string
  readonly jobs: number
  readonly signal: AbortSignal
}

export async function measureCeiling(options: CeilingOptions): Promise<CeilingRun> {
  const { server, clock, namespace, prefix, jobs } = options
  let events = 0
  const stopWatch = await server.watchJobs(namespace, '', () => events++)
  const createMs: number[] = []
  const statusMs: number[] = []
  let next = 0
  const lane = async () => {
    while (next < jobs && !options.signal.aborted) {
      const number = ++next
      const begun = clock.monotonic()
      const job = await server.createJob(namespace, `${prefix}-${number}`, noopJob(number))
      const created = clock.monotonic()
      const patch = completionPatch(namespace, job, number, clock.now())
      const computed = clock.monotonic()
      await server.patchStatus(namespace, job.name, patch)
      createMs.push(created - begun)
      statusMs.push(clock.monotonic() - computed)
    }
  }
  const started = clock.monotonic()
  try {
    await Promise.all(Array.from({ length: lanes }, lane))
  } finally {
    stopWatch()
  }
  options.signal.throwIfAborted()
  const seconds = (clock.monotonic() - started) / 1000
  if (events === 0) throw new Error('the watch that belongs to the measurement delivered nothing')
  return {
    jobs,
    seconds,
    jobsPerSecond: jobs / seconds,
    createMs: spreadOf(createMs),
    statusMs: spreadOf(statusMs),
  }
}
