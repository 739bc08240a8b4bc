// The cluster for people: build its programs, keep one running, point a shell at it.
//
//   node devcluster/main.ts build           finds or builds the programs, prints their paths
//   node devcluster/main.ts up              runs a whole cluster until Ctrl-C
//   eval "$(node devcluster/main.ts env)"   points this shell at the cluster started last

import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { findPrograms } from './build.ts'
import { startCluster } from './cluster.ts'
import { quoteForShell } from './config.ts'
import { controlPlanePrograms } from './recipe.ts'
import { type ClusterState, findClusters } from './state.ts'

const usage = `usage: node devcluster/main.ts COMMAND

  build [--nats VERSION]                 find or build the programs and print their paths
  up [--label NAME] [--audit] [--keep]   run a whole cluster until Ctrl-C
  env [--label NAME]                     print the lines for: eval "$(…)"
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      label: { type: 'string' },
      nats: { type: 'string' },
      audit: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  switch (positionals[0]) {
    case 'build':
      return buildAll(values.nats)
    case 'up':
      return up(values.label ?? 'cluster', values.audit, values.keep)
    case 'env':
      return printEnvironment(values.label)
    default:
      process.stderr.write(usage)
      return 2
  }
}

async function buildAll(natsVersion: string | undefined): Promise<number> {
  const programs = await findPrograms({
    controlPlane: controlPlanePrograms,
    nats: true,
    natsVersion,
  })
  for (const file of [...Object.values(programs.controlPlane), programs.nats]) console.log(file)
  return 0
}

async function up(label: string, audit: boolean, keepFiles: boolean): Promise<number> {
  const cluster = await startCluster({
    controllerManager: true,
    scheduler: true,
    label,
    audit,
    keepFiles,
  })
  console.log(`export KUBECONFIG=${quoteForShell(await cluster.kubeconfig('admin'))}`)
  console.log(
    `# API server ${cluster.server}, NATS ${cluster.nats.url}, everything in ${cluster.dir}`,
  )
  console.log('# in a second terminal: eval "$(node devcluster/main.ts env)"; Ctrl-C here ends it')
  await interrupted()
  await cluster.stop()
  return 0
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    // A signal handler alone does not keep the process alive.
    const hold = setInterval(() => undefined, 3_600_000)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        clearInterval(hold)
        resolve()
      })
    }
  })
}

function printEnvironment(label: string | undefined): number {
  const [newest] = findClusters(tmpdir(), label)
  if (newest === undefined) {
    const start = label === 'demo' ? 'npm run demo' : 'npm run cluster -- up'
    process.stderr.write(`no running cluster of yours was found; start one with: ${start}\n`)
    return 1
  }
  process.stdout.write(shellEnvironment(newest))
  return 0
}

/** Lines for `eval`: KUBECONFIG, NATS_URL, and kubectl first on the PATH. */
function shellEnvironment(state: ClusterState): string {
  return [
    `export KUBECONFIG=${quoteForShell(state.kubeconfig)}`,
    `export NATS_URL=${quoteForShell(state.natsUrl)}`,
    `export PATH=${quoteForShell(path.dirname(state.kubectl))}:"$PATH"`,
    '',
  ].join('\n')
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
