// What a noisy tenant costs a quiet one: the quiet tenant's jobs, sent in an open loop, first alone and
// then while another tenant of the same queue has a backlog that outlasts the run. Both submit with a
// `fairnessKey` of their own, every job takes the same time, and all slots are busy in the second run.

import { connections, createJob } from './api-server.ts'
import { type LatencyOptions, type LatencyRun, measureLatency } from './latency.ts'
import { noopJob } from './noop-job.ts'
import type { Rate } from './open-loop.ts'

/** How long each handler holds its slot. */
const jobMs = 100

export interface FairnessRun {
  readonly backlog: number
  readonly alone: LatencyRun
  readonly beside: LatencyRun
  /** Jobs of the noisy tenant that were still waiting at the end of the second run. */
  readonly left: number
}

export interface FairnessOptions extends Omit<LatencyOptions, 'firstNumber' | 'specOf'> {
  readonly backlog: number
  readonly say: (now: string) => void
}

export async function measureFairness(rate: Rate, options: FairnessOptions): Promise<FairnessRun> {
  const { api, namespace, feed, clock, backlog, signal, say } = options
  const quiet = (number: number) => ({ ...noopJob(number, jobMs), fairnessKey: 'quiet' })
  const latency = (firstNumber: number) =>
    measureLatency(rate, { ...options, firstNumber, specOf: quiet })
  say('the quiet tenant alone')
  const alone = await latency(1)
  const first = alone.jobs + 1
  await inLanes(backlog, async (index) => {
    signal.throwIfAborted()
    if (index % 500 === 0) say(`${index} of ${backlog} jobs of the noisy tenant`)
    const number = first + index
    const spec = { ...noopJob(number, jobMs), fairnessKey: 'noisy' }
    await createJob(api, namespace, `noisy-${number}`, spec)
  })
  say('both')
  const beside = await latency(first + backlog)
  const noisy = Array.from({ length: backlog }, (_, index) => first + index)
  const left = (await feed.waitFor(noisy, 0, clock)).length
  if (left === 0) {
    throw new Error(
      'the backlog was worked off before the run ended: give more --jobs or fewer --seconds',
    )
  }
  return { backlog, alone, beside, left }
}

/** As many at once as the transport has connections. */
async function inLanes(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: connections }, lane))
}
