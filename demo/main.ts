// The demo: GopherQueue as in production, on this machine, in one command. See options.ts for what it
// does and examples/README.md for what it shows.
//
// It leaves nothing behind: Ctrl-C ends what it started in good order, and when it is killed, the
// cluster's own cleanup ends the processes and removes the folder (devcluster/cleanup.ts).

import type { WriteStream } from 'node:tty'
import { connectTo } from '../bench/api-server.ts'
import { applyResources, operatorOf, operatorSource, workerOf } from '../bench/installation.ts'
import { interruption, untilAborted } from '../bench/interruption.ts'
import type { LatencyRun } from '../bench/latency.ts'
import { round } from '../bench/percentiles.ts'
import { step } from '../bench/step.ts'
import { type DevCluster, startCluster } from '../devcluster/cluster.ts'
import type { ManagedProcess } from '../devcluster/process.ts'
import { realClock, realRandom } from '../src/process/clock.ts'
import { type DemoOptions, parseOptions, usage } from './options.ts'
import { measureStarts, namespace, playShop, type Scene } from './shop.ts'
import { pictureOn } from './show.ts'
import type { Verdict } from './verdict.ts'

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
      return demo(parsed.options, interruption())
  }
}

async function demo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  const stream = options.json ? process.stderr : process.stdout
  const cluster = await step(
    'cluster',
    'etcd, kube-apiserver, kube-controller-manager and nats-server, as processes on free ports',
    () =>
      startCluster({
        // `npm run demo:env` looks for the label of those that stay.
        label: options.exit ? 'demo-exit' : 'demo',
        controllerManager: true,
        keepFiles: options.keep,
      }),
    ({ dir }) => `ready, everything in ${dir}`,
  )
  const programs: ManagedProcess[] = []
  const stopPrograms = () => Promise.all(programs.map((each) => each.stop()))
  try {
    signal.throwIfAborted()
    // One that is still starting is not waited for.
    signal.addEventListener('abort', () => void stopPrograms())
    await startPrograms(cluster, programs)
    signal.throwIfAborted()
    const ok = await play(cluster, programs, options, stream, signal)
    if (!options.exit) await stay(stream, signal)
    return ok ? 0 : 1
  } catch (error) {
    if (!signal.aborted) throw error
    return 130
  } finally {
    await stopPrograms()
    await cluster.stop()
    if (!options.exit) stream.write('everything is stopped and removed\n')
  }
}

async function startPrograms(cluster: DevCluster, programs: ManagedProcess[]): Promise<void> {
  await step('resources', 'kubectl apply of crds/, policies/ and rbac/', () =>
    applyResources(cluster),
  )
  const operator = await operatorOf(cluster, operatorSource)
  const worker = await workerOf(cluster, {
    name: 'shop-worker',
    file: 'examples/shop/worker.ts',
    namespace,
    env: { GOPHERQUEUE_QUEUES: 'shop', GOPHERQUEUE_GRACE_SECONDS: '1' },
  })
  programs.push(operator, worker)
  await step(
    'GopherQueue',
    'the operator, with the rights of its own service account, and the worker of examples/shop',
    () => Promise.all(programs.map((each) => each.start())),
    () => 'operator and worker are ready',
  )
}

async function play(
  cluster: DevCluster,
  programs: ManagedProcess[],
  options: DemoOptions,
  stream: WriteStream,
  signal: AbortSignal,
): Promise<boolean> {
  const time = { clock: realClock, random: realRandom }
  const api = await connectTo(await cluster.kubeconfig('admin'), time)
  const scene: Scene = { cluster, api, clock: realClock, picture: pictureOn(stream), signal }
  try {
    const verdict = await playShop(scene)
    for (const problem of verdict.problems) stream.write(`not as expected: ${problem}\n`)
    const starts = await step('latency', '200 more jobs that do nothing, 20 a second', (say) =>
      measureStarts(scene, (worker) => programs.push(worker), say),
    )
    const { p50, p99 } = starts.ms
    stream.write(
      `from the call that creates a job to the call of its handler: p50 ${round(p50)} ms, p99 ${round(p99)} ms over ${starts.jobs} jobs\n`,
    )
    if (verdict.problems.length > 0) showLogs(programs, stream)
    if (options.json) console.log(summary(verdict, starts))
    return verdict.problems.length === 0
  } finally {
    await api.close()
  }
}

function summary({ problems: _, ...counts }: Verdict, { ms }: LatencyRun): string {
  const applyToStartMs = { p50: round(ms.p50), p99: round(ms.p99) }
  return JSON.stringify({ ...counts, applyToStartMs })
}

// The logs go away with the folder.
function showLogs(programs: readonly ManagedProcess[], stream: WriteStream): void {
  for (const program of programs) {
    stream.write(`\nthe end of the log of ${program.name}:\n${program.logTail(20)}\n`)
  }
}

async function stay(stream: WriteStream, signal: AbortSignal): Promise<void> {
  stream.write(`
It stays up until Ctrl-C. In a second terminal, in this folder:

  eval "$(npm run -s demo:env)"
  kubectl get queuejobs
  kubectl get qj stock-sync -o yaml
  kubectl apply -f examples/more/declined.yaml
  kubectl wait --for=condition=Finished qj/order-1003-declined
  kubectl get qj --field-selector status.phase=DeadLettered
`)
  await untilAborted(signal)
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
