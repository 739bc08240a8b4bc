// Credential plugins: what they are told, what of their output is believed, and that they cannot hang
// or flood the program that asks.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { runExecPlugin } from '../../../src/kube/exec-credential.ts'

const NOW = Date.UTC(2026, 4, 1, 12)
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-test-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A plugin that is this shell script. */
function plugin(script: string): string {
  const file = path.join(folder, `plugin-${Math.abs(hash(script))}`)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
  return file
}

function hash(text: string): number {
  return [...text].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0, 7)
}

const prints = (status: unknown): string =>
  plugin(`echo '${JSON.stringify({ kind: 'ExecCredential', status })}'`)

const run = (command: string, more = {}, clock = new VirtualClock(NOW)) =>
  runExecPlugin({ command, ...more }, { PATH: process.env.PATH }, clock)

const refusal = async (running: Promise<unknown>): Promise<GopherQueueError> => {
  const error = await running.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(GopherQueueError)
  return error as GopherQueueError
}

describe('what it prints', () => {
  it('is a token', async () => {
    expect(await run(prints({ token: 'abc' }))).toMatchObject({ token: 'abc', cert: '', key: '' })
  })

  it('or a certificate', async () => {
    const command = prints({ clientCertificateData: 'C', clientKeyData: 'K' })
    expect(await run(command)).toMatchObject({ token: '', cert: 'C', key: 'K' })
  })

  it.each([
    ['2026-05-01T13:00:00Z', 3_540_000],
    ['2026-05-01T12:00:30Z', 1_000],
    ['2020-01-01T00:00:00Z', 1_000],
    ['whenever', 600_000],
    [undefined, 600_000],
  ])('expiring at %s is used for %d ms: until a minute before', async (expiry, want) => {
    const command = prints({ token: 'abc', expirationTimestamp: expiry })
    expect((await run(command)).goodForMs).toBe(want)
  })
})

describe('what it is told', () => {
  it('is the request, its arguments, and the environment with its own additions', async () => {
    const command = plugin(
      `printf '{"status":{"token":"%s %s %s"}}' "$1" "$MINE" "$(echo "$KUBERNETES_EXEC_INFO" | tr -d '"{}')"`,
    )
    const { token } = await run(command, {
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      args: ['first'],
      env: [{ name: 'MINE', value: 'own' }],
    })
    expect(token).toContain('first own ')
    expect(token).toContain('apiVersion:client.authentication.k8s.io/v1beta1')
    expect(token).toContain('interactive:false')
  })
})

describe('a plugin that does not work', () => {
  it.each([
    ['prints nothing', () => plugin('exit 0'), 'did not print an ExecCredential'],
    ['prints no JSON', () => plugin('echo hello'), 'did not print an ExecCredential'],
    ['prints another object', () => plugin(`echo '{"a":1}'`), 'did not print an ExecCredential'],
    ['fails', () => plugin('exit 3'), 'ended with exit code 3'],
    ['dies', () => plugin('kill -9 $$'), 'ended with a signal'],
    ['floods', () => plugin('exec yes'), 'printed more than 1048576 characters'],
    ['lets a child flood', () => plugin('yes; exit 1'), 'printed more than 1048576 characters'],
    ['is not there', () => path.join(folder, 'missing'), 'could not be started'],
  ])('%s: named, with what to install', async (_what, command, words) => {
    const error = await refusal(run(command(), { installHint: 'install it' }))
    expect(error).toMatchObject({ code: 'KubeconfigInvalid', help: 'install it' })
    expect(error.message).toContain(words)
  })

  it.each([
    ['hangs', 'exec sleep 5'],
    ['leaves a child behind that holds its output open', 'sleep 5 & exit 0'],
  ])('%s: given up after a minute', async (_what, script) => {
    const clock = new VirtualClock(NOW)
    const running = refusal(run(plugin(script), {}, clock))
    clock.advance(60_000)
    expect((await running).message).toContain('did not end within 60 s')
  })

  it('leaves no timer behind', async () => {
    const clock = new VirtualClock(NOW)
    await run(prints({ token: 'abc' }), {}, clock)
    await refusal(run(plugin('exit 1'), {}, clock))
    expect(clock.pendingTimers).toBe(0)
  })
})
