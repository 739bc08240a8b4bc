// Programs that are already on this machine: in KUBEBUILDER_ASSETS (the folder that envtest users
// have), else on the PATH. They are used instead of building when they fit.
//
// The control plane is taken whole or not at all: an API server from one place and an etcd from
// another would be a combination that nobody tested.

import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { type ControlPlaneProgram, kubernetesFloor, natsFloor } from './recipe.ts'
import { atLeast, formatVersion, parseVersion, type Version } from './version.ts'

const versionWithinMs = 10_000

/** Paths of the control plane's programs by name. */
export type ControlPlanePaths = Readonly<Partial<Record<ControlPlaneProgram, string>>>

/** Where to look, in order: `KUBEBUILDER_ASSETS` alone when it is set, else the PATH. */
export function searchFolders(env: NodeJS.ProcessEnv): readonly string[] {
  const assets = env.KUBEBUILDER_ASSETS
  const onPath = (env.PATH ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder))
  return assets === undefined || assets === '' ? onPath : [path.resolve(assets), ...onPath]
}

/** All of `needed` from the machine with a new enough API server, or undefined. */
export async function findControlPlane(
  needed: readonly ControlPlaneProgram[],
  folders: readonly string[],
): Promise<ControlPlanePaths | undefined> {
  const apiserver = executableIn(folders, 'kube-apiserver')
  if (apiserver === undefined) return undefined
  const floor = parseVersion(kubernetesFloor)
  const version = await versionOf(apiserver)
  if (floor === undefined || version === undefined || !atLeast(version, floor)) return undefined
  const paths = Object.fromEntries(needed.map((name) => [name, executableIn(folders, name)]))
  return Object.values(paths).includes(undefined) ? undefined : paths
}

/** A nats-server from the machine: exactly `wanted`, or without it any from the floor on. */
export async function findNats(
  wanted: string | undefined,
  folders: readonly string[],
): Promise<string | undefined> {
  const program = executableIn(folders, 'nats-server')
  if (program === undefined) return undefined
  const version = await versionOf(program)
  return version !== undefined && natsFits(version, wanted) ? program : undefined
}

export function natsFits(version: Version, wanted: string | undefined): boolean {
  if (wanted !== undefined) return formatVersion(version) === wanted
  const floor = parseVersion(natsFloor)
  return floor !== undefined && atLeast(version, floor)
}

function executableIn(folders: readonly string[], name: string): string | undefined {
  return folders.map((folder) => path.join(folder, name)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function versionOf(program: string): Promise<Version | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], {
      timeout: versionWithinMs,
      maxBuffer: 65_536,
    })
    return parseVersion(stdout)
  } catch {
    return undefined
  }
}
