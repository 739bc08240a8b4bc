// The benchmarks' entry: `npm run bench -- NAME`. Each starts a cluster of its own, measures one thing,
// prints a table and the conditions, and leaves nothing behind. With `--json` the last line on stdout is
// one object with the same numbers, and everything else goes to stderr.

import { availableParallelism, loadavg } from 'node:os'
import { startCluster } from '../devcluster/cluster.ts'
import { kubernetesVersion, natsVersion } from '../devcluster/recipe.ts'
import { realClock, realRandom } from '../src/process/clock.ts'
import { connectTo } from './api-server.ts'
import { type ClusterBench, namespace, runBench, scheduler } from './benches.ts'
import { applyResources } from './installation.ts'
import { interruption } from './interruption.ts'
import { applyCrds, kubectl } from './kubectl.ts'
import { type BenchOptions, parseOptions, usage } from './options.ts'
import { round } from './percentiles.ts'
import { type Report, reportConditions } from './report.ts'
import { step } from './step.ts'

// Read before anything is started: what else the machine is busy with.
const loadBefore = round(loadavg()[0] ?? 0)

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2))
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(usage)
      return 0
    case 'wrong':
      process.stderr.write(`${parsed.problem}\n\n${usage}`)
      return 64
    case 'run':
      await run(parsed.options, interruption())
      return 0
  }
}

async function run(options: BenchOptions, signal: AbortSignal): Promise<void> {
  if (options.name === 'scheduler') print(await scheduler(options, realClock, signal), options)
  else await runOnCluster(options, options.name, signal)
}

async function runOnCluster(
  options: BenchOptions,
  name: ClusterBench,
  signal: AbortSignal,
): Promise<void> {
  const { goGc, keep: keepFiles } = options
  // The ceiling is the API server's alone.
  const whole = name !== 'ceiling'
  const cluster = await step(
    'cluster',
    'a Kubernetes control plane and NATS of its own',
    () => startCluster({ label: 'bench', nats: whole, goGc, keepFiles }),
    ({ dir }) => `ready in ${dir}`,
  )
  try {
    signal.throwIfAborted()
    await step('resources', 'CRDs, policies and roles', async () => {
      await (whole ? applyResources(cluster) : applyCrds(cluster))
      await kubectl(cluster, ['create', 'namespace', namespace])
    })
    const time = { clock: realClock, random: realRandom }
    const api = await connectTo(await cluster.kubeconfig('admin'), time)
    try {
      print(await runBench(name, { options, cluster, api, time, signal }), options)
    } finally {
      await api.close()
    }
  } finally {
    await cluster.stop()
  }
}

function print(report: Report, options: BenchOptions): void {
  const conditions = reportConditions(options, {
    cpus: availableParallelism(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    kubernetes: kubernetesVersion,
    nats: natsVersion,
    loadBefore,
  })
  const tables = options.json ? process.stderr : process.stdout
  tables.write(`\n${report.text}\n\n${conditions.text}\n`)
  if (options.json) console.log(JSON.stringify({ ...report.json, conditions: conditions.json }))
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
