// What is read from the process and its files before anything else runs.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONFIG_API_VERSION, WorkerConfig } from '../../../src/api/config.ts'
import { SeededRandom } from '../../../src/core/virtual-clock.ts'
import { MAX_CONFIG_BYTES } from '../../../src/process/config-file.ts'
import {
  configFileOf,
  loadConfig,
  processEnvironment,
  processIdentity,
} from '../../../src/process/env.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-env-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function request(file: string | undefined, environment = {}) {
  return { schema: WorkerConfig, flags: new Map<string, string>(), file, environment }
}

function written(text: string): string {
  const name = path.join(folder, 'gq.yaml')
  writeFileSync(name, text)
  return name
}

describe('the configuration file', () => {
  it('is the one after the flag, else the one of the variable, else none', () => {
    const environment = { GOPHERQUEUE_CONFIG: 'env.yaml' }
    expect(configFileOf(request('flag.yaml', environment))).toBe('flag.yaml')
    expect(configFileOf(request(undefined, environment))).toBe('env.yaml')
    expect(configFileOf(request(undefined))).toBeNull()
    expect(configFileOf(request(undefined, { GOPHERQUEUE_CONFIG: '' }))).toBeNull()
  })

  it('is read and joined with the other layers', async () => {
    const name = written(`apiVersion: ${CONFIG_API_VERSION}\nslots: 3\n`)
    const loaded = await loadConfig(request(undefined, { GOPHERQUEUE_CONFIG: name }))
    expect(loaded).toMatchObject({ kind: 'compiled', config: { slots: 3 } })
  })

  it('that is missing is one problem with its name', async () => {
    const name = path.join(folder, 'none.yaml')
    expect(await loadConfig(request(name))).toEqual({
      kind: 'rejected',
      problems: [`configuration file: ${name} cannot be read: there is no such file`],
    })
  })

  it('that is too large is not read', async () => {
    const name = written(`#${'x'.repeat(MAX_CONFIG_BYTES)}`)
    expect(await loadConfig(request(name))).toEqual({
      kind: 'rejected',
      problems: [`configuration file: ${name} is larger than ${MAX_CONFIG_BYTES} bytes`],
    })
  })
})

describe('the environment', () => {
  it('is a copy without a prototype', () => {
    const environment = processEnvironment()
    expect(environment.PATH).toBe(process.env.PATH)
    expect(Object.getPrototypeOf(environment)).toBeNull()
    expect(environment.constructor).toBeUndefined()
  })
})

describe('the identity', () => {
  it('is the one that was configured', () => {
    expect(processIdentity('operator-a', new SeededRandom(1), 'host')).toBe('operator-a')
  })

  it('has a random part, so that a process that restarts in place is another one', () => {
    const random = new SeededRandom(1)
    const first = processIdentity('', random, 'gq-0')
    expect(first).toMatch(/^gq-0-[0-9a-f]{8}$/)
    expect(processIdentity('', random, 'gq-0')).not.toBe(first)
  })

  it.each(['My Laptop_2', '-x-', 'ä', '', 'x'.repeat(300), 'a.b.', 'A'])(
    'is a DNS name on a host called %j',
    (host) => {
      const identity = processIdentity('', new SeededRandom(1), host)
      expect(identity).toMatch(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
      expect(identity.length).toBeLessThan(253)
    },
  )
})
