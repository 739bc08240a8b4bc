// The command line of the benchmarks: `npm run bench -- NAME [options]`.

import { parseArgs } from 'node:util'

export const benchNames = [
  'ceiling',
  'throughput',
  'latency',
  'start',
  'backlog',
  'fairness',
  'scheduler',
] as const
export type BenchName = (typeof benchNames)[number]

export const usage = `usage: npm run bench -- NAME [options]

  ceiling      what etcd and the API server take: create + status write, no operator
  throughput   jobs that do nothing through the whole system, beside the ceiling of the same run
  latency      from the client's create call to the handler's start, in an open loop
  start        how long the operator takes to be ready, and its memory at rest
  backlog      what many waiting jobs cost: memory, requests at rest, latency beside them, cold start
  fairness     a quiet tenant's wait alone and beside a noisy tenant with a backlog
  scheduler    decisions per second with many waiting jobs in 1000 queues, without and with limits;
               needs no cluster

  --jobs N       ceiling, throughput: number of jobs (default 3000, 5000); backlog, fairness: how many
                 wait (20000, 8000); scheduler (100000)
  --slots N      throughput, latency, backlog: slots of the worker (default 100); fairness (10)
  --rates A,B    latency: creations per second, one run each (default 50,100); the others use the first
  --seconds N    latency, backlog, fairness: length of each run (default 60, 20, 20); start: rest before
                 memory is read (10)
  --starts N     start: number of starts (default 5)
  --no-ceiling   throughput: leave the ceiling out
  --no-gc        run the API server with Go's default garbage collection, not GOGC=400
  --json         print one JSON line on stdout; tables and progress go to stderr
  --keep         keep the cluster's folder with all logs
  --help

Every other run starts its own Kubernetes control plane and NATS server (devcluster/) and removes them.
`

export interface BenchOptions {
  readonly name: BenchName
  readonly jobs: number
  readonly slots: number
  readonly rates: readonly number[]
  readonly seconds: number
  readonly starts: number
  readonly ceiling: boolean
  /** The API server runs with GOGC=400 and a memory limit. */
  readonly goGc: boolean
  readonly json: boolean
  readonly keep: boolean
}

export type ParsedOptions =
  | { readonly kind: 'run'; readonly options: BenchOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string }

const defaultJobs: Readonly<Record<BenchName, number>> = {
  ceiling: 3000,
  throughput: 5000,
  latency: 1,
  start: 1,
  backlog: 20_000,
  fairness: 8000,
  scheduler: 100_000,
}

const defaultSeconds: Readonly<Record<BenchName, number>> = {
  ceiling: 1,
  throughput: 1,
  latency: 60,
  start: 10,
  backlog: 20,
  fairness: 20,
  scheduler: 1,
}

export function parseOptions(args: readonly string[]): ParsedOptions {
  try {
    return parse(args)
  } catch (error) {
    return { kind: 'wrong', problem: error instanceof Error ? error.message : String(error) }
  }
}

function parse(args: readonly string[]): ParsedOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    allowNegative: true,
    options: {
      jobs: { type: 'string' },
      slots: { type: 'string' },
      rates: { type: 'string' },
      seconds: { type: 'string' },
      starts: { type: 'string', default: '5' },
      ceiling: { type: 'boolean', default: true },
      gc: { type: 'boolean', default: true },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return { kind: 'help' }
  const name = benchNames.find((known) => known === positionals[0])
  if (name === undefined || positionals.length > 1) {
    const given = positionals.join(' ')
    return { kind: 'wrong', problem: `NAME must be one of ${benchNames.join(', ')}, is "${given}"` }
  }
  return {
    kind: 'run',
    options: {
      name,
      jobs: whole('jobs', values.jobs ?? String(defaultJobs[name]), 1, 1_000_000),
      slots: whole('slots', values.slots ?? (name === 'fairness' ? '10' : '100'), 1, 10_000),
      rates: (values.rates ?? (name === 'fairness' ? '10' : '50,100'))
        .split(',')
        .map((rate) => whole('rates', rate, 1, 10_000)),
      seconds: whole('seconds', values.seconds ?? String(defaultSeconds[name]), 1, 3600),
      starts: whole('starts', values.starts, 1, 100),
      ceiling: values.ceiling,
      goGc: values.gc,
      json: values.json,
      keep: values.keep,
    },
  }
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new Error(`--${option} must be a whole number from ${least} to ${most}, is "${text}"`)
}
