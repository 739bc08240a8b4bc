// The configuration file: every mistake has a line, no name does anything.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CONFIG_API_VERSION, OperatorConfig, settingsOf } from '../../../src/api/config.ts'
import { readConfigText } from '../../../src/process/config-file.ts'

const SETTINGS = settingsOf(OperatorConfig)
const HEAD = `apiVersion: ${CONFIG_API_VERSION}\n`
const read = (text: string) => readConfigText('gq.yaml', text, SETTINGS)

describe('a good file', () => {
  it('gives values with their lines', () => {
    const { values, problems } = read(
      `# ours\n${HEAD}logLevel: debug\ninformation:\n  perSecond: 3\nlocal: true\n`,
    )
    expect(problems).toEqual([])
    expect(Object.fromEntries(values)).toEqual({
      logLevel: { value: 'debug', line: 3 },
      'information.perSecond': { value: 3, line: 5 },
      local: { value: true, line: 6 },
    })
  })

  it('may be JSON', () => {
    const { values, problems } = read(
      JSON.stringify({ apiVersion: CONFIG_API_VERSION, httpPort: 0, information: {} }),
    )
    expect(problems).toEqual([])
    expect(values.get('httpPort')?.value).toBe(0)
  })

  it('may leave a group empty', () => {
    expect(read(`${HEAD}information:\n`).problems).toEqual([])
  })
})

describe('a mistake', () => {
  it.each([
    ['an unknown key', 'htpPort: 1', 'gq.yaml:2: unknown key htpPort; did you mean httpPort?'],
    [
      'an unknown key of a group',
      'information:\n  percnt: 1',
      'gq.yaml:3: unknown key information.percnt; did you mean information.percent?',
    ],
    ['a key that is near to none', 'zzzzzzzz: 1', 'gq.yaml:2: unknown key zzzzzzzz'],
    [
      'a key of another case',
      'HTTPPORT: 1',
      'gq.yaml:2: unknown key HTTPPORT; did you mean httpPort?',
    ],
    [
      'a dotted key',
      'information.percent: 1',
      'gq.yaml:2: unknown key information.percent; a setting of a group is nested: information: { percent: … }',
    ],
    ['no value', 'httpPort:', 'gq.yaml:2: httpPort: has no value'],
    ['a structure', 'httpPort: {a: 1}', 'gq.yaml:2: httpPort: must be a value, is a structure'],
    ['a group that is none', 'information: 5', 'gq.yaml:2: information must be a map'],
    ['a key twice', 'httpPort: 1\nhttpPort: 2', 'gq.yaml:3: Map keys must be unique'],
    ['an alias', 'identity: &a x\nnamespace: *a', 'gq.yaml:3: namespace: aliases are not read'],
    ['a structure as a key', '? {a: 1}\n: 2', 'gq.yaml:2: unknown key (a structure)'],
    ['two documents', '---\na: 1', /^gq\.yaml:\d+: Source contains multiple documents/],
    ['broken YAML', 'httpPort: [1', /^gq\.yaml:\d+: /],
    ['an unknown tag', 'httpPort: !env PORT', /^gq\.yaml:2: Unresolved tag: !env/],
    ['__proto__', '__proto__: {httpPort: 1}', 'gq.yaml:2: unknown key __proto__'],
    ['constructor', 'constructor: 1', 'gq.yaml:2: unknown key constructor'],
    ['a terminal escape', '"\\e[2J": 1', 'gq.yaml:2: unknown key \\u001b[2J'],
  ])('(%s) is named with its line', (_, text, want) => {
    const { problems } = read(HEAD + text)
    expect(problems).toHaveLength(1)
    if (want instanceof RegExp) expect(problems[0]).toMatch(want)
    else expect(problems[0]).toBe(want)
  })

  it('in the first line is a list or a text instead of a map', () => {
    expect(read('- a').problems).toEqual(['gq.yaml:1: the file must be a map'])
  })

  it.each([
    ['', 'gq.yaml:1: apiVersion must be config.gopherqueue.io/v1alpha1, is missing'],
    ['httpPort: 1', 'gq.yaml:1: apiVersion must be config.gopherqueue.io/v1alpha1, is missing'],
    [
      'httpPort: 1\napiVersion: v2',
      'gq.yaml:2: apiVersion must be config.gopherqueue.io/v1alpha1, is v2',
    ],
  ])('is a missing or other version: %j', (text, want) => {
    expect(read(text).problems).toEqual([want])
  })

  it('of nesting deeper than the stack is one line', () => {
    const { problems } = read(`${HEAD}httpPort: ${'['.repeat(60_000)}`)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.every((line) => line.length < 400)).toBe(true)
  })

  it('never ends the reading, whatever the text', () => {
    const word = fc.constantFrom(
      'httpPort',
      'information',
      'percent',
      ': ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '&a',
      '*a',
      '!!x',
      '"',
      "'",
      '|',
      '>',
      '#',
      '?',
      '__proto__',
      '\u0000',
      '\ud800',
      '1',
      'true',
      '<<',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const { problems } = read(HEAD + words.join(''))
        for (const line of problems) expect(line).toMatch(/^gq\.yaml:\d+: [^\n]+$/)
      }),
      { numRuns: 500 },
    )
  })
})
