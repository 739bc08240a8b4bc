// The demo's scenes: the shop's jobs from `kubectl apply` to their ends, and how long a job waits before
// its handler is called.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { workerOf } from '../bench/installation.ts'
import { kubectl, root } from '../bench/kubectl.ts'
import { type LatencyRun, measureLatency } from '../bench/latency.ts'
import { StartFeed } from '../bench/start-feed.ts'
import type { DevCluster } from '../devcluster/cluster.ts'
import type { ManagedProcess } from '../devcluster/process.ts'
import type { Clock } from '../src/core/clock.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import { type Expectation, expectationsIn } from './expectations.ts'
import { type Picture, showJobs } from './show.ts'
import { allEnded, judge, phaseOf, type Verdict } from './verdict.ts'

export const namespace = 'default'
/** The slowest example takes about ten seconds; a machine that is busy with other things takes longer. */
const endWithinMs = 120_000

export interface Scene {
  readonly cluster: DevCluster
  readonly api: KubeTransport
  readonly clock: Clock
  readonly picture: Picture
  readonly signal: AbortSignal
}

/** Applies the queue and the jobs of examples/, cancels what is to be cancelled, and waits for the ends. */
export async function playShop(scene: Scene): Promise<Verdict> {
  const { cluster, api, clock, picture, signal } = scene
  const expectations = shopExpectations()
  await typed(cluster, picture, ['apply', '-f', 'examples/queue.yaml', '-f', 'examples/jobs'])
  let cancelled = false
  const views = await showJobs(
    { api, clock, namespace, picture, withinMs: endWithinMs, signal },
    async (now) => {
      if (!cancelled && phaseOf('report-2024', now) === 'Running') {
        cancelled = true
        await typed(cluster, picture, ['apply', '-f', 'examples/actions/cancel-report.yaml'])
      }
      return allEnded(expectations, now)
    },
  )
  return judge(expectations, views)
}

function shopExpectations(): readonly Expectation[] {
  const folder = path.join(root, 'examples', 'jobs')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .flatMap((file) => expectationsIn(file, readFileSync(path.join(folder, file), 'utf8')))
}

async function typed(
  cluster: DevCluster,
  picture: Picture,
  args: readonly string[],
): Promise<void> {
  picture.say(`$ kubectl ${args.join(' ')}`)
  await kubectl(cluster, [...args, '--namespace', namespace])
}

const latencyNamespace = 'latency'
/** 200 jobs, at a rate that leaves the machine mostly idle: none waits for another one. */
const measured = { perSecond: 20, seconds: 10 }
/** A new worker's first jobs set things up (a consumer, connections) that later ones find in place. */
const warmUp = { perSecond: 10, seconds: 2 }

/** From the call that creates a job to the call of its handler, in a namespace and worker of their own. */
export async function measureStarts(
  { cluster, api, clock, signal }: Scene,
  started: (worker: ManagedProcess) => void,
  say: (now: string) => void,
): Promise<LatencyRun> {
  await kubectl(cluster, ['create', 'namespace', latencyNamespace])
  const feed = await StartFeed.open()
  try {
    const worker = await workerOf(cluster, {
      name: 'latency-worker',
      file: 'bench/noop-worker.ts',
      namespace: latencyNamespace,
      env: { BENCH_START_PORT: String(feed.port), GOPHERQUEUE_LOG_LEVEL: 'warn' },
    })
    started(worker)
    say('starting a worker')
    await worker.start()
    say('measuring')
    const shared = { api, clock, signal, feed, namespace: latencyNamespace }
    const first = await measureLatency(warmUp, { ...shared, firstNumber: 1 })
    return await measureLatency(measured, { ...shared, firstNumber: 1 + first.jobs })
  } finally {
    await feed.close()
  }
}
