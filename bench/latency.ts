// How long a job waits when there is nothing to wait for: from the moment a client calls create to the
// moment the handler is called, at rates far below what the system could do. Jobs are sent in an open
// loop (open-loop.ts), both moments are read from one clock (same-clock.ts).

import type { QueueJobSpecInput } from '../src/api/queuejob.ts'
import type { Clock } from '../src/core/clock.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import { createJob } from './api-server.ts'
import { noopJob } from './noop-job.ts'
import { type OpenLoopRun, type Rate, runOpenLoop } from './open-loop.ts'
import { type Spread, spreadOf } from './percentiles.ts'
import { machineMicros } from './same-clock.ts'
import type { StartFeed } from './start-feed.ts'

/** After the last creation; a job that is not started by then is an error, not a long wait. */
const startWithinMs = 30_000

export interface LatencyRun {
  readonly perSecond: number
  readonly jobs: number
  /** Milliseconds from create call to handler call. */
  readonly ms: Spread
  /** How late the sender itself was at worst; see open-loop.ts. */
  readonly senderLateMs: number
}

export interface LatencyOptions {
  readonly api: KubeTransport
  readonly clock: Clock
  readonly feed: StartFeed
  readonly namespace: string
  /** Of the first job; the names of the jobs are made of their numbers. */
  readonly firstNumber: number
  /** Default: a job that does nothing. */
  readonly specOf?: (number: number) => QueueJobSpecInput
  readonly signal: AbortSignal
}

export async function measureLatency(rate: Rate, options: LatencyOptions): Promise<LatencyRun> {
  const { api, clock, feed, namespace, firstNumber, signal, specOf = noopJob } = options
  const calledAt = new Map<number, number>()
  const creations: Promise<unknown>[] = []
  const send = (index: number) => {
    const number = firstNumber + index
    calledAt.set(number, machineMicros())
    creations.push(createJob(api, namespace, `noop-${number}`, specOf(number)))
  }
  const run: OpenLoopRun = await runOpenLoop(rate, clock, send, signal)
  await Promise.all(creations)
  signal.throwIfAborted()
  const missing = await feed.waitFor([...calledAt.keys()], startWithinMs, clock)
  if (missing.length > 0) {
    throw new Error(
      `${missing.length} of ${run.sent} jobs were not started within ${startWithinMs / 1000} s, the first is ${namespace}/noop-${missing[0]}`,
    )
  }
  const waits = [...calledAt].map(
    ([number, called]) => ((feed.startedAt(number) ?? Number.NaN) - called) / 1000,
  )
  return {
    perSecond: rate.perSecond,
    jobs: run.sent,
    ms: spreadOf(waits),
    senderLateMs: run.latestMs,
  }
}
