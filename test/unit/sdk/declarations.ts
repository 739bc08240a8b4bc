// The public declarations as text: what the entries of the SDK export, as `tsc` would publish it,
// without comments. What is not exported and not needed by it is left out; types of packages and of
// other files appear by name.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const root = path.join(import.meta.dirname, '../../..')
const entryFolder = 'sdks/typescript/src'
const withinMs = 60_000

/** @param entries names of entry files, such as `worker` */
export async function declarationsOf(entries: readonly string[]): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-declarations-'))
  try {
    const out = path.join(folder, 'out')
    await emit(
      folder,
      out,
      entries.map((name) => path.join(root, entryFolder, `${name}.ts`)),
    )
    const texts = entries.map((name) => path.join(out, entryFolder, `${name}.d.ts`))
    const exported = new Map<string, Set<string>>()
    for (const entry of texts) collectExports(entry, exported)
    return [
      ...texts.map((entry) => titled(out, entry, readFileSync(entry, 'utf8'))),
      ...[...exported].map(([file, names]) => titled(out, file, declarationsIn(file, names))),
    ].join('\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function titled(out: string, file: string, text: string): string {
  return `// ${path.relative(out, file)}\n${text}`
}

async function emit(folder: string, out: string, files: readonly string[]): Promise<void> {
  const config = path.join(folder, 'tsconfig.json')
  const compilerOptions = {
    noEmit: false,
    emitDeclarationOnly: true,
    declaration: true,
    removeComments: true,
    rootDir: root,
    outDir: out,
    typeRoots: [path.join(root, 'node_modules/@types')],
  }
  const extended = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions,
    files,
    include: [],
  }
  writeFileSync(config, JSON.stringify(extended))
  const tsc = path.join(root, 'node_modules/.bin/tsc')
  // It emits whatever the errors are, and those are for the type check to tell. Where it emitted
  // nothing, reading the files fails.
  await promisify(execFile)(tsc, ['-p', config], { timeout: withinMs }).catch(() => undefined)
}

/** Names by the file that declares them, in the order of the entries. */
function collectExports(entry: string, into: Map<string, Set<string>>): void {
  const lines = readFileSync(entry, 'utf8').matchAll(
    /^export (?:type )?\{([^}]*)\} from '([^']+)'/gm,
  )
  for (const [, list = '', from = ''] of lines) {
    const file = path.resolve(path.dirname(entry), from.replace(/\.ts$/, '.d.ts'))
    const names = into.get(file) ?? new Set()
    for (const name of list.split(',')) names.add(name.replace('type ', '').trim())
    into.set(file, names)
  }
}

/** The statements that declare these names, and those of the same file that they need. */
function declarationsIn(file: string, names: ReadonlySet<string>): string {
  const statements = readFileSync(file, 'utf8')
    .split(/\n(?=[^\s}])/)
    .map((statement) => ({ text: statement.trimEnd(), name: nameOf(statement) }))
    .filter(({ text, name }) => name !== '' && !text.startsWith('import '))
  const wanted = new Set(names)
  for (let size = -1; size !== wanted.size; ) {
    size = wanted.size
    const kept = statements.filter(({ name }) => wanted.has(name))
    for (const { name } of statements) {
      if (kept.some(({ text }) => new RegExp(`\\b${name}\\b`).test(text))) wanted.add(name)
    }
  }
  const kept = statements.filter(({ name }) => wanted.has(name))
  return kept.map(({ text }) => `${text}\n`).join('')
}

function nameOf(statement: string): string {
  const declared = /(?:function|class|const|type|interface) (\w+)/.exec(statement)
  return declared?.[1] ?? /^export \{ \w+ as (\w+)/.exec(statement)?.[1] ?? ''
}
