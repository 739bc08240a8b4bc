// What each benchmark says: a table for people and one object for programs, from the same numbers.

import type { BacklogRun } from './backlog.ts'
import type { CeilingRun } from './ceiling.ts'
import type { FairnessRun } from './fairness.ts'
import type { LatencyRun } from './latency.ts'
import type { BenchOptions } from './options.ts'
import { round, type Spread, spreadOf } from './percentiles.ts'
import type { StartRun } from './rest.ts'
import type { SchedulerRun } from './scheduler.ts'
import { type Cell, textTable } from './table.ts'
import type { ThroughputRun } from './throughput.ts'

export interface Report {
  readonly text: string
  readonly json: Readonly<Record<string, unknown>>
}

export function reportCeiling(run: CeilingRun): Report {
  const rows = [
    ['create', ...spreadCells(run.createMs)],
    ['status write', ...spreadCells(run.statusMs)],
  ]
  return {
    text: [
      textTable(['ms', ...spreadHeading], rows),
      `${run.jobs} jobs created and recorded as finished in ${round(run.seconds)} s: ${round(run.jobsPerSecond)} jobs/s`,
    ].join('\n\n'),
    json: {
      bench: 'ceiling',
      jobs: run.jobs,
      jobsPerSecond: round(run.jobsPerSecond),
      createMs: spreadJson(run.createMs),
      statusMs: spreadJson(run.statusMs),
    },
  }
}

/** @param ceilings of the same run, before and after; empty when they were left out */
export function reportThroughput(run: ThroughputRun, ceilings: readonly CeilingRun[]): Report {
  const ceiling = ceilings.length === 0 ? null : mean(ceilings.map((each) => each.jobsPerSecond))
  const cpu = run.operatorCpuMsPerJob
  const rows: Cell[][] = [
    ['jobs completed per second', round(run.jobsPerSecond)],
    ['ceiling of this run, jobs/s', ceiling === null ? 'left out' : round(ceiling)],
    ['ratio', ceiling === null ? '' : round(run.jobsPerSecond / ceiling, 2)],
    ['operator CPU per job, ms', cpu === undefined ? 'unknown here' : round(cpu, 2)],
    ['API writes of the operator per job', round(run.apiWritesPerJob, 3)],
    ...Object.entries(run.writes).map(([what, count]): Cell[] => [`  ${what}`, count]),
  ]
  return {
    text: textTable(['', `${run.jobs} jobs in ${round(run.seconds)} s`], rows),
    json: {
      bench: 'throughput',
      jobs: run.jobs,
      jobsPerSecond: round(run.jobsPerSecond),
      ceilingPerSecond: ceiling === null ? null : round(ceiling),
      ratio: ceiling === null ? null : round(run.jobsPerSecond / ceiling, 3),
      operatorCpuMsPerJob: cpu === undefined ? null : round(cpu, 3),
      apiWritesPerJob: round(run.apiWritesPerJob, 3),
      writes: run.writes,
    },
  }
}

export function reportLatency(runs: readonly LatencyRun[]): Report {
  const rows = runs.map((run): Cell[] => [
    run.perSecond,
    run.jobs,
    ...spreadCells(run.ms),
    round(run.senderLateMs),
  ])
  return {
    text: textTable(['jobs/s', 'jobs', ...spreadHeading, 'sender late'], rows),
    json: {
      bench: 'latency',
      rates: runs.map(({ perSecond, jobs, ms, senderLateMs }) => ({
        perSecond,
        ...spreadJson(ms),
        jobs,
        senderLateMs: round(senderLateMs),
      })),
    },
  }
}

export function reportStart(run: StartRun): Report {
  const { residentBytes, readyMs } = run
  const starts = readyMs.count
  const mib = residentBytes === undefined ? undefined : residentBytes / 1_048_576
  const rows: Cell[][] = [
    ['ready after start, ms, median', round(readyMs.p50, 0)],
    ['ready after start, ms, slowest', round(readyMs.max, 0)],
    ['resident memory at rest, MiB', mib === undefined ? 'unknown here' : round(mib)],
  ]
  return {
    text: textTable(['', `${starts} starts`], rows),
    json: {
      bench: 'start',
      starts,
      readyMs: { p50: round(readyMs.p50, 0), max: round(readyMs.max, 0) },
      rssMiB: mib === undefined ? null : round(mib),
    },
  }
}

export function reportBacklog(run: BacklogRun): Report {
  const { bytesPerJob } = run
  const kib = bytesPerJob === undefined ? undefined : bytesPerJob / 1024
  const rows: Cell[][] = [
    ['operator memory per waiting job, KiB', kib === undefined ? 'unknown here' : round(kib, 2)],
    ['API requests at rest, per second', round(run.requestsPerSecond, 2)],
    ['cold start to the first handler, ms', round(run.coldStartMs, 0)],
    [
      'latency without it, p50 / p99, ms',
      `${round(run.empty.ms.p50)} / ${round(run.empty.ms.p99)}`,
    ],
    [
      'latency beside it, p50 / p99, ms',
      `${round(run.beside.ms.p50)} / ${round(run.beside.ms.p99)}`,
    ],
  ]
  return {
    text: textTable(['', `${run.jobs} waiting jobs`], rows),
    json: {
      bench: 'backlog',
      jobs: run.jobs,
      kibPerJob: kib === undefined ? null : round(kib, 2),
      requestsPerSecond: round(run.requestsPerSecond, 2),
      restSeconds: run.restSeconds,
      coldStartMs: round(run.coldStartMs, 0),
      emptyMs: spreadJson(run.empty.ms),
      besideMs: spreadJson(run.beside.ms),
    },
  }
}

