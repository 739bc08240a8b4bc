import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fingerprint, photograph, shrink } from '../../../examples/shop/thumbnail.ts'

describe('a thumbnail', () => {
  const teapot = photograph('teapot')

  it('is the same for the same product and another one for another product', () => {
    const print = (product: string) => fingerprint(shrink(photograph(product), 64))
    expect(print('teapot')).toBe(print('teapot'))
    expect(print('kettle')).not.toBe(print('teapot'))
  })

  it('of the full width is the picture itself', () => {
    expect(shrink(teapot, 512)).toEqual(teapot)
  })

  it('is the mean of what it stands for', () => {
    const source = { width: 4, height: 2, pixels: Uint8Array.of(0, 10, 100, 200, 20, 30, 100, 200) }
    expect(shrink(source, 2)).toEqual({ width: 2, height: 1, pixels: Uint8Array.of(15, 150) })
  })

  it('keeps the shape and stays between the darkest and the lightest pixel', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 512 }), (width) => {
        const small = shrink(teapot, width)
        expect(small).toMatchObject({ width, height: width })
        expect(small.pixels).toHaveLength(width * width)
        const darkest = teapot.pixels.reduce((one, other) => Math.min(one, other))
        const lightest = teapot.pixels.reduce((one, other) => Math.max(one, other))
        expect(small.pixels.every((grey) => grey >= darkest && grey <= lightest)).toBe(true)
      }),
      { numRuns: 10 },
    )
  })
})
