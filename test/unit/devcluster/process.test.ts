// A child process from start to end, with shell scripts in the place of servers.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ManagedProcess, manageProcess, PortTakenError } from '../../../devcluster/process.ts'

let folder = ''
let started: ManagedProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-process-'))
  mkdirSync(path.join(folder, 'logs'))
  mkdirSync(path.join(folder, 'pids'))
})
afterEach(async () => {
  await Promise.all(started.map((each) => each.kill()))
  started = []
  rmSync(folder, { recursive: true })
})

// Scripts say that they are ready by making a file.
function script(text: string, changed: () => void = () => undefined): ManagedProcess {
  const server = manageProcess(
    {
      name: 'server',
      folder,
      program: '/bin/sh',
      missing: '',
      args: ['-c', text],
      ready: async () => {
        const ready = existsSync(path.join(folder, 'ready'))
        if (ready) rmSync(path.join(folder, 'ready'))
        return ready
      },
    },
    changed,
  )
  started.push(server)
  return server
}

const pidFile = () => path.join(folder, 'pids', 'server.pid')
const serve = 'echo up; : >ready; while :; do sleep 0.05; done'

describe('start', () => {
  it('resolves when the server is ready, with its number in a file and its words in the log', async () => {
    const server = script(serve)
    await server.start()
    expect(readFileSync(pidFile(), 'utf8')).toBe(`${server.pid}\n`)
    expect(server.logTail()).toBe('up')
    expect(server.running).toBe(true)
  })

  it('does nothing when the server runs', async () => {
    const server = script(serve)
    await Promise.all([server.start(), server.start()])
    const { pid } = server
    await server.start()
    expect(server.pid).toBe(pid)
  })

  it('rejects with the end of the log when the server ends first', async () => {
    const server = script('echo reason of failure; exit 3')
    await expect(server.start()).rejects.toThrow(/^server ended before.*\nreason of failure$/s)
    expect(server.exit).toEqual({ code: 3, signal: null, wanted: false })
  })

  it('names a taken port, and only of this start', async () => {
    const server = script(
      '[ -e again ] || { : >again; echo bind: address already in use; exit 1; }; exit 1',
    )
    await expect(server.start()).rejects.toBeInstanceOf(PortTakenError)
    await expect(server.start()).rejects.not.toBeInstanceOf(PortTakenError)
  })

  it('starts nothing in a cluster that is being taken down', async () => {
    writeFileSync(path.join(folder, 'pids', 'closed'), '')
    const server = script(': >was-started')
    await expect(server.start()).rejects.toThrow('ended before it was ready')
    expect(existsSync(path.join(folder, 'was-started'))).toBe(false)
  })

  it('says what is missing when there is no program', async () => {
    const missing = 'kube-scheduler is not there'
    const ready = async () => true
    const spec = { name: 'server', folder, program: undefined, missing, args: [], ready }
    await expect(manageProcess(spec, () => undefined).start()).rejects.toThrow(missing)
  })
})

describe('the end', () => {
  it('by stop is wanted and leaves no number behind', async () => {
    let changes = 0
    const server = script(serve, () => changes++)
    await server.start()
    await server.stop()
    expect(server.exit).toEqual({ code: null, signal: 'SIGTERM', wanted: true })
    expect(server.pid).toBeUndefined()
    expect(existsSync(pidFile())).toBe(false)
    expect(changes).toBe(2)
  })

  it('comes by SIGKILL when SIGTERM is not heeded in time', async () => {
    const server = script(`trap '' TERM; ${serve}`)
    await server.start()
    await server.stop(50)
    expect(server.exit?.signal).toBe('SIGKILL')
  })

  it('reaches a frozen process', async () => {
    const server = script(serve)
    await server.start()
    server.freeze()
    await server.stop()
    expect(server.exit?.signal).toBe('SIGTERM')
  })

  it('of its own is not wanted', async () => {
    const ended = Promise.withResolvers<void>()
    const server = script(': >ready; until [ -e go ]; do sleep 0.02; done; exit 4', () => {
      if (server.exit !== undefined) ended.resolve()
    })
    await server.start()
    writeFileSync(path.join(folder, 'go'), '')
    await ended.promise
    expect(server.exit).toEqual({ code: 4, signal: null, wanted: false })
  })

  it('may be asked for when nothing runs', async () => {
    const server = script(serve)
    await server.stop()
    await server.kill()
    expect(server.exit).toBeUndefined()
  })
})

it('a restart is another process that goes on in the same log', async () => {
  const server = script(serve)
  await server.start()
  const { pid } = server
  await server.restart()
  expect(server.pid).not.toBe(pid)
  expect(server.logTail()).toBe('up\nup')
})
