// One watch from its request to its end: what is applied, and how the end is named.

import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { errorOfAnswer, errorOfSilence } from '../../../src/kube/errors.ts'
import type { WatchEnd } from '../../../src/kube/watch-end.ts'
import { readWatch, type WatchEvent } from '../../../src/kube/watch-stream.ts'
import { raw } from './objects.ts'

const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`
const asked = { verb: 'GET', path: '/x' }

interface Read {
  readonly end: WatchEnd
  /** `kind name@version`. */
  readonly applied: readonly string[]
  readonly heard: number
  readonly query: Readonly<Record<string, string | number>> | undefined
}

/** Reads a watch whose stream is these chunks; an error among them cuts it. */
async function read(
  chunks: readonly (string | Buffer | Error)[],
  more: { readonly refused?: Error; readonly enough?: number } = {},
): Promise<Read> {
  const applied: string[] = []
  let heard = 0
  let query: Read['query']
  const stream = async function* () {
    for (const chunk of chunks) {
      if (chunk instanceof Error) throw chunk
      yield Buffer.from(chunk as string)
    }
  }
  const end = await readWatch({
    transport: {
      watch: async (_path, given) => {
        query = given
        if (more.refused) throw more.refused
        return Readable.from(stream())
      },
    },
    path: '/x',
    selectors: { label: 'a=b' },
    version: '100',
    seconds: 250,
    maxLineBytes: 10_000,
    signal: new AbortController().signal,
    heard: () => {
      heard++
    },
    apply: (event) => {
      applied.push(shown(event))
      return applied.length !== more.enough
    },
  })
  return { end, applied, heard, query }
}

function shown(event: WatchEvent): string {
  const name = event.kind === 'bookmark' ? '' : event.meta.name
  return `${event.kind} ${name}@${event.version}`
}

const good = line('ADDED', raw(1, 101))

describe('a watch', () => {
  it('asks for bookmarks, an end, and what comes after the version', async () => {
    expect((await read([])).query).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '100',
      timeoutSeconds: 250,
      labelSelector: 'a=b',
    })
  })

  it('applies each event once, in order, and every chunk is a sign of life', async () => {
    const got = await read([
      good,
      line('MODIFIED', raw(1, 102)) + line('DELETED', raw(2, 103)),
      line('BOOKMARK', { metadata: { resourceVersion: '110' } }),
    ])
    expect(got).toMatchObject({
      end: { kind: 'clean' },
      applied: ['changed job-1@101', 'changed job-1@102', 'removed job-2@103', 'bookmark @110'],
      heard: 4,
    })
  })

  it('ends when its reader has had enough, in the middle of a chunk', async () => {
    const got = await read([good + good + good, good], { enough: 2 })
    expect(got).toMatchObject({ end: { kind: 'clean' }, heard: 2 })
    expect(got.applied).toHaveLength(2)
  })

  it('keeps the digits of long integers', async () => {
    const text = line('ADDED', raw(1, 101, { spec: 'N' })).replace('"N"', '9007199254740993')
    let kept = ''
    await readWatch({
      transport: { watch: async () => Readable.from([Buffer.from(text)]) },
      path: '/x',
      selectors: {},
      version: '100',
      seconds: 250,
      maxLineBytes: 10_000,
      signal: new AbortController().signal,
      heard: () => undefined,
      apply: (event) => {
        kept = event.kind === 'bookmark' ? '' : JSON.stringify(event.raw.spec)
        return true
      },
    })
    expect(kept).toBe('9007199254740993')
  })
})

describe('how it ended', () => {
  it.each<[string, readonly (string | Buffer | Error)[], Partial<WatchEnd>]>([
    ['nothing at all', [], { kind: 'clean' }],
    ['a cut line', [good, good.slice(0, -9)], { kind: 'garbled', problem: 'a cut line' }],
    ['a whole line without its end', [good.trimEnd()], { kind: 'garbled', problem: 'a cut line' }],
    ['no JSON', ['{"type"\n'], { kind: 'garbled', problem: 'a line is not JSON' }],
    ['no event', ['[]\n'], { kind: 'garbled', problem: 'a line is no watch event' }],
    ['no object', ['{"type":"ADDED"}\n'], { kind: 'garbled', problem: 'a line is no watch event' }],
    [
      'an unknown type',
      [line('NEW', raw(1, 1))],
      { kind: 'garbled', problem: 'an unknown event type' },
    ],
    [
      'no identity',
      [line('ADDED', { metadata: { name: 'a' } })],
      { kind: 'garbled', problem: 'an event without name, uid or version' },
    ],
    [
      'a bookmark of nothing',
      [line('BOOKMARK', {})],
      { kind: 'garbled', problem: 'a bookmark without a version' },
    ],
    ['bytes', [Buffer.from([0xc3, 0x28, 0x0a])], { kind: 'garbled', problem: 'not UTF-8' }],
    ['a long line', ['x'.repeat(20_000)], { kind: 'garbled', problem: 'line too long' }],
    ['410', [line('ERROR', { code: 410 })], { kind: 'refused', code: 410 }],
    ['an error without a code', [line('ERROR', {})], { kind: 'refused', code: 0 }],
    ['an error with a strange code', [line('ERROR', { code: 'x' })], { kind: 'refused', code: 0 }],
    ['a reset', [good, new Error('ECONNRESET')], { kind: 'lost', problem: 'ECONNRESET' }],
  ])('%s', async (_what, chunks, want) => {
    expect((await read(chunks)).end).toMatchObject(want)
  })

  it('not opened: with the status of the refusal', async () => {
    const refused = errorOfAnswer(asked, 403, '', null)
    expect((await read([], { refused })).end).toEqual({
      kind: 'refused',
      code: 403,
      error: refused,
    })
  })

  it('not reached', async () => {
    const refused = errorOfSilence(asked, { code: 'ECONNREFUSED' }, false)
    const { end, heard } = await read([], { refused })
    expect(end).toMatchObject({ kind: 'lost', problem: expect.stringContaining('ECONNREFUSED') })
    expect(heard).toBe(0)
  })

  it('nothing of a broken line is applied, nor anything after it', async () => {
    expect((await read([`${good}{"type":\n${good}`])).applied).toEqual(['changed job-1@101'])
  })
})
