// cluster.json: what others need to find a running cluster, in the cluster's own folder.
//
// Whoever looks for clusters (the `env` command) trusts only folders that this user owns and that
// nobody else can write to: the temporary folder is shared with everybody on the machine.

import { lstatSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { clusterFiles } from './config.ts'

/** Clusters are folders of this prefix in the system's temporary folder. */
export const folderPrefix = 'gopherqueue-cluster-'

const ClusterState = z.object({
  label: z.string(),
  /** The process that started the cluster; when it ends, the cluster does. */
  owner: z.int().positive(),
  startedAt: z.string(),
  dir: z.string(),
  server: z.string(),
  caFile: z.string(),
  kubeconfig: z.string(),
  kubectl: z.string(),
  natsUrl: z.string(),
  auditLog: z.string(),
  /** Process numbers by name; null for those that do not run. */
  processes: z.record(z.string(), z.int().positive().nullable()),
})

export type ClusterState = Readonly<z.infer<typeof ClusterState>>

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
    const found = lstatSync(folder)
    const othersMayWrite = (found.mode & 0o022) !== 0
    if (!found.isDirectory() || found.uid !== process.getuid?.() || othersMayWrite) return undefined
    const state = ClusterState.parse(JSON.parse(readFileSync(clusterFiles(folder).state, 'utf8')))
    // Signal 0 only asks whether the owner is still there.
    process.kill(state.owner, 0)
    return state
  } catch {
    return undefined
  }
}
