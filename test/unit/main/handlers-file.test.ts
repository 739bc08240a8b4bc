// The module after --handlers.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadHandlers } from '../../../src/main/handlers-file.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-handlers-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function file(text: string): string {
  const name = path.join(folder, 'handlers.mjs')
  writeFileSync(name, text)
  return name
}

const HANDLERS = "export const handlers = [{ definition: { type: 'a' }, run: () => 1 }]"

describe('a handlers file', () => {
  it('gives its handlers', async () => {
    const { handlers, deps } = await loadHandlers(file(HANDLERS))
    expect(handlers.map(({ definition }) => definition.type)).toEqual(['a'])
    expect(deps).toBeUndefined()
  })

  it('gives what opens their dependencies, unopened', async () => {
    const text = `${HANDLERS}\nexport const deps = () => { throw new Error('opened') }`
    const { deps } = await loadHandlers(file(text))
    expect(() => deps?.()).toThrow('opened')
  })

  it.each([
    ['exports no `handlers`', 'export const other = 1'],
    ['exports `handlers` that are not a list of handlers', 'export const handlers = {}'],
    ['exports `handlers` that are not a list of handlers', 'export const handlers = [null]'],
    ['exports `handlers` that are not a list of handlers', 'export const handlers = [() => 1]'],
    ['exports `deps` that is no function', `${HANDLERS}\nexport const deps = {}`],
    ['cannot be loaded: broken', "throw new Error('broken')"],
  ])('that %s is refused with what it should hold', async (what, text) => {
    const name = file(text)
    await expect(loadHandlers(name)).rejects.toMatchObject({
      code: 'InvalidHandlers',
      message: `handlers file ${name} ${what}`,
      help: 'export const handlers = [handle(definition, async (input, ctx) => …)]',
    })
  })

  it('that is missing is refused with its name', async () => {
    await expect(loadHandlers(path.join(folder, 'none.mjs'))).rejects.toMatchObject({
      code: 'InvalidHandlers',
      message: expect.stringMatching(/none\.mjs cannot be loaded: /),
    })
  })
})
