// Files of others: limits, and messages that name file, cause and remedy.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readBounded, readInstallationKey } from '../../../src/process/read-file.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-files-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function file(bytes: number): string {
  const name = path.join(folder, 'file')
  writeFileSync(name, Buffer.alloc(bytes, 7))
  return name
}

describe('reading within a limit', () => {
  it.each([0, 1, 99, 100])('gives all of %d bytes of at most 100', async (bytes) => {
    expect(await readBounded(file(bytes), 100)).toEqual(Buffer.alloc(bytes, 7))
  })

  it('refuses one byte more', async () => {
    const name = file(101)
    await expect(readBounded(name, 100)).rejects.toMatchObject({
      code: 'FileTooLarge',
      message: `${name} is larger than 100 bytes`,
    })
  })

  it('ends with a file that has no end', async () => {
    await expect(readBounded('/dev/zero', 1000)).rejects.toMatchObject({ code: 'FileTooLarge' })
  })

  it('says that there is no such file, and that a directory is none', async () => {
    await expect(readBounded(path.join(folder, 'none'), 1)).rejects.toThrow(
      /none cannot be read: there is no such file$/,
    )
    await expect(readBounded(folder, 1)).rejects.toThrow(/cannot be read: it is a directory$/)
  })
})

describe('the installation key', () => {
  it('is exactly 32 bytes', async () => {
    expect(await readInstallationKey(file(32))).toEqual(Buffer.alloc(32, 7))
  })

  it('is empty where no file is named', async () => {
    expect(await readInstallationKey('')).toEqual(new Uint8Array(0))
  })

  it.each([0, 31, 33, 64])(
    'is refused with %d bytes, with the command that makes one',
    async (n) => {
      const name = file(n)
      await expect(readInstallationKey(name)).rejects.toMatchObject({
        code: 'InvalidKey',
        message: `installation key ${name} has ${n} bytes, must have 32`,
        help: `make one: head -c 32 /dev/urandom > ${name}`,
      })
    },
  )
})
