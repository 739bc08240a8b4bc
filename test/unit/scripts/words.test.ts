import { describe, expect, it } from 'vitest'
import { findWords } from '../../../scripts/words.ts'

const find = (text: string, file = 'src/a.ts') => findWords(new Map([[file, text]]))

describe('words that do not belong here are found', () => {
  // Written in pieces, because this file is searched, too.
  it.each([
    ['a folder of one machine', `see /wo${'rk'}/main/src`],
    ["the administrator's folder", `/ro${'ot'}/.cache`],
    ['a registry host', `https://registry.npm${'js'}.org/zod`],
    ['a module proxy', `proxy.go${'lang'}.org`],
    ['unfinished work', `// TO${'DO'}: later`],
    ['a test that is switched off', `it.sk${'ip'}('x', () => {})`],
    ['a test that runs alone', `describe.on${'ly'}('x', () => {})`],
  ])('%s', (_, line) => {
    expect(find(`first\n  ${line}`)).toEqual([expect.stringMatching(/^src\/a\.ts:2: .+: /)])
  })
})

describe('words that only look like it are left alone', () => {
  it.each([
    'gq.v1.work.<ns>.<class>.<uid>',
    '~/work/notes',
    '/home/jane/.kube/config',
    './root/file',
    'the root/child relation',
    'XXXXXX in mktemp',
    'skip(3)',
  ])('%s', (line) => {
    expect(find(line)).toEqual([])
  })
  it('a test word in prose', () => {
    expect(find(`it.on${'ly'} matters`, 'docs/a.md')).toEqual([])
  })
})
