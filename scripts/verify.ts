// Everything that must hold before a change is handed in and that needs no server: generated files,
// types, style, rooms, dead exports, the CRDs, words, packages. `npm run verify` runs every check,
// also after one has failed, and shows what a failed one said. `--json FILE` writes the counts for
// .ci/run.

import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'

interface Check {
  readonly name: string
  /** A program of node_modules/.bin and its arguments. */
  readonly command: readonly [string, ...string[]]
  /** The command that mends it, or what to do. */
  readonly mend: string
}

const checks: readonly Check[] = [
  {
    name: 'generated files are what the code generates',
    command: ['node', 'src/main/generate.ts', '--check'],
    mend: 'npm run generate',
  },
  { name: 'types', command: ['tsc', '--noEmit', '-p', '.'], mend: 'mend what tsc names' },
  {
    name: 'format and lint',
    command: ['biome', 'check', '--error-on-warnings', '.'],
    mend: 'npm run format',
  },
  {
    name: 'rooms: who imports whom, and what each layer must not do',
    command: ['vitest', 'run', '--project', 'unit', 'test/architecture.test.ts'],
    mend: 'move the code to the room that owns it (docs/architecture.md)',
  },
  {
    name: 'dead exports, unused files and packages',
    command: ['knip', '--no-progress'],
    mend: 'remove what knip names, or use it',
  },
  {
    name: 'CRDs: changes only add',
    command: ['node', 'scripts/crds.ts', 'check'],
    mend: 'add instead of changing; before the first release: npm run release:crds',
  },
  {
    name: 'words that do not belong here',
    command: ['node', 'scripts/words.ts'],
    mend: 'reword the lines',
  },
  {
    name: 'packages: few, pinned, explained, without hosts or install scripts',
    command: ['node', 'scripts/packages.ts'],
    mend: 'see docs/dependencies.md',
  },
]

const root = path.join(import.meta.dirname, '..')
const withinMs = 300_000

interface Result {
  readonly code: number
  readonly output: string
  readonly ms: number
}

function run([program, ...args]: Check['command']): Promise<Result> {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(path.join(root, 'node_modules', '.bin', program), args, {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: withinMs,
    })
    let output = ''
    const end = (code: number) => resolve({ code, output, ms: performance.now() - started })
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      output += chunk
    })
    child.once('error', (error) => {
      output += error.message
      end(1)
    })
    child.once('close', (code, signal) => {
      if (signal !== null) output += `\nended by ${signal} (limit ${withinMs / 1000} s)`
      end(code ?? 1)
    })
  })
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: 'string' } } })
  let failed = 0
  for (const { name, command, mend } of checks) {
    const { code, output, ms } = await run(command)
    const took = `${(ms / 1000).toFixed(1)} s`
    if (code === 0) {
      console.log(`ok      ${name} (${took})`)
      continue
    }
    failed += 1
    console.log(`FAILED  ${name} (${took})\n${output.trimEnd()}\n        to mend it: ${mend}`)
  }
  if (values.json !== undefined) {
    writeFileSync(values.json, JSON.stringify({ passed: checks.length - failed, failed }))
  }
  console.log(failed === 0 ? 'verify: all is well' : `verify: ${failed} of ${checks.length} failed`)
  return failed === 0 ? 0 : 1
}

process.exitCode = await main()
