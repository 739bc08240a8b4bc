// cluster.json: what others need to find a running cluster, in the cluster's own folder.
//
// Whoever looks for clusters (the `env` command) trusts only folders that this user owns and that
// nobody else can write to: the temporary folder is shared with everybody on the machine.

import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { clusterFiles } from './config.ts'

/** Clusters are folders of this prefix in the system's temporary folder. */
export const folderPrefix = 'gopherqueue-cluster-'

export interface ClusterState {
  readonly label: string
  /** The process that started the cluster; when it ends, the cluster does. */
  readonly owner: number
  readonly startedAt: string
  readonly dir: string
  readonly server: string
  readonly caFile: string
  readonly kubeconfig: string
  readonly kubectl: string
  readonly natsUrl: string
  readonly auditLog: string
  /** Process numbers by name; null for those that do not run. */
  readonly processes: Readonly<Record<string, number | null>>
}

/** Replaces the file in one step, so that a reader never sees half of it. */
export function writeState(state: ClusterState): void {
  const file = clusterFiles(state.dir).state
  writeFileSync(`${file}.next`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.next`, file)
}

/** The running clusters of this user under `parent`, newest first; only of one label if given. */
export function findClusters(parent: string, label?: string): ClusterState[] {
  return readdirSync(parent)
    .filter((name) => name.startsWith(folderPrefix))
    .map((name) => readState(path.join(parent, name)))
    .filter((state) => state !== undefined)
    .filter((state) => label === undefined || state.label === label)
    .sort((one, other) => other.startedAt.localeCompare(one.startedAt))
}

function readState(folder: string): ClusterState | undefined {
  try {
    const found = statSync(folder)
    const othersMayWrite = (found.mode & 0o022) !== 0
    if (found.uid !== process.getuid?.() || othersMayWrite) return undefined
    const state = JSON.parse(readFileSync(clusterFiles(folder).state, 'utf8')) as ClusterState
    // Signal 0 only asks whether the owner is still there.
    process.kill(state.owner, 0)
    return state
  } catch {
    return undefined
  }
}
