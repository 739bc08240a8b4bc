// The benchmarks on a cluster, each from a cluster without an operator to a report.

import type { DevCluster } from '../devcluster/cluster.ts'
import type { ManagedProcess } from '../devcluster/process.ts'
import { API_VERSION } from '../src/api/conditions.ts'
import type { Clock } from '../src/core/clock.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import type { Time } from './api-server.ts'
import { measureBacklog } from './backlog.ts'
import { type CeilingRun, measureCeiling } from './ceiling.ts'
import { measureFairness } from './fairness.ts'
import { bundleOperator, operatorOf, workerOf } from './installation.ts'
import { kubectl } from './kubectl.ts'
import { type LatencyRun, measureLatency } from './latency.ts'
import type { BenchName, BenchOptions } from './options.ts'
import {
  type Report,
  reportBacklog,
  reportCeiling,
  reportFairness,
  reportLatency,
  reportScheduler,
  reportStart,
  reportThroughput,
} from './report.ts'
import { measureStart } from './rest.ts'
import { measureScheduler } from './scheduler.ts'
import { StartFeed } from './start-feed.ts'
import { step } from './step.ts'
import { measureThroughput, type ThroughputRun } from './throughput.ts'

/** Where the operator's jobs are. The ceiling is measured elsewhere: there they are counted. */
export const namespace = 'bench'
const ceilingNamespace = 'default'
const schedulerQueues = 1_000
/** Before anything is measured: the first requests to a new kind wait for two seconds. */
const warmUpJobs = 300
const warmUpSeconds = 5

export interface Bench {
  readonly options: BenchOptions
  readonly cluster: DevCluster
  readonly api: KubeTransport
  readonly time: Time
  readonly signal: AbortSignal
}

export type ClusterBench = Exclude<BenchName, 'scheduler'>

export function runBench(name: ClusterBench, bench: Bench): Promise<Report> {
  switch (name) {
    case 'ceiling':
      return ceiling(bench)
    case 'throughput':
      return throughput(bench)
    case 'latency':
      return latency(bench)
    case 'start':
      return start(bench)
    case 'backlog':
      return backlog(bench)
    case 'fairness':
      return fairness(bench)
  }
}

/** The only one without a cluster. */
export function scheduler(
  { jobs }: Pick<BenchOptions, 'jobs'>,
  clock: Clock,
  signal: AbortSignal,
): Promise<Report> {
  return step(
    `scheduler, ${jobs} jobs`,
    `decisions with ${schedulerQueues} queues, without and with limits`,
    async (say) =>
      reportScheduler(
        await measureScheduler({ jobs, queues: schedulerQueues, clock, say, signal }),
      ),
  )
}

async function ceiling(bench: Bench): Promise<Report> {
  await ceilingOf(bench, 'warm-up', warmUpJobs)
  return reportCeiling(await ceilingOf(bench, 'ceiling', bench.options.jobs))
}

function ceilingOf(bench: Bench, prefix: string, jobs: number): Promise<CeilingRun> {
  const { api, time, signal } = bench
  return step(
    `${prefix}, ${jobs} jobs`,
    'create and status write, no operator',
    () => measureCeiling({ api, time, signal, namespace: ceilingNamespace, prefix, jobs }),
    jobsASecond,
  )
}

const jobsASecond = (run: { readonly jobsPerSecond: number }) =>
  `${Math.round(run.jobsPerSecond)} jobs/s`

// The ceiling is measured before and after: a machine is not equally fast all the time.
async function throughput(bench: Bench): Promise<Report> {
  const { options } = bench
  const half = Math.ceil(options.jobs / 2)
  await ceilingOf(bench, 'warm-up', warmUpJobs)
  const before = options.ceiling ? [await ceilingOf(bench, 'ceiling-before', half)] : []
  const { operator, worker } = await startSystem(bench, {})
  await throughputOf(bench, operator, 'warm-up', warmUpJobs)
  const run = await throughputOf(bench, operator, 'throughput', options.jobs)
  await worker.stop()
  await operator.stop()
  const after = options.ceiling ? [await ceilingOf(bench, 'ceiling-after', half)] : []
  return reportThroughput(run, [...before, ...after])
}

