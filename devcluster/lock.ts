// One builder at a time per cached result, also across processes and across containers that share
// a cache folder.
//
// The lock is a file created exclusively; its owner touches it while it works. It counts as
// abandoned when its owner is a dead process of this host, or has not touched it for a minute.
// The lock only saves work: results are moved into place by one rename, so even two builders that
// believed to be alone could not harm each other.

import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'

const touchEveryMs = 5_000
const abandonedAfterMs = 60_000

/** Who holds a lock, as written in its file. */
export interface LockOwner {
  readonly pid: number
  readonly host: string
}

/** Stands for an owner whose file is there but not (yet) readable: only age tells if it lives. */
const unknownOwner: LockOwner = { pid: 0, host: '' }

/** Held until `release` is called or the process ends. */
export interface Lock {
  readonly release: () => void
}

/** Tries once: the lock, or the owner that is in the way. */
export function tryLock(file: string): Lock | LockOwner {
  const mine: LockOwner = { pid: process.pid, host: hostname() }
  if (createExclusively(file, mine)) return hold(file)
  const owner = readOwner(file)
  if (!abandoned(owner, mine.host, ageMs(file), processLives)) return owner
  return takeOver(file, mine) ? hold(file) : owner
}

export function isLock(result: Lock | LockOwner): result is Lock {
  return 'release' in result
}

/** Whether nobody works under this lock any more. */
export function abandoned(
  owner: LockOwner,
  thisHost: string,
  untouchedMs: number,
  lives: (pid: number) => boolean,
): boolean {
  if (untouchedMs > abandonedAfterMs) return true
  return owner.host === thisHost && !lives(owner.pid)
}

// Two that find the same dead owner must not both remove the file: the second would remove the
// first one's new lock. So only who creates the `.takeover` file may look again and replace it.
function takeOver(file: string, mine: LockOwner): boolean {
  const guard = `${file}.takeover`
  if (!createExclusively(guard, mine)) {
    if (ageMs(guard) > abandonedAfterMs) rmSync(guard, { force: true })
    return false
  }
  try {
    if (!abandoned(readOwner(file), mine.host, ageMs(file), processLives)) return false
    const next = `${file}.next`
    rmSync(next, { force: true })
    createExclusively(next, mine)
    renameSync(next, file)
    return true
  } finally {
    rmSync(guard, { force: true })
  }
}

function hold(file: string): Lock {
  const touch = setInterval(() => {
    const now = new Date()
    try {
      utimesSync(file, now, now)
    } catch {
      // The cache folder was deleted under us; the build itself will say so.
    }
  }, touchEveryMs)
  touch.unref()
  return {
    release: () => {
      clearInterval(touch)
      const owner = readOwner(file)
      if (owner.pid === process.pid && owner.host === hostname()) rmSync(file, { force: true })
    },
  }
}

function createExclusively(file: string, owner: LockOwner): boolean {
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    writeSync(descriptor, JSON.stringify(owner))
    closeSync(descriptor)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function readOwner(file: string): LockOwner {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof parsed !== 'object' || parsed === null) return unknownOwner
    const { pid, host } = parsed as Partial<LockOwner>
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : unknownOwner
  } catch {
    return unknownOwner
  }
}

function ageMs(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs
  } catch {
    return 0
  }
}

function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
