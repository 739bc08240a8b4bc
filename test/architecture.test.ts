// The architecture as tests: the table of rings and rooms, the dependency rules between the layers, what
// each layer must not handle, and how a file looks. Each rule is tried on every file of src/ and, before
// that, on a file made to break it.

import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { LAYER_RULES, LAYERS } from './architecture/layers.ts'
import { ROOM_RULES, type Rule, STYLE_RULES } from './architecture/rooms.ts'
import { readSource, readSources, withoutText } from './architecture/source.ts'

const sources = readSources(path.join(import.meta.dirname, '..', 'src'))

function findings(rule: Rule): readonly string[] {
  return sources.flatMap((source) =>
    rule.find(source).map((finding) => `src/${source.path} ${finding}`),
  )
}

function holds(rule: Rule): void {
  it(rule.name, () => {
    const broken = readSource(rule.broken.path, rule.broken.text)
    expect(rule.find(broken), 'the rule does not see the file that breaks it').not.toEqual([])
    expect(findings(rule)).toEqual([])
  })
}

describe('rings and rooms', () => {
  for (const rule of ROOM_RULES) holds(rule)
})

describe('layers depend in one direction', () => {
  for (const rule of LAYER_RULES) holds(rule)
})

describe.each(LAYERS)('$layer must not handle', ({ mustNot }) => {
  for (const rule of mustNot) holds(rule)
})

describe('files', () => {
  for (const rule of STYLE_RULES) holds(rule)
})

describe('the eyes of this test', () => {
  it('sees the files of src/ and their imports', () => {
    expect(sources.length).toBeGreaterThan(50)
    // A statement at the start of a line, counted by plain text, against what was read as an import.
    for (const { code, imports, path } of sources) {
      const statements = code.match(/^(import|export)\b[^;=(]*?from '#/gm)?.length ?? 0
      expect(imports.length, path).toBeGreaterThanOrEqual(statements)
    }
  })

  it.each([
    ["import { a } from './x.ts'", false],
    ["import type { A } from './x.ts'", true],
    ["import { type A, type B } from './x.ts'", true],
    ["import { type A, b } from './x.ts'", false],
    ["import {\n  a,\n  b as c,\n} from './x.ts'", false],
    ['import * as a from "./x.ts"', false],
    ["import './x.ts'", false],
    ["export { a } from './x.ts'", false],
    ["export type { A } from './x.ts'", true],
    ["export * from './x.ts'", false],
    ["const a = await import('./x.ts')", false],
    ["type A = import('./x.ts').A", false],
  ])('reads %j', (text, typeOnly) => {
    const { imports } = readSource('core/y.ts', text)
    expect(imports).toEqual([{ specifier: './x.ts', file: 'core/x.ts', typeOnly }])
  })

  it.each([
    "// import { a } from './x.ts'",
    "/* import './x.ts' */",
    'const a = "import \'./x.ts\'"',
    "const a = `import './x.ts'`",
    "const a = /import '.*'/",
  ])('reads no import in %j', (text) => {
    expect(readSource('core/y.ts', text).imports).toEqual([])
  })

  it('keeps the code of a template and drops its text', () => {
    const hole = (code: string) => `$\{${code}}`
    const text = `\`Date.now() ${hole(`a({ b: \`${hole('setTimeout')}\` })`)} Math.random\` / 2 // x`
    const { code } = withoutText(text)
    expect(code).toContain('setTimeout')
    expect(code).not.toMatch(/Date|Math|x/)
  })

  it('is not led astray by a quote in a regular expression', () => {
    const { code } = withoutText('const a = /[\'"]/.test(b) && c[/`/]\nDate.now()')
    expect(code).toContain('Date.now()')
  })
})
