// `gopherqueue` as a process: lines on standard output, signals, exit codes. No server is needed: a
// worker starts without NATS and waits for it.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const PROGRAM = path.join(import.meta.dirname, '../../../src/main/gopherqueue.ts')
/** Nothing listens on port 1 of loopback. */
const NOWHERE = 'nats://127.0.0.1:1'

let folder = ''
let children: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-process-'))
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children = []
  rmSync(folder, { recursive: true })
})

interface Line {
  readonly level: string
  readonly msg: string
  readonly [key: string]: unknown
}

/** A worker with one handler, or with the handlers of `text`. */
function worker(
  words: readonly string[],
  text = "export const handlers = [{ definition: { type: 'a', version: '1' }, run: () => 1 }]",
) {
  const handlers = path.join(folder, 'handlers.mjs')
  writeFileSync(handlers, text)
  const args = ['--handlers', handlers, '--nats-url', NOWHERE, '--http-port', '0', ...words]
  const child = spawn(process.execPath, [PROGRAM, 'worker', ...args], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let out = ''
  const heard = new Set<() => void>()
  child.stdout?.on('data', (chunk) => {
    out += chunk
    for (const look of heard) look()
  })
  const lines = () =>
    out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]))
  const said = (msg: string) =>
    new Promise<Line>((resolve) => {
      const look = () => {
        const line = lines().find((each) => each.msg === msg)
        if (line) resolve(line)
      }
      heard.add(look)
      look()
    })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { child, lines, said, ended }
}

describe('a worker process', { timeout: 60_000 }, () => {
  it('starts without NATS, stops with SIGTERM, and ends with 0', async () => {
    const t = worker([])
    const unreachable = await t.said('no connection to NATS')
    expect(unreachable.level).toBe('warn')
    t.child.kill('SIGTERM')
    expect(await t.ended).toBe(0)
    expect(t.lines().map(({ msg }) => msg)).toContain('signal received')
    expect(t.lines().at(-1)).toMatchObject({ msg: 'worker has stopped', exitCode: 0 })
  })

  it('ends with 64 when its handlers cannot be loaded, and says so in the log', async () => {
    const t = worker([], "throw new Error('broken')")
    expect(await t.ended).toBe(64)
    expect(t.lines().at(-1)).toMatchObject({ level: 'error', msg: 'cannot start' })
  })

  it('ends with 1 after one line when something was not caught', async () => {
    const text = `export const handlers = [{ definition: { type: 'a', version: '1' }, run: () => 1 }]
      setTimeout(() => { throw new Error('nobody caught this') })`
    const t = worker([], text)
    expect(await t.ended).toBe(1)
    const defects = t.lines().filter(({ msg }) => msg === 'defect: the process ends')
    expect(defects).toMatchObject([{ level: 'error', err: 'nobody caught this' }])
  })
})
