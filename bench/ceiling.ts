// The ceiling: how many jobs a second could at best be created and recorded as finished, if the queue
// itself cost nothing. It is what etcd and the API server take on this machine: each of 32 connections
// creates a job, writes the status that the operator would write, and goes on with the next one. One
// watch is open, because the operator needs one. No operator runs.

import { KubeStatusStore } from '../src/kube/jobs.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import { connections, createJob, type Time, watchJobs } from './api-server.ts'
import { completedStatus } from './completion.ts'
import { noopJob } from './noop-job.ts'
import { type Spread, spreadOf } from './percentiles.ts'

export interface CeilingRun {
  readonly jobs: number
  readonly seconds: number
  readonly jobsPerSecond: number
  readonly createMs: Spread
  readonly statusMs: Spread
}

export interface CeilingOptions {
  readonly api: KubeTransport
  readonly time: Time
  readonly namespace: string
  /** Names begin with it, so that two runs in one namespace do not meet. */
  readonly prefix: string
  readonly jobs: number
  readonly signal: AbortSignal
}

export async function measureCeiling(options: CeilingOptions): Promise<CeilingRun> {
  const { api, time, namespace, prefix, jobs, signal } = options
  const { clock } = time
  const store = new KubeStatusStore(api)
  const createMs: number[] = []
  const statusMs: number[] = []
  let next = 0
  const lane = async () => {
    while (next < jobs && !signal.aborted) {
      const number = ++next
      const begun = clock.monotonic()
      const job = await createJob(api, namespace, `${prefix}-${number}`, noopJob(number))
      const created = clock.monotonic()
      const status = completedStatus(job, number, clock.now())
      const answer = await store.writeStatus(job, job.status, status)
      if (answer.kind !== 'written') {
        throw new Error(`the status of ${job.name} was not taken: ${JSON.stringify(answer)}`)
      }
      createMs.push(created - begun)
      statusMs.push(clock.monotonic() - created)
    }
  }
  const watch = await watchJobs(api, time, namespace, '')
  const started = clock.monotonic()
  try {
    await Promise.all(Array.from({ length: connections }, lane))
  } finally {
    watch.stop()
  }
  signal.throwIfAborted()
  const seconds = (clock.monotonic() - started) / 1000
  const spreads = { createMs: spreadOf(createMs), statusMs: spreadOf(statusMs) }
  return { jobs, seconds, jobsPerSecond: jobs / seconds, ...spreads }
}
