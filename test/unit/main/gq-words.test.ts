// The command line of gq: what it says of itself, frozen, and what it makes of words.

import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../../src/cli/commands.ts'
import { GLOBAL_OPTIONS, longName } from '../../../src/cli/options.ts'
import { parseGqWords } from '../../../src/main/gq-words.ts'

function parsed(...words: readonly string[]) {
  let out = ''
  let err = ''
  const invocation = parseGqWords(words, 'gq', '1.2.3', {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { invocation, out, err }
}

describe('help', () => {
  it('is what was reviewed, for every command', async () => {
    const names = ['', ...COMMANDS.map(({ name }) => name)]
    const texts = names.map((name) => {
      const words = name.split(' ').filter((word) => word !== '')
      return `$ ${['gq', ...words, '--help'].join(' ')}\n\n${parsed(...words, '--help').out}`
    })
    await expect(texts.join('\n')).toMatchFileSnapshot('../../golden/gq-help.txt')
  })

  it.each([['--help'], ['-h'], ['--version'], ['queue', '--help'], ['list', '-h']])(
    'is an answer, with code 0: %j %s',
    (...words) => {
      const { invocation, out, err } = parsed(...words.filter(Boolean))
      expect(invocation).toEqual({ kind: 'answered', exitCode: 0 })
      expect(out).not.toBe('')
      expect(err).toBe('')
    },
  )

  it('shows only examples that the command line takes', () => {
    for (const { name, examples } of COMMANDS) {
      for (const example of examples.filter((each) => each.startsWith('gq '))) {
        const words = [...(example.split(' > ')[0] ?? '').matchAll(/'([^']*)'|(\S+)/g)]
        const { invocation, err } = parsed(
          ...words.slice(1).map(([, quoted, plain]) => quoted ?? plain ?? ''),
        )
        expect(invocation, `${example}: ${err}`).toMatchObject({ kind: 'command', row: { name } })
      }
    }
  })
})

describe('words', () => {
  it.each([
    [['list', '-n', 'a', '--utc']],
    [['-n', 'a', '--utc', 'list']],
    [['--namespace=a', 'list', '--utc']],
  ])('name the namespace before or after the command: %j', (words) => {
    const { invocation } = parsed(...words)
    if (invocation.kind !== 'command') throw new Error('no command')
    expect(invocation.given.text('namespace')).toBe('a')
    expect(invocation.given.on('utc')).toBe(true)
  })

  it('repeat an option, or give several values with commas', () => {
    const { invocation } = parsed('list', '--phase', 'a,b', '--phase', 'c')
    if (invocation.kind !== 'command') throw new Error('no command')
    expect(invocation.given.list('phase')).toEqual(['a', 'b', 'c'])
  })

  it('wait unless they say not to', () => {
    const wait = (...words: readonly string[]) => {
      const { invocation } = parsed('cancel', 'a', ...words)
      return invocation.kind === 'command' && invocation.given.on('wait')
    }
    expect([wait(), wait('--no-wait')]).toEqual([true, false])
  })

  it.each([[[]], [['nothing']], [['queue']], [['queue', 'nothing']], [['get']], [['list', 'a']]])(
    '%j are a mistake of usage, code 64',
    (words) => {
      const { invocation, err } = parsed(...words)
      expect(invocation).toEqual({ kind: 'answered', exitCode: 64 })
      expect(err).not.toBe('')
    },
  )

  it('no two options of a command have one name', () => {
    for (const { name, options } of COMMANDS) {
      const names = [...options, ...GLOBAL_OPTIONS].map(longName)
      expect(new Set(names).size, name).toBe(names.length)
    }
  })
})
