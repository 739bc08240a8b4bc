// docs/sdk.md, compiled: its snippets against the SDK of this repository, with every check that is on
// here. A snippet that begins with the name of a file is that file; all others together are one program.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { NOT_YET_SUPPORTED } from '../../../src/api/served.ts'
import { type Block, blocksIn, blocksOf } from '../../contract/docs/page.ts'

const root = path.join(import.meta.dirname, '..', '..', '..')
const file = path.join(root, 'docs', 'sdk.md')
const withinMs = 90_000

/** Files by name. Every line stands where it stands on the page, so that an error names its line. */
function filesOf(blocks: readonly Block[]): ReadonlyMap<string, string> {
  const files = new Map<string, string[]>()
  for (const { language, text, line } of blocks) {
    if (language !== 'ts') continue
    const name = /^\/\/ ([\w.-]+\.ts)$/m.exec(text.split('\n')[0] ?? '')?.[1] ?? 'page.ts'
    const lines = files.get(name) ?? []
    for (const [index, each] of text.split('\n').entries()) lines[line - 1 + index] = each
    files.set(name, lines)
  }
  return new Map(
    [...files].map(([name, lines]) => [name, Array.from(lines, (l) => l ?? '').join('\n')]),
  )
}

/** What the compiler says about the files, line by line. */
async function compile(files: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-snippets-'))
  try {
    // Each is a module, also one without imports.
    for (const [name, text] of files) writeFileSync(path.join(folder, name), `${text}\nexport {}\n`)
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}')
    const config = {
      extends: path.join(root, 'tsconfig.json'),
      compilerOptions: {
        noUnusedLocals: false,
        typeRoots: [path.join(root, 'node_modules/@types')],
      },
      files: [...files.keys()],
      include: [],
    }
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = path.join(root, 'node_modules/.bin/tsc')
    const limits = { cwd: folder, timeout: withinMs }
    const said = await promisify(execFile)(tsc, ['--noEmit', '-p', folder], limits).then(
      () => '',
      (error: { stdout?: string; message: string }) => error.stdout || error.message,
    )
    // The files behind the snippets have a check of their own.
    return said
      .split('\n')
      .filter((line) => [...files.keys()].some((file) => line.startsWith(file)))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const mistake = `# A page
\`\`\`ts
// mistake.ts
import { connect } from '@gopherqueue/sdk/client'
const gq = await connect()
await gq.submitt()
\`\`\`
`

describe('docs/sdk.md', () => {
  const page = filesOf(blocksOf('docs/sdk.md'))
  let errors: readonly string[]
  beforeAll(async () => {
    errors = await compile(new Map([...page, ...filesOf(blocksIn(mistake, 'a page'))]))
  }, withinMs)

  it('has snippets for who defines, works, submits and tests', () => {
    expect([...page.keys()].sort()).toEqual(['email.test.ts', 'jobs.ts', 'page.ts', 'worker.ts'])
  })

  it('is compiled', () => {
    expect(errors.filter((error) => !error.startsWith('mistake.ts'))).toEqual([])
  })

  it('is compiled by something that sees a mistake, at its line', () => {
    const seen = errors.filter((error) => error.startsWith('mistake.ts'))
    expect(seen).toEqual([expect.stringMatching(/^mistake\.ts\(6,\d+\): error .*submitt/)])
  })

  it('names the options that this release does not serve', () => {
    const said = /Of the options this is ([^.]*)\./.exec(readFileSync(file, 'utf8'))?.[1] ?? ''
    const named = [...said.matchAll(/`(\w+)`/g)].map(([, option]) => option)
    const options = NOT_YET_SUPPORTED.QueueJob.map(({ path: at }) => at).filter(
      (at) => at !== 'payloadFrom' && at !== 'array',
    )
    expect(named.sort()).toEqual([...options].sort())
  })
})
