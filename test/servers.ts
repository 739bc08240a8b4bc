// The genuine servers that tests run against.
//
// As the global setup of the `contract` project it starts one cluster for the whole run; tests read
// where it is with `inject('servers')`. System tests that kill or freeze things start a cluster of
// their own with startTestCluster.

import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { type ClusterOptions, type DevCluster, startCluster } from '../devcluster/cluster.ts'

/** Where the shared servers of a run are. */
export interface TestServers {
  /** Path of the admin's kubeconfig. */
  readonly kubeconfig: string
  /** nats://127.0.0.1:PORT, JetStream on. */
  readonly natsUrl: string
  /** Path of kubectl. */
  readonly kubectl: string
  /** Audit events of writes on gopherqueue.io and leases, one JSON object a line. */
  readonly auditLog: string
  /** The cluster's folder. */
  readonly dir: string
  /** https://127.0.0.1:PORT of the API server. */
  readonly server: string
  readonly caFile: string
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: TestServers
  }
}

const crdFolder = path.join(import.meta.dirname, '..', 'crds')
const kubectlWithinMs = 60_000

/** vitest calls this once before the project's tests and the result once after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = await startTestCluster({ audit: true, label: 'test' })
  project.provide('servers', {
    kubeconfig: await cluster.kubeconfig('admin'),
    natsUrl: cluster.nats.url,
    kubectl: cluster.kubectl,
    auditLog: cluster.auditLog,
    dir: cluster.dir,
    server: cluster.server,
    caFile: cluster.caFile,
  })
  return cluster.stop
}

/** A cluster of one's own with GopherQueue's CRDs served. The caller stops it. */
export async function startTestCluster(options: ClusterOptions = {}): Promise<DevCluster> {
  const cluster = await startCluster({ label: 'test', ...options })
  try {
    await applyCrds(cluster)
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

async function applyCrds(cluster: DevCluster): Promise<void> {
  const files = existsSync(crdFolder) ? readdirSync(crdFolder) : []
  if (!files.some((file) => file.endsWith('.yaml'))) return
  await kubectl(cluster, ['apply', '--server-side', '--filename', crdFolder])
  await kubectl(cluster, [
    'wait',
    '--for=condition=Established',
    '--timeout=60s',
    '--filename',
    crdFolder,
  ])
}

/**
 * Runs the cluster's kubectl, as its admin unless another kubeconfig is given. Returns what it
 * printed; rejects with what it complained.
 */
export async function kubectl(
  cluster: DevCluster,
  args: readonly string[],
  kubeconfig?: string,
  input = '',
): Promise<string> {
  const running = promisify(execFile)(cluster.kubectl, [...args], {
    env: { ...process.env, KUBECONFIG: kubeconfig ?? (await cluster.kubeconfig('admin')) },
    timeout: kubectlWithinMs,
    maxBuffer: 16 * 1_048_576,
  })
  running.child.stdin?.end(input)
  return (await running).stdout
}