function throughputOf(
  { api, time, signal }: Bench,
  operator: ManagedProcess,
  prefix: string,
  jobs: number,
): Promise<ThroughputRun> {
  const operatorPid = operator.pid ?? 0
  const shared = { api, time, signal, namespace, prefix, jobs, operatorPid }
  return step(
    `${prefix}, ${jobs} jobs`,
    'through the whole system',
    (say) => measureThroughput({ ...shared, say }),
    jobsASecond,
  )
}

function latency(bench: Bench): Promise<Report> {
  return withFeed(async (feed) => {
    const { options, api, time, signal } = bench
    const { clock } = time
    await startSystem(bench, { BENCH_START_PORT: String(feed.port) })
    let firstNumber = 1
    const measure = async (perSecond: number, seconds: number) => {
      const shared = { api, clock, signal, feed, namespace, firstNumber }
      const run = await measureLatency({ perSecond, seconds }, shared)
      firstNumber += run.jobs
      return run
    }
    await measure(options.rates[0] ?? 1, warmUpSeconds)
    const runs: LatencyRun[] = []
    for (const perSecond of options.rates) {
      const { seconds } = options
      const title = `latency, ${perSecond} jobs/s`
      runs.push(await step(title, `for ${seconds} s`, () => measure(perSecond, seconds)))
    }
    return reportLatency(runs)
  })
}

async function start({ options, cluster, time, signal }: Bench): Promise<Report> {
  const operator = await operatorOf(cluster, await bundleOperator(cluster))
  const { starts, seconds } = options
  const run = await step(`${starts} starts`, 'and the memory at rest after the last one', () =>
    measureStart({ operator, starts, restMs: seconds * 1000, clock: time.clock, signal }),
  )
  await operator.stop()
  return reportStart(run)
}

/** The operator's idle queue: there, so that its jobs wait for workers and not for their queue. */
const idleQueue = 'backlog'

function backlog(bench: Bench): Promise<Report> {
  return withFeed(async (feed) => {
    const { options, api, time, signal, cluster } = bench
    const { operator } = await startSystem(bench, { BENCH_START_PORT: String(feed.port) })
    const queue = { kind: 'Queue', metadata: { name: idleQueue, namespace }, spec: {} }
    const text = JSON.stringify({ apiVersion: API_VERSION, ...queue })
    await kubectl(cluster, ['create', '-f', '-'], text)
    const { jobs, seconds } = options
    const rate = { perSecond: options.rates[0] ?? 50, seconds }
    const shared = { api, clock: time.clock, signal, feed, namespace, operator, jobs, rate }
    const run = await step(`backlog, ${jobs} jobs`, 'that nobody can run', (say) =>
      measureBacklog({ ...shared, queue: idleQueue, restSeconds: seconds, say }),
    )
    return reportBacklog(run)
  })
}

function fairness(bench: Bench): Promise<Report> {
  return withFeed(async (feed) => {
    const { options, api, time, signal } = bench
    await startSystem(bench, { BENCH_START_PORT: String(feed.port) })
    const { jobs: waiting, seconds } = options
    const rate = { perSecond: options.rates[0] ?? 10, seconds }
    const shared = { api, clock: time.clock, signal, feed, namespace }
    const run = await step(`fairness, ${waiting} jobs of the noisy tenant`, 'in one queue', (say) =>
      measureFairness(rate, { ...shared, backlog: waiting, say }),
    )
    return reportFairness(run)
  })
}

/** Closed also when the run fails: an open server would keep the process from ending. */
async function withFeed<T>(run: (feed: StartFeed) => Promise<T>): Promise<T> {
  const feed = await StartFeed.open()
  try {
    return await run(feed)
  } finally {
    await feed.close()
  }
}

interface System {
  readonly operator: ManagedProcess
  readonly worker: ManagedProcess
}

function startSystem(
  { cluster, options }: Bench,
  workerEnv: Readonly<Record<string, string>>,
): Promise<System> {
  return step('system', 'the bundled operator and one worker', async () => {
    const operator = await operatorOf(cluster, await bundleOperator(cluster))
    const worker = await workerOf(cluster, {
      name: 'worker',
      file: 'bench/noop-worker.ts',
      namespace,
      env: {
        ...workerEnv,
        GOPHERQUEUE_SLOTS: String(options.slots),
        GOPHERQUEUE_LOG_LEVEL: 'warn',
      },
    })
    await Promise.all([operator.start(), worker.start()])
    return { operator, worker }
  })
}
