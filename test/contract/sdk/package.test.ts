// The package as it is published, in a project that knows nothing of this repository: it compiles
// without leniency, and its worker works.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPackage } from '../../../sdks/typescript/build.mjs'
import { classDigest } from '../../../src/core/ids.ts'
import { type BareServer, startServer } from '../nats/server.ts'
import { Operator } from '../worker/operator.ts'

const root = path.join(import.meta.dirname, '../../..')
/** What npm would install beside it. */
const installed = ['@nats-io', '@types', 'pino', 'zod']

const program = `
import { defineJob } from '@gopherqueue/sdk'
import { connect } from '@gopherqueue/sdk/client'
import { shardOf } from '@gopherqueue/sdk/protocol'
import { runHandler } from '@gopherqueue/sdk/testing'
import { handle, runWorker } from '@gopherqueue/sdk/worker'
import { z } from 'zod'

const job = defineJob({ type: 'test.job', version: '1', input: z.object({ n: z.number() }), output: z.string() })
const twice = handle(job, async ({ n }, ctx) => \`\${2 * n} in attempt \${ctx.attempt}\`)

const tried: string | undefined = (await runHandler(twice, { n: 1 })).result
console.log(tried, shardOf('default'), typeof connect)
await runWorker({ handlers: [twice], httpPort: 0, logLevel: 'silent' })
console.log('resolved')
`

describe('the published package', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-consumer-'))
  let server: BareServer
  let operator: Operator

  beforeAll(async () => {
    const modules = path.join(folder, 'node_modules')
    mkdirSync(path.join(modules, '@gopherqueue'), { recursive: true })
    await buildPackage(path.join(modules, '@gopherqueue/sdk'))
    for (const name of installed) {
      symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
    }
    writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(path.join(folder, 'program.ts'), program)
    server = await startServer()
    operator = await Operator.start(server.url)
  })
  afterAll(async () => {
    await operator?.stop()
    await server?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  test('compiles in a strict project that checks its declarations, too', async () => {
    const compilerOptions = {
      strict: true,
      skipLibCheck: false,
      target: 'es2023',
      module: 'nodenext',
      types: ['node'],
    }
    const config = { compilerOptions, files: ['program.ts'] }
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = path.join(root, 'node_modules/.bin/tsc')
    const said = await promisify(execFile)(tsc, ['-p', folder], { timeout: 60_000 }).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    )
    expect(said).toBe('')
  })

  test('runs: handlers in tests, and a worker with its heartbeat thread', async () => {
    const cls = classDigest(['default'], [{ type: 'test.job', version: '1' }])
    await operator.streams.ensureClass(operator.namespace, cls)
    const child = spawn(process.execPath, [path.join(folder, 'program.js')], {
      env: {
        ...process.env,
        GOPHERQUEUE_NATS_URL: server.url,
        GOPHERQUEUE_NAMESPACE: operator.namespace,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    child.stdout.on('data', (text) => {
      out += text
    })
    const closed = once(child, 'close')
    try {
      const beat = await operator.until(() => operator.beats[0], 'a heartbeat')
      expect(beat.cls).toBe(cls)
      const item = await operator.send({ class: cls }, { payloadJson: '{"n":21}', attempt: 2 })
      expect((await operator.outcomeOf(item)).outcome).toEqual({
        kind: 'succeeded',
        resultJson: '"42 in attempt 2"',
      })
    } finally {
      child.kill('SIGTERM')
    }
    expect(await closed).toEqual([0, null])
    expect(out).toBe('2 in attempt 1 14 function\nresolved\n')
  })
})
