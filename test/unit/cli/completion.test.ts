// Completion: every command and option, as plain words, and a bash that takes the script.

import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../../src/cli/commands.ts'
import { longName } from '../../../src/cli/options.ts'
import { FakePlace } from './fake-place.ts'

const script = async (shell: string) => (await new FakePlace().run('completion', shell)).out

describe.each(['bash', 'zsh', 'fish'])('%s', (shell) => {
  it('knows every command and every option', async () => {
    const text = await script(shell)
    for (const { name, options } of COMMANDS) {
      for (const word of name.split(' ')) expect(text).toMatch(new RegExp(`\\b${word}\\b`))
      for (const option of options) expect(text).toContain(longName(option))
    }
  })
})

it.each([
  ['gq ', ['submit', 'queue', 'pause']],
  ['gq queue ', ['list', 'purge']],
  ['gq queue pa', ['pause']],
  ['gq cancel --gr', ['--grace']],
  ['gq cancel a --no', ['--no-wait']],
  ['gq -n shop li', ['list']],
])('bash completes %j', async (typed, want) => {
  const words = typed.split(' ')
  const code = [
    await script('bash'),
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
    `COMP_CWORD=${words.length - 1}`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash's own placeholder
    '_gq; printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n')
  const out = execFileSync('bash', ['--norc', '-c', code], { encoding: 'utf8', stdio: 'pipe' })
  expect(out.split('\n')).toEqual(expect.arrayContaining([...want]))
})

it('offers the shells that there are for any other', async () => {
  const { code, err } = await new FakePlace().run('completion', 'tcsh')
  expect(code).toBe(64)
  expect(err).toContain('bash, zsh or fish')
})
