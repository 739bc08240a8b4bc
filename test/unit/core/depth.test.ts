import fc from 'fast-check'
import { expect, test } from 'vitest'
import { depthOf } from '../../../src/core/depth.ts'

test('depth counts brackets outside of strings', () => {
  expect(depthOf('{"a[[[":["\\"[[",{}]}')).toBe(3)
})

test('depth of a JSON text is the depth of its value', () => {
  const depth = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? 1 + Math.max(0, ...Object.values(value).map(depth))
      : 0
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(depthOf(JSON.stringify(value))).toBe(depth(value))
    }),
  )
})

test('a hundred thousand levels are counted without a stack', () => {
  expect(depthOf(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toBe(100_000)
})
