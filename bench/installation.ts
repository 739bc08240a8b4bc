// GopherQueue itself on a development cluster: resources, policies and roles applied with kubectl, the
// operator and workers as child processes. The demo and the benchmarks use it.
//
// The children belong to the cluster: they run as its managed processes (devcluster/process.ts), so
// their logs are in its folder and nothing of them outlives whoever started it, also after kill -9.
// The operator logs in as its own service account with the rights of `rbac/`, as in production.

import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { DevCluster } from '../devcluster/cluster.ts'
import { freePorts } from '../devcluster/ports.ts'
import { type ManagedProcess, manageProcess } from '../devcluster/process.ts'
import { answersOk } from '../devcluster/requests.ts'
import { nodeFlags } from '../scripts/bundle.ts'
import { SYSTEM_NAMESPACE } from '../src/api/conditions.ts'
import { applyCrds, kubectl, root } from './kubectl.ts'

const operatorAccount = { namespace: SYSTEM_NAMESPACE, name: 'gopherqueue-operator' }

/** The operator's program from its sources; Node runs them as they are. */
export const operatorSource = path.join(root, 'src', 'main', 'gopherqueue.ts')

/** Bundles the operator's program as the image does, into the cluster's folder; the bundle's path. */
export async function bundleOperator(cluster: DevCluster): Promise<string> {
  const folder = path.join(cluster.dir, 'bundle')
  await promisify(execFile)(process.execPath, ['scripts/bundle.ts', folder], { cwd: root })
  return path.join(folder, 'gopherqueue.mjs')
}

/** Applies everything that an installation consists of but the processes. */
export async function applyResources(cluster: DevCluster): Promise<void> {
  await applyCrds(cluster)
  await kubectl(cluster, ['apply', '--server-side', '--filename', 'policies', '--filename', 'rbac'])
}

/**
 * The operator of the cluster, not started. It is ready when it leads and dispatches.
 * @param file its program
 */
export async function operatorOf(cluster: DevCluster, file: string): Promise<ManagedProcess> {
  const kubeconfig = await cluster.kubeconfig({ serviceAccount: operatorAccount })
  const [healthPort = 0] = await freePorts(1)
  return child(cluster, {
    name: 'operator',
    args: [...nodeFlags, file, 'operator'],
    env: {
      GOPHERQUEUE_KUBECONFIG: kubeconfig,
      GOPHERQUEUE_NATS_URL: cluster.nats.url,
      GOPHERQUEUE_LOCAL: 'true',
      GOPHERQUEUE_HTTP_PORT: String(healthPort),
      GOPHERQUEUE_METRICS_PORT: '0',
    },
    readyAt: `http://127.0.0.1:${healthPort}/readyz`,
  })
}

export interface WorkerOptions {
  readonly name: string
  /** Path of the program, from the root of the repository. */
  readonly file: string
  readonly namespace: string
  readonly env?: Readonly<Record<string, string>>
}

/** A worker of the cluster, not started. */
export async function workerOf(
  cluster: DevCluster,
  options: WorkerOptions,
): Promise<ManagedProcess> {
  const [port = 0] = await freePorts(1)
  return child(cluster, {
    name: options.name,
    args: [path.join(root, options.file)],
    env: {
      GOPHERQUEUE_NATS_URL: cluster.nats.url,
      GOPHERQUEUE_NAMESPACE: options.namespace,
      GOPHERQUEUE_HTTP_PORT: String(port),
      ...options.env,
    },
    readyAt: `http://127.0.0.1:${port}/readyz`,
  })
}

interface Child {
  readonly name: string
  /** Of Node. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Answers 200 when it is ready. */
  readonly readyAt: string
}

function child(cluster: DevCluster, { name, args, env, readyAt }: Child): ManagedProcess {
  const spec = {
    name,
    folder: cluster.dir,
    program: process.execPath,
    missing: '',
    args,
    env,
    ready: () => answersOk({ url: readyAt }),
  }
  return manageProcess(spec, () => undefined)
}
