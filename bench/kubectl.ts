// The cluster's own kubectl, run as its admin: what a person would type to install GopherQueue.

import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { DevCluster } from '../devcluster/cluster.ts'

const withinMs = 90_000
const maxOutputBytes = 16 * 1_048_576

/** Folder of the repository. */
export const root = path.join(import.meta.dirname, '..')

/**
 * Runs kubectl in the folder of the repository. Returns what it printed; rejects with the command and
 * what it complained. @param input what it reads from standard input
 */
export async function kubectl(
  cluster: DevCluster,
  args: readonly string[],
  input = '',
): Promise<string> {
  const running = promisify(execFile)(cluster.kubectl, [...args], {
    cwd: root,
    env: { ...process.env, KUBECONFIG: await cluster.kubeconfig('admin') },
    timeout: withinMs,
    maxBuffer: maxOutputBytes,
  })
  running.child.stdin?.end(input)
  return (await running).stdout
}

/** Applies `crds/` and waits until the API server serves all of them. */
export async function applyCrds(cluster: DevCluster): Promise<void> {
  await kubectl(cluster, ['apply', '--server-side', '--filename', 'crds'])
  await kubectl(cluster, [
    'wait',
    '--for=condition=Established',
    '--timeout=60s',
    '--filename',
    'crds',
  ])
}
