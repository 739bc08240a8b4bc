// The bundle is the whole program: it runs where there is nothing but Node and its own folder. And the
// Dockerfile copies exactly that, and changes nothing that Pod Security asks for.

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readText, root } from '../../../scripts/repository.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-bundle-'))
const { version } = JSON.parse(readText('package.json')) as { version: string }

/** Without our environment and in a folder without node_modules above it. */
const run = (file: string, ...args: readonly string[]) =>
  promisify(execFile)(process.execPath, [path.join(folder, file), ...args], {
    cwd: folder,
    env: {},
    timeout: 30_000,
  })

let inputs: readonly string[] = []
let nodeFlags: readonly string[] = []

beforeAll(async () => {
  const script = path.join(root, 'scripts', 'bundle.ts')
  const code = `import { bundle, nodeFlags } from ${JSON.stringify(script)}; process.stdout.write(JSON.stringify([await bundle(process.argv[1]), nodeFlags]))`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', code, folder],
    {
      cwd: root,
      timeout: 90_000,
      maxBuffer: 16 * 1_048_576,
    },
  )
  ;[inputs, nodeFlags] = JSON.parse(stdout) as [string[], string[]]
}, 100_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the bundle', () => {
  it('says its version', async () => {
    expect((await run('gopherqueue.mjs', '--version')).stdout.trim()).toContain(version)
  }, 40_000)

  it('knows its commands', async () => {
    const { stdout } = await run('gopherqueue.mjs', '--help')
    for (const command of ['operator', 'worker', 'standalone']) expect(stdout).toContain(command)
  }, 40_000)

  it('holds gq, which can be run by its name', async () => {
    const file = path.join(folder, 'gq.mjs')
    const plugin = path.join(folder, 'kubectl-gq')
    symlinkSync(file, plugin)
    const env = { PATH: path.dirname(process.execPath) }
    const { stdout } = await promisify(execFile)(plugin, ['--help'], { env, timeout: 30_000 })
    expect(stdout).toContain('Usage: kubectl gq')
    expect((await run('gq.mjs', 'version')).stdout).toBe(`gq ${version}\n`)
    await expect(run('gq.mjs', 'list')).rejects.toThrow('no kubeconfig')
    rmSync(plugin)
  }, 40_000)

  it('holds the heartbeat thread beside it, under the name that the worker loads', async () => {
    const modules = readdirSync(folder).filter((file) => file.endsWith('.mjs'))
    const texts = modules.map((file) => readFileSync(path.join(folder, file), 'utf8'))
    expect(texts.filter((text) => text.includes('./beat-thread.'))).toHaveLength(1)
    // Started by hand it refuses, after every module of it was loaded.
    await expect(run('beat-thread.js')).rejects.toThrow('is started by a worker, not by hand')
  }, 40_000)

  it('holds no tool of ours', () => {
    expect(inputs).toContain('src/main/operator.ts')
    const tools = /node_modules\/(vitest|esbuild|fast-check|typescript|ajv)\//
    expect(inputs.filter((file) => tools.test(file))).toEqual([])
  })
})

describe('the Dockerfile', () => {
  const lines = readText('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+ /.test(line))
  const of = (word: string) => lines.filter((line) => line.startsWith(`${word} `))
  it('takes any base and runs nothing while it is built', () => {
    expect(of('ARG')).toEqual([expect.stringMatching(/^ARG BASE=\S+$/)])
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Docker's own placeholder
    expect(of('FROM')).toEqual(['FROM ${BASE}'])
    expect(of('RUN')).toEqual([])
  })
  it('copies the bundle, which .dockerignore lets through', () => {
    expect(of('COPY')).toEqual(['COPY LICENSE dist/ /app/'])
    expect(readText('.dockerignore').trim().split('\n')).toEqual(['*', '!dist', '!LICENSE'])
    expect(readdirSync(folder)).toEqual(
      expect.arrayContaining(['gopherqueue.mjs', 'beat-thread.js', 'package.json']),
    )
  })
  it('runs as a numbered user that is not root, the one of the chart', () => {
    expect(of('USER')).toEqual(['USER 65532:65532'])
    expect(readText('charts/gopherqueue/templates/deployment.yaml')).toContain('runAsUser: 65532')
  })
  it('starts the program, and help without a command', () => {
    expect(of('ENTRYPOINT')).toEqual([
      `ENTRYPOINT ["node", ${nodeFlags.map((flag) => `"${flag}", `).join('')}"--enable-source-maps", "/app/gopherqueue.mjs"]`,
    ])
    expect(of('CMD')).toEqual(['CMD ["--help"]'])
  })
})
