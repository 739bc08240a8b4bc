// The command as a whole, with programs that only say that they were called.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONFIG_API_VERSION } from '../../../src/api/config.ts'
import { gopherqueue, type Launcher } from '../../../src/main/gopherqueue.ts'
import type { ProcessPorts, Run } from '../../../src/main/process-ports.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-command-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

async function run(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  let out = ''
  let err = ''
  const started: unknown[] = []
  const program = (name: string) => async (given: Run<unknown>) => {
    started.push({ name, ...given })
    return 7
  }
  const launcher = async (): Promise<Launcher> => ({
    programs: {
      operator: program('operator'),
      worker: program('worker'),
      standalone: program('standalone'),
    },
    launch: ({ compiled, program: start }) =>
      start({
        config: compiled.config,
        live: { current: compiled.config, onChange: () => () => undefined },
        ports: {} as ProcessPorts,
        signal: new AbortController().signal,
      }),
  })
  const code = await gopherqueue(words, {
    terminal: {
      out: (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
    },
    environment,
    launcher,
  })
  return { code, out, err, started }
}

describe('a command', () => {
  it.each([
    ['operator', []],
    ['worker', ['--handlers', 'h.ts']],
    ['standalone', ['--handlers', 'h.ts']],
  ])('%s starts its program and ends with its code', async (name, words) => {
    const { code, started, err } = await run([name, ...words])
    expect(err).toBe('')
    expect(code).toBe(7)
    expect(started).toMatchObject([{ name }])
  })

  it('gets its configuration from flags, environment and file', async () => {
    const file = path.join(folder, 'gq.yaml')
    writeFileSync(file, `apiVersion: ${CONFIG_API_VERSION}\nslots: 3\ngraceSeconds: 4\n`)
    const { started } = await run(['worker', '--config', file, '--grace-seconds', '5'], {
      GOPHERQUEUE_HANDLERS: './h.ts',
      GOPHERQUEUE_NAMESPACE: 'shop',
    })
    expect(started).toMatchObject([
      {
        handlersFile: './h.ts',
        config: { slots: 3, graceSeconds: 5, namespace: 'shop' },
      },
    ])
  })

  it.each(['worker', 'standalone'])('%s needs handlers and says how to give them', async (name) => {
    const { code, err, started } = await run([name])
    expect(code).toBe(64)
    expect(started).toEqual([])
    expect(err).toBe(
      `gopherqueue: ${name} needs handlers: --handlers FILE, or GOPHERQUEUE_HANDLERS=FILE; the file exports \`handlers\`\n`,
    )
  })

  it('tells every mistake, one line each, and starts nothing', async () => {
    const { code, err, started } = await run(['worker', '--slots', '0'], {
      GOPHERQUEUE_SLOTZ: '1',
    })
    expect(code).toBe(64)
    expect(started).toEqual([])
    expect(err.split('\n')).toEqual([
      'gopherqueue: environment: there is no setting GOPHERQUEUE_SLOTZ; did you mean GOPHERQUEUE_SLOTS?',
      'gopherqueue: --slots: must be an integer from 1 to 10000, is 0',
      expect.stringContaining('needs handlers'),
      '',
    ])
  })
})

describe('--print-config', () => {
  it('prints the configuration and starts nothing', async () => {
    const { code, out, started } = await run(['operator', '--print-config', '--local'])
    expect(code).toBe(0)
    expect(started).toEqual([])
    expect(out).toContain('local: true # flag --local\n')
  })

  it('needs no handlers', async () => {
    const { code, out } = await run(['standalone', '--print-config'])
    expect(code).toBe(0)
    expect(out).toContain('operatorNamespace: "gopherqueue-system" # default\n')
  })

  it('of a wrong configuration is a mistake', async () => {
    const { code, out } = await run(['operator', '--print-config', '--http-port', 'x'])
    expect(code).toBe(64)
    expect(out).toBe('')
  })
})
