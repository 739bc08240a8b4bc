// The words after `gopherqueue`: commands, flags, help, and one line for each mistake.

import { describe, expect, it } from 'vitest'
import { settingsOf } from '../../../src/api/config.ts'
import { COMMANDS, parseCommandLine } from '../../../src/main/command-line.ts'

function say(...words: readonly string[]) {
  let out = ''
  let err = ''
  const invocation = parseCommandLine(words, '1.2.3', {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { invocation, out, err }
}

function flags(...words: readonly string[]) {
  const { invocation, err } = say(...words)
  if (invocation.kind !== 'command') throw new Error(err)
  return Object.fromEntries(invocation.flags)
}

describe('flags', () => {
  it('are texts by the path of their setting', () => {
    expect(flags('operator', '--nats-url', 'nats://n:1', '--information-per-second', '3')).toEqual({
      natsUrl: 'nats://n:1',
      'information.perSecond': '3',
    })
  })

  it.each([
    [['--local'], { local: 'true' }],
    [['--local', 'false'], { local: 'false' }],
    [['--local=true'], { local: 'true' }],
    [['--no-local'], { local: 'false' }],
    [['--no-wait'], { wait: 'false' }],
    [['--wait'], { wait: 'true' }],
    [['--no-metrics-per-queue', '--no-wait'], { metricsPerQueue: 'false', wait: 'false' }],
    [[], {}],
  ])('of a switch: %j', (words, want) => {
    expect(flags('operator', ...words)).toEqual(want)
  })

  it.each(COMMANDS.map((row) => [row.name, row] as const))(
    'of %s exist for every setting',
    (name, { schema }) => {
      for (const { flag, path } of settingsOf(schema)) {
        expect(flags(name, `--${flag}`, 'x')).toEqual({ [path]: 'x' })
      }
    },
  )

  it('may be empty, and the last of two counts', () => {
    expect(flags('worker', '--queues', 'a', '--queues', 'b,c', '--pod-name=')).toEqual({
      queues: 'b,c',
      podName: '',
    })
  })

  it('name files', () => {
    expect(
      say('worker', '--handlers', 'h.ts', '--config', 'c.yaml', '--print-config'),
    ).toMatchObject({
      invocation: {
        kind: 'command',
        command: { name: 'worker' },
        handlersFile: 'h.ts',
        configFile: 'c.yaml',
        printConfig: true,
      },
    })
  })
})

describe('the version', () => {
  it('is printed, and nothing else', () => {
    expect(say('--version')).toEqual({
      invocation: { kind: 'answered', exitCode: 0 },
      out: '1.2.3\n',
      err: '',
    })
  })
})

describe('the help', () => {
  it('lists the commands', () => {
    const { out, invocation } = say('--help')
    expect(invocation).toEqual({ kind: 'answered', exitCode: 0 })
    for (const { name } of COMMANDS) expect(out).toContain(name)
  })

  it.each(COMMANDS.map((row) => [row.name, row] as const))(
    'of %s has flag, meaning, default, unit and variable of every setting',
    (name, { schema, handlers }) => {
      const { out } = say(name, '--help')
      const text = out.replace(/\s+/g, ' ')
      for (const { flag, says, env, unit, default: value } of settingsOf(schema)) {
        expect(text).toContain(`--${flag} `)
        const line = text.slice(text.indexOf(` ${says} (`))
        expect(line.slice(0, says.length + 200)).toContain(`env: ${env})`)
        if (unit !== '') expect(line).toContain(unit)
        if (typeof value === 'number') expect(line).toContain(`default: ${value}; env: ${env}`)
      }
      expect(text.includes('--handlers <file>')).toBe(handlers)
    },
  )
})

describe('a mistake', () => {
  it.each([
    [['operator', '--slotz', '1'], "gopherqueue: unknown option '--slotz'\n"],
    [['worker', '--slotz', '1'], "gopherqueue: unknown option '--slotz' (Did you mean --slots?)\n"],
    [['opertor'], "gopherqueue: unknown command 'opertor' (Did you mean operator?)\n"],
    [['worker', '--slots'], "gopherqueue: option '--slots <n>' argument missing\n"],
    [['worker', '--\u001b[2J\n'], "gopherqueue: unknown option '--\\u001b[2J '\n"],
    [
      ['worker', 'extra'],
      "gopherqueue: too many arguments for 'worker'. Expected 0 arguments but got 1: extra.\n",
    ],
  ])('%j is one line and code 64', (words, want) => {
    expect(say(...words)).toEqual({
      invocation: { kind: 'answered', exitCode: 64 },
      out: '',
      err: want,
    })
  })

  it('is also to say nothing: the help goes to standard error', () => {
    const { invocation, out, err } = say()
    expect(invocation).toEqual({ kind: 'answered', exitCode: 64 })
    expect(out).toBe('')
    expect(err).toContain('Usage: gopherqueue')
  })
})
