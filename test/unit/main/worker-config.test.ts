// Who has the last word about a setting of a worker: flags, environment, file, code, defaults.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { compiledConfig, layeredConfig } from '../../../src/main/worker-config.ts'

const none = { args: [], environment: {} }

async function refusal(run: () => unknown): Promise<GopherQueueError> {
  try {
    await run()
  } catch (error) {
    if (error instanceof GopherQueueError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('the layers of a worker’s configuration', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-config-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('each speaks over those before it: default, code, file, environment, flag', async () => {
    const file = path.join(folder, 'worker.yaml')
    writeFileSync(file, 'apiVersion: config.gopherqueue.io/v1alpha1\nslots: 3\n')
    const slots = async (...layers: ('code' | 'file' | 'environment' | 'flag')[]) => {
      const has = (layer: (typeof layers)[number]) => layers.includes(layer)
      const config = await layeredConfig(has('code') ? { slots: 2 } : {}, {
        args: [...(has('file') ? ['--config', file] : []), ...(has('flag') ? ['--slots=5'] : [])],
        environment: has('environment') ? { GOPHERQUEUE_SLOTS: '4' } : {},
      })
      return config.slots
    }
    expect(await slots()).toBe(10)
    expect(await slots('code')).toBe(2)
    expect(await slots('code', 'file')).toBe(3)
    expect(await slots('code', 'file', 'environment')).toBe(4)
    expect(await slots('code', 'file', 'environment', 'flag')).toBe(5)
  })

  it('an environment that says the default is still the last word', async () => {
    const environment = { GOPHERQUEUE_SLOTS: '10' }
    expect((await layeredConfig({ slots: 2 }, { args: [], environment })).slots).toBe(10)
  })

  it('code may leave a setting undefined', async () => {
    expect((await layeredConfig({ slots: undefined }, none)).slots).toBe(10)
    expect(compiledConfig({ slots: undefined }).slots).toBe(10)
  })

  it('switches have two spellings', async () => {
    const wait = async (...args: string[]) =>
      (await layeredConfig({}, { args, environment: {} })).wait
    expect(await wait()).toBe(true)
    expect(await wait('--no-wait')).toBe(false)
    expect(await wait('--wait', 'false')).toBe(false)
    expect(await wait('--wait')).toBe(true)
  })

  it('words of the program itself are left alone', async () => {
    const args = ['serve', '--verbose', '-x', '--out', 'file', '--', '--slots', '9']
    expect((await layeredConfig({}, { args, environment: {} })).slots).toBe(10)
  })

  it('a slip of the pen is refused with the name that was meant', async () => {
    const error = await refusal(() =>
      layeredConfig({}, { args: ['--slotz', '3'], environment: {} }),
    )
    expect(error).toMatchObject({ code: 'InvalidConfiguration' })
    expect(error.help).toContain('--slots')
  })

  it('what code says is checked like everything else', async () => {
    const error = await refusal(() => layeredConfig({ slots: 0, queues: ['Not A Label'] }, none))
    expect(error.code).toBe('InvalidConfiguration')
    expect(error.message).toContain('slots')
    expect(error.message).toContain('queues.0')
    expect((await refusal(() => compiledConfig({ graceSeconds: -1 }))).message).toContain(
      'graceSeconds',
    )
  })

  it('a setting that does not exist is refused in code, too', async () => {
    const error = await refusal(() => compiledConfig({ slotz: 3 } as never))
    expect(error.message).toContain('slotz')
  })

  it('every problem is told at once', async () => {
    const environment = { GOPHERQUEUE_SLOTS: 'x', GOPHERQUEUE_GRACE_SECONDS: '-1' }
    const { message } = await refusal(() => layeredConfig({}, { args: [], environment }))
    expect(message.split('\n')).toHaveLength(2)
  })
})
