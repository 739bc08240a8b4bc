// The cluster's folder, and the promise that nothing of the cluster outlives its owner.
//
// A tiny shell script (cleanup.sh) makes the folder and then waits on a pipe that only this
// process holds. Whatever happens to this process, the pipe closes, and the script kills what is
// left and removes the folder. Taking the cluster down in good order uses the same way out.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import path from 'node:path'

export interface ClusterFolder {
  readonly path: string
  /** Kills what is left and removes the folder; resolves when that is done. */
  readonly remove: () => Promise<void>
}

/**
 * Makes `folder` (which must not exist) with `logs/` and `pids/` in it.
 * With `keep`, processes are killed at the end but the files stay, for looking at logs.
 */
export async function openFolder(folder: string, keep: boolean): Promise<ClusterFolder> {
  const script = path.join(import.meta.dirname, 'cleanup.sh')
  const child = spawn('/bin/sh', [script, folder, keep ? 'keep' : 'remove'], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const ended = once(child, 'exit')
  const first = await Promise.race([once(child.stdout, 'data'), ended.then(() => undefined)])
  if (first === undefined) throw new Error(`the folder ${folder} could not be made`)
  // From here on the script only waits, and must not keep this process alive.
  child.unref()
  child.stdout.destroy()
  mkdirSync(path.join(folder, 'logs'))
  return {
    path: folder,
    remove: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.ref()
      child.stdin.end()
      await ended
    },
  }
}
