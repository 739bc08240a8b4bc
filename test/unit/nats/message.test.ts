import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HEADER_LIMITS, isStatus, readHeaderBlock } from '../../../src/nats/message.ts'
import { headerBytes, plain } from './build.ts'

describe('a header block', () => {
  test('gives the value of the exact name', () => {
    const read = readHeaderBlock(headerBytes([['Gq-Epoch', '7']]))
    expect(read.ok && read.block.get('Gq-Epoch')).toBe('7')
    expect(read.ok && read.block.get('gq-epoch')).toBeUndefined()
  })

  test('keeps colons inside a value and drops the space around it', () => {
    const read = readHeaderBlock(headerBytes([['tracestate', ' a=1:2 ']]))
    expect(read.ok && read.block.get('tracestate')).toBe('a=1:2')
  })

  test('tells which names came more than once, and gives the first value', () => {
    const read = readHeaderBlock(
      headerBytes([
        ['Gq-Epoch', '7'],
        ['Gq-Epoch', '8'],
      ]),
    )
    expect(read.ok && [...read.block.repeated]).toEqual(['Gq-Epoch'])
    expect(read.ok && read.block.get('Gq-Epoch')).toBe('7')
  })

  test('of a status message gives number and words', () => {
    const read = readHeaderBlock(headerBytes([], 'NATS/1.0 409 Consumer Deleted'))
    expect(read.ok && [read.block.status, read.block.description]).toEqual([
      409,
      'Consumer Deleted',
    ])
  })

  test('that is absent has no headers and no status', () => {
    const read = readHeaderBlock(null)
    expect(read.ok && read.block.status).toBe(0)
  })

  test('takes names such as __proto__ as names', () => {
    const read = readHeaderBlock(headerBytes([['__proto__', 'x']]))
    expect(read.ok && read.block.get('__proto__')).toBe('x')
    expect(read.ok && read.block.get('constructor')).toBeUndefined()
  })

  test.each([
    ['10,000 headers', headerBytes(Array.from({ length: 10_000 }, (_, i) => [`h${i}`, '']))],
    [
      'a line more than are read',
      headerBytes(Array.from({ length: HEADER_LIMITS.lines + 1 }, (_, i) => [`${i}`, ''])),
    ],
    ['a block that is too large', headerBytes([['a', 'x'.repeat(HEADER_LIMITS.bytes)]])],
    ['another first line', headerBytes([], 'HTTP/1.1 200 OK')],
    ['a line without a name', Buffer.from('NATS/1.0\r\n: x\r\n\r\n')],
    ['a line without a colon', Buffer.from('NATS/1.0\r\nhello\r\n\r\n')],
    ['nothing', Buffer.alloc(0)],
  ])('is refused: %s', (_, bytes) => {
    const read = readHeaderBlock(bytes)
    expect(read.ok).toBe(false)
    expect(!read.ok && read.problem).toMatch(/header/)
  })

  test('as many lines as allowed are read', () => {
    const lines = Array.from({ length: HEADER_LIMITS.lines }, (_, i) => [`h${i}`, `${i}`] as const)
    const read = readHeaderBlock(headerBytes(lines))
    expect(read.ok && read.block.get('h127')).toBe('127')
  })

  test('of any bytes gives a block or a problem', () => {
    const lines = fc.array(fc.tuple(fc.string(), fc.string({ unit: 'binary' })), { maxLength: 200 })
    const blocks = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      lines.map((pairs) => headerBytes(pairs)),
    )
    fc.assert(
      fc.property(blocks, (bytes) => {
        const read = readHeaderBlock(bytes)
        expect(read.ok || read.problem.length > 0).toBe(true)
      }),
    )
  })
})

describe('a message that the server wrote about a pull', () => {
  test.each([
    ['a status line', headerBytes([], 'NATS/1.0 408 Request Timeout'), true],
    ['a status line of a forger', headerBytes([['Gq-Epoch', '1']], 'NATS/1.0 503'), true],
    ['an unreadable first line', headerBytes([], 'NATS/1.0 x'), true],
    ['ordinary headers', headerBytes([['Gq-Epoch', '1']]), false],
    ['no headers', null, false],
  ])('%s', (_, headers, want) => {
    expect(isStatus({ ...plain('gq.v1.beat.1.a.b', ''), headers })).toBe(want)
  })
})
