// However a stream is cut into chunks, its lines are the same; no line grows beyond the limit.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineCutter, type LineProblem } from '../../../src/kube/watch-lines.ts'

interface Cut {
  readonly lines: readonly string[]
  readonly pending: number
  readonly problem: LineProblem | null
}

function cut(chunks: readonly Buffer[], maxBytes = 1_000): Cut {
  const cutter = new LineCutter(maxBytes)
  const lines: string[] = []
  for (const chunk of chunks) {
    const problem = cutter.push(chunk, (text) => {
      lines.push(text)
      return true
    })
    if (problem) return { lines, pending: cutter.pending, problem }
  }
  return { lines, pending: cutter.pending, problem: null }
}

/** `bytes` cut at the given places. */
function chunked(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  const edges = [0, ...at, bytes.length]
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end))
}

const line = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .filter((text) => !text.includes('\n') && text.isWellFormed())
const places = fc.array(fc.nat(5_000), { maxLength: 60 })

describe('any chunking gives the same lines', () => {
  it('of text of any script', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), places, (lines, at) => {
        const bytes = Buffer.from(lines.map((each) => `${each}\n`).join(''))
        expect(cut(chunked(bytes, at))).toEqual({ lines, pending: 0, problem: null })
      }),
    )
  })

  it('also byte by byte, with a character cut in the middle', () => {
    const bytes = Buffer.from('größe\n€\n👍\n')
    const single = chunked(bytes, bytes.map((_, i) => i) as unknown as number[])
    expect(cut(single).lines).toEqual(['größe', '€', '👍'])
  })

  it('of a stream with a cut last line, which stays pending', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), line, places, (lines, rest, at) => {
        const bytes = Buffer.from(`${lines.map((each) => `${each}\n`).join('')}${rest}`)
        const got = cut(chunked(bytes, at))
        expect(got.lines).toEqual(lines)
        expect(got.pending).toBe(Buffer.byteLength(rest))
      }),
    )
  })

  it('and the same limit: a line is refused whole or taken whole', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(sizes, places, (lengths, at) => {
        const lines = lengths.map((length) => 'x'.repeat(length))
        const bytes = Buffer.from(lines.map((each) => `${each}\n`).join(''))
        const tooLong = lines.findIndex((each) => each.length > 40)
        const got = cut(chunked(bytes, at), 40)
        expect(got.problem).toBe(tooLong === -1 ? null : 'line too long')
        expect(got.lines).toEqual(tooLong === -1 ? lines : lines.slice(0, tooLong))
      }),
    )
  })
})

describe('a stream that is none', () => {
  it('empty lines are skipped', () => {
    expect(cut([Buffer.from('\n\na\n\n')]).lines).toEqual(['a'])
  })

  it('bytes that are no UTF-8 are a problem, and the line before them was told', () => {
    const got = cut([Buffer.from('good\n'), Buffer.from([0xff, 0xfe, 0x0a])])
    expect(got).toMatchObject({ lines: ['good'], problem: 'not UTF-8' })
  })

  it('a line without an end is refused as soon as it is too long, not when it ends', () => {
    const cutter = new LineCutter(10)
    expect(cutter.push(Buffer.from('12345'), () => true)).toBeNull()
    expect(cutter.push(Buffer.from('678901'), () => true)).toBe('line too long')
  })

  it('a reader that has had enough gets no further line', () => {
    const seen: string[] = []
    const problem = new LineCutter(100).push(Buffer.from('a\nb\nc\n'), (text) => {
      seen.push(text)
      return seen.length < 2
    })
    expect(problem).toBeNull()
    expect(seen).toEqual(['a', 'b'])
  })
})
