// The demo as people run it, from `npm run demo` to the last line, and what it leaves behind.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { folderPrefix } from '../../devcluster/state.ts'

const root = path.join(import.meta.dirname, '..', '..')
const endsWithinMs = 150_000

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function startDemo(...args: string[]) {
  const child = spawn(process.execPath, [path.join(root, 'demo', 'main.ts'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: endsWithinMs,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
  return { child, ended }
}

const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith(folderPrefix))

/** The folder that the demo says it has made; '' when the text names none. */
function folderIn(output: string): string {
  return /everything in (\S+)/.exec(output)?.[1] ?? ''
}

describe('the demo', () => {
  it('with --exit --json ends by itself, prints one line, and leaves nothing behind', async () => {
    const { code, stdout, stderr } = await startDemo('--exit', '--json').ended
    expect(code, stderr).toBe(0)
    const [line, ...others] = stdout.trimEnd().split('\n')
    expect(others).toEqual([])
    const summary = JSON.parse(line ?? '')
    expect(summary).toMatchObject({ jobs: 8, completed: 6, deadLettered: 1, cancelled: 1 })
    expect(summary.applyToStartMs.p50).toBeGreaterThan(0)
    expect(summary.applyToStartMs.p99).toBeGreaterThanOrEqual(summary.applyToStartMs.p50)
    expect(folderIn(stderr)).toContain(folderPrefix)
    expect(folders()).not.toContain(path.basename(folderIn(stderr)))
  })

  it('that is killed leaves nothing behind either', async () => {
    const { child, ended } = startDemo()
    let folder = ''
    let pids: readonly number[] = []
    for await (const line of createInterface({ input: child.stderr })) {
      folder ||= folderIn(line)
      if (!line.includes('operator and worker are ready')) continue
      pids = pidsIn(folder)
      child.kill('SIGKILL')
    }
    await ended
    // etcd, API server, controller manager, NATS, operator, worker.
    expect(pids.length).toBeGreaterThanOrEqual(6)
    const deadline = Date.now() + 15_000
    const left = () => pids.some(lives) || folders().includes(path.basename(folder))
    while (left() && Date.now() < deadline) await sleep(50)
    expect(pids.filter(lives)).toEqual([])
    expect(folders()).not.toContain(path.basename(folder))
  })
})

function pidsIn(folder: string): number[] {
  const pids = path.join(folder, 'pids')
  return readdirSync(pids)
    .filter((file) => file.endsWith('.pid'))
    .map((file) => Number(readFileSync(path.join(pids, file), 'utf8')))
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
