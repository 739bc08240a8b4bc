/**
 * One watch from its request to its end: opens it, cuts it into lines, checks each event and hands it
 * on. It never throws; how it ended is its result. An event is applied whole or not at all (B41): the
 * first line that is not a well-formed event ends the stream.
 */
import { describeError } from '../core/errors.ts'
import { KubeError } from './errors.ts'
import { parseExact } from './exact-json.ts'
import { queryOf, type Selectors } from './list-pages.ts'
import { isRecord, isVersion, metaOf, type ObjectMeta, type RawObject } from './objects.ts'
import type { KubeWatches } from './transport.ts'
import type { WatchEnd } from './watch-end.ts'
import { LineCutter } from './watch-lines.ts'

export type WatchEvent =
  | {
      readonly kind: 'changed' | 'removed'
      readonly raw: RawObject
      readonly meta: ObjectMeta
      readonly version: string
    }
  | { readonly kind: 'bookmark'; readonly version: string }

export interface WatchRequest {
  readonly transport: KubeWatches
  readonly path: string
  readonly selectors: Selectors
  /** Events after this version of the collection. */
  readonly version: string
  /** The server ends the watch after this time. */
  readonly seconds: number
  readonly maxLineBytes: number
  readonly signal: AbortSignal
  /** Bytes came. */
  readonly heard: () => void
  /** False: no more. */
  readonly apply: (event: WatchEvent) => boolean
}

export async function readWatch(request: WatchRequest): Promise<WatchEnd> {
  const query = {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: request.version,
    timeoutSeconds: request.seconds,
    ...queryOf(request.selectors),
  }
  try {
    const body = await request.transport.watch(request.path, query, request.signal)
    request.heard()
    return await readLines(request, body)
  } catch (error) {
    if (error instanceof KubeError && error.status > 0) {
      return { kind: 'refused', code: error.status, error }
    }
    return { kind: 'lost', problem: describeError(error) }
  }
}

async function readLines(request: WatchRequest, body: AsyncIterable<Buffer>): Promise<WatchEnd> {
  const lines = new LineCutter(request.maxLineBytes)
  let end: WatchEnd | null = null
  for await (const chunk of body) {
    request.heard()
    const problem = lines.push(chunk, (text) => {
      const read = eventOf(text)
      if ('end' in read) end = read.end
      else if (!request.apply(read.event)) end = { kind: 'clean' }
      return end === null
    })
    if (problem !== null) return { kind: 'garbled', problem }
    // Leaving the loop destroys the stream, and with it the socket.
    if (end !== null) return end
  }
  return lines.pending > 0 ? { kind: 'garbled', problem: 'a cut line' } : { kind: 'clean' }
}

type Read = { readonly event: WatchEvent } | { readonly end: WatchEnd }

const garbled = (problem: string): Read => ({ end: { kind: 'garbled', problem } })

function eventOf(text: string): Read {
  let value: unknown
  try {
    value = parseExact(text)
  } catch {
    return garbled('a line is not JSON')
  }
  if (!isRecord(value) || !isRecord(value.object)) return garbled('a line is no watch event')
  const raw = value.object
  switch (value.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      const meta = metaOf(raw)
      if (!meta) return garbled('an event without name, uid or version')
      const kind = value.type === 'DELETED' ? 'removed' : 'changed'
      return { event: { kind, raw, meta, version: meta.resourceVersion } }
    }
    case 'BOOKMARK': {
      const version = isRecord(raw.metadata) ? raw.metadata.resourceVersion : undefined
      if (!isVersion(version)) return garbled('a bookmark without a version')
      return { event: { kind: 'bookmark', version } }
    }
    case 'ERROR': {
      const code = typeof raw.code === 'number' ? raw.code : 0
      return { end: { kind: 'refused', code, error: null } }
    }
    default:
      return garbled('an unknown event type')
  }
}
