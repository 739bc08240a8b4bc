// The streams of a command: a closed pipe, a question, input with a limit.

import { PassThrough, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { commandTerminal } from '../../../src/process/terminal.ts'

class Closed extends Error {}

function terminal(given: { tty?: boolean; stdout?: Writable } = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY: given.tty ?? false })
  const stderr = Object.assign(new PassThrough(), { isTTY: given.tty ?? false })
  const stdout = given.stdout ?? new PassThrough()
  const command = commandTerminal({ stdin, stdout, stderr }, () => new Closed())
  return { command, stdin, stdout, stderr }
}

const never = () => new AbortController().signal

describe('output', () => {
  it('is written when the stream has taken it', async () => {
    const { command, stdout } = terminal()
    await command.write('a')
    await command.write('b')
    expect((stdout as PassThrough).read().toString()).toBe('ab')
  })

  it('that nobody reads any more is a closed output, now and later', async () => {
    const gone = Object.assign(new Error('gone'), { code: 'EPIPE' })
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(gone) })
    const { command } = terminal({ stdout })
    await expect(command.write('a')).rejects.toBeInstanceOf(Closed)
    await expect(command.write('b')).rejects.toBeInstanceOf(Closed)
  })

  it('that fails otherwise, as on a full disk, is that failure', async () => {
    const full = Object.assign(new Error('full'), { code: 'ENOSPC' })
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(full) })
    await expect(terminal({ stdout }).command.write('a')).rejects.toBe(full)
  })
})

describe('a question', () => {
  it('can be asked on a terminal only', () => {
    expect([terminal({ tty: true }).command.asks, terminal().command.asks]).toEqual([true, false])
  })

  it('is answered by one line, however it comes', async () => {
    const { command, stdin, stderr } = terminal({ tty: true })
    const answer = command.ask('really? ', never())
    stdin.write('ye')
    stdin.write('s\nand more\n')
    expect(await answer).toBe('yes')
    expect(stderr.read().toString()).toBe('really? ')
  })

  it('is answered by nothing when the input ends, and by no endless line', async () => {
    const ended = terminal({ tty: true })
    const nothing = ended.command.ask('', never())
    ended.stdin.end()
    expect(await nothing).toBe('')
    const endless = terminal({ tty: true })
    const cut = endless.command.ask('', never())
    endless.stdin.write('x'.repeat(10_000))
    expect((await cut).length).toBe(10_000)
  })

  it('ends with the signal', async () => {
    const aborter = new AbortController()
    const { command } = terminal({ tty: true })
    const answer = command.ask('', aborter.signal)
    aborter.abort(new Closed())
    await expect(answer).rejects.toBeInstanceOf(Closed)
    await expect(command.ask('', aborter.signal)).rejects.toBeInstanceOf(Closed)
  })
})

describe('input', () => {
  it('is read whole, text in pieces included', async () => {
    const { command, stdin } = terminal()
    const bytes = Buffer.from('{"a":"é"}')
    stdin.write(bytes.subarray(0, 7))
    stdin.end(bytes.subarray(7))
    expect(await command.read('-', 100)).toBe('{"a":"é"}')
  })

  it('has a limit', async () => {
    const { command, stdin } = terminal()
    stdin.end('x'.repeat(101))
    await expect(command.read('-', 100)).rejects.toMatchObject({ code: 'FileTooLarge' })
    await expect(command.read(import.meta.filename, 10)).rejects.toMatchObject({
      code: 'FileTooLarge',
    })
  })

  it('that is a file which is not there names it', async () => {
    await expect(terminal().command.read('/nowhere/a.json', 10)).rejects.toThrow('/nowhere/a.json')
  })
})