export function reportScheduler(run: SchedulerRun): Report {
  const [plain, keyed, limited] = [run.starts.plain, run.starts.keyed, run.starts.limited].map(
    (each) => spreadOf(each).p50,
  ) as [number, number, number]
  // Of runs that followed each other: the machine was as busy for one as for the other.
  const ratios = run.starts.keyed.map((each, n) => each / (run.starts.limited[n] ?? Number.NaN))
  const cost = (spreadOf(ratios).p50 - 1) * 100
  const { ledgerBytes, readyBytes } = run
  const rows: Cell[][] = [
    ['starts per CPU second, jobs without keys', round(plain, 0)],
    ['starts per CPU second, jobs with keys', round(keyed, 0)],
    ['starts per CPU second, jobs with keys, limits on', round(limited, 0)],
    ['cost of switching the limits on, percent', round(cost)],
    ['memory per job: object and record, bytes', round(ledgerBytes, 0)],
    ['memory per job: its place, without keys, bytes', round(readyBytes.plain, 0)],
    ['memory per job: its place, with keys, bytes', round(readyBytes.keyed, 0)],
  ]
  return {
    text: textTable(
      ['', `${run.jobs} waiting jobs in ${run.queues} queues, ${run.slots} slots`],
      rows,
    ),
    json: {
      bench: 'scheduler',
      jobs: run.jobs,
      queues: run.queues,
      slots: run.slots,
      startsPerCpuSecond: {
        plain: round(plain, 0),
        keyed: round(keyed, 0),
        limited: round(limited, 0),
      },
      costPercent: round(cost),
      ledgerBytesPerJob: round(ledgerBytes, 0),
      readyBytesPerJob: { plain: round(readyBytes.plain, 0), keyed: round(readyBytes.keyed, 0) },
    },
  }
}

export function reportFairness(run: FairnessRun): Report {
  const { alone, beside } = run
  const ratio = round(beside.ms.p95 / alone.ms.p95, 2)
  const cells = ({ ms }: LatencyRun) =>
    [ms.p50, ms.p95, ms.p99, ms.max].map((value) => round(value))
  const rows: Cell[][] = [
    ['alone', alone.jobs, ...cells(alone)],
    [`beside ${run.backlog} jobs of another tenant`, beside.jobs, ...cells(beside)],
  ]
  return {
    text: [
      textTable(['create to handler, ms', 'jobs', 'p50', 'p95', 'p99', 'max'], rows),
      `p95 beside the noisy tenant is ${ratio} times that alone; ${run.left} of its jobs still waited at the end`,
    ].join('\n\n'),
    json: {
      bench: 'fairness',
      backlog: run.backlog,
      left: run.left,
      ratioP95: ratio,
      alone: { ...spreadJson(alone.ms), p95: round(alone.ms.p95), jobs: alone.jobs },
      beside: { ...spreadJson(beside.ms), p95: round(beside.ms.p95), jobs: beside.jobs },
    },
  }
}

export interface Machine {
  readonly cpus: number
  readonly platform: string
  readonly node: string
  readonly kubernetes: string
  readonly nats: string
  /** Processes that wanted to run in the minute before: on an idle machine next to none. */
  readonly loadBefore: number
}

/** Under which conditions a number was measured: it means nothing without them. */
export function reportConditions(
  { goGc, name }: Pick<BenchOptions, 'goGc' | 'name'>,
  machine: Machine,
): Report {
  const { cpus, platform, node, kubernetes, nats, loadBefore } = machine
  const where = `${cpus} CPUs, ${platform}, Node ${node}`
  const load = `load ${loadBefore} before the start`
  if (name === 'scheduler') {
    return { text: `one process; ${where}; ${load}`, json: { cpus, platform, node, loadBefore } }
  }
  const gc = goGc ? 'GOGC=400 GOMEMLIMIT=5GiB' : 'defaults of Go'
  return {
    text: `API server with ${gc}; etcd without fsync; everything on one machine: ${where}, Kubernetes ${kubernetes}, nats-server ${nats}; ${load}`,
    json: { apiserverGc: gc, etcdFsync: false, ...machine },
  }
}

const spreadHeading = ['p50', 'p90', 'p99', 'max']

function spreadCells({ p50, p90, p99, max }: Spread): number[] {
  return [p50, p90, p99, max].map((value) => round(value))
}

function spreadJson({ p50, p90, p99, max }: Spread) {
  return { p50: round(p50), p90: round(p90), p99: round(p99), max: round(max) }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
