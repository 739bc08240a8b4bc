// A picture of a product, made smaller: every pixel of the thumbnail is the mean of the pixels that it
// stands for. The picture is drawn from the product's name, so that the shop needs no photographer.

import { createHash } from 'node:crypto'

const sourceSize = 512

export interface Picture {
  readonly width: number
  readonly height: number
  /** Grey values, row by row. */
  readonly pixels: Uint8Array
}

/** The same picture for the same product, always. */
export function photograph(product: string): Picture {
  const seed = createHash('sha256').update(product).digest()
  const pixels = new Uint8Array(sourceSize * sourceSize)
  for (let y = 0; y < sourceSize; y++) {
    for (let x = 0; x < sourceSize; x++) {
      pixels[y * sourceSize + x] = (seed[(x >> 4) % 32] ?? 0) ^ (seed[(y >> 4) % 32] ?? 0)
    }
  }
  return { width: sourceSize, height: sourceSize, pixels }
}

/** @param width at most the width of the source; the shape is kept */
export function shrink(source: Picture, width: number): Picture {
  const height = Math.max(1, Math.round((source.height * width) / source.width))
  const pixels = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels[y * width + x] = meanOf(
        source,
        [x / width, (x + 1) / width],
        [y / height, (y + 1) / height],
      )
    }
  }
  return { width, height, pixels }
}

type Share = readonly [from: number, to: number]

function meanOf(source: Picture, across: Share, down: Share): number {
  const [left, right] = pixelsIn(across, source.width)
  const [top, bottom] = pixelsIn(down, source.height)
  let sum = 0
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) sum += source.pixels[y * source.width + x] ?? 0
  }
  return Math.round(sum / ((right - left) * (bottom - top)))
}

// At least one pixel, however narrow the share is.
function pixelsIn([from, to]: Share, size: number): Share {
  const first = Math.floor(from * size)
  return [first, Math.max(first + 1, Math.floor(to * size))]
}

export function fingerprint(picture: Picture): string {
  return createHash('sha256').update(picture.pixels).digest('hex')
}
