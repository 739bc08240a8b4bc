// The ceiling: how many jobs a second could at best be created and recorded as finished, if the queue
// itself cost nothing. It is what etcd and the API server take on this machine: each of 32 connections
// creates a job, writes the status that the operator would write, and goes on with the next one. One
// watch is open, because the operator needs one. No operator runs.

import type { Clock } from '../src/core/clock.ts'
import { KubeStatusStore } from '../src/kube/jobs.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import { connections, countEvents, createJob } from './api-server.ts'
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
  readonly clock: Clock
  readonly namespace: string
  /** Names begin with it, so that two runs in one namespace do not meet. */
  readonly prefix: string
  readonly jobs: number
  readonly signal: AbortSignal
}

export async function measureCeiling(options: CeilingOptions): Promise<CeilingRun> {
  const { api, clock, namespace, prefix, jobs, signal } = options
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
  let events = 0
  const stopWatch = await countEvents(api, namespace, '', () => events++)
  const started = clock.monotonic()
  try {
    await Promise.all(Array.from({ length: connections }, lane))
  } finally {
    stopWatch()
  }
  signal.throwIfAborted()
  const seconds = (clock.monotonic() - started) / 1000
  if (events === 0) throw new Error('the watch that belongs to the measurement delivered nothing')
  const spreads = { createMs: spreadOf(createMs), statusMs: spreadOf(statusMs) }
  return { jobs, seconds, jobsPerSecond: jobs / seconds, ...spreads }
}
