/**
 * A consistent list, page by page. Never with `resourceVersion=0`: that may show deleted objects and
 * ignores the limit (api-on-the-server.md section 7). All pages show one revision.
 *
 * A list that cannot be trusted ends with an error and never looks like an empty or a shorter one
 * (B42): an item without identity, a token that comes back, more pages than any cluster has.
 */
import { badAnswer, KubeError } from './errors.ts'
import { parseExact } from './exact-json.ts'
import { isRecord, isVersion, metaOf, type ObjectMeta, type RawObject } from './objects.ts'
import type { KubeRequests } from './transport.ts'

export interface Selectors {
  readonly label?: string
  readonly field?: string
}

export interface ListedItem {
  readonly raw: RawObject
  readonly meta: ObjectMeta
}

export interface ListPage {
  readonly items: readonly ListedItem[]
  /** Of the whole list, the same on each page. */
  readonly resourceVersion: string
}

export interface ListOptions {
  readonly pageSize: number
  readonly signal?: AbortSignal
  /** Default: 10,000. */
  readonly maxPages?: number
  /** As it was at exactly that revision, for as long as the server knows it. Default: as it is now. */
  readonly revision?: string
  /** Default: the whole objects. */
  readonly accept?: string
}

/** 500 objects at their largest: 128 KiB of payload and as much status and managed fields. */
const MAX_PAGE_BYTES = 256 * 1_048_576
const PAGE_DEADLINE_MS = 60_000

/** @throws KubeError; 410 = the revision of the list is compacted: begin again */
export async function* listPages(
  requests: KubeRequests,
  path: string,
  selectors: Selectors,
  options: ListOptions,
): AsyncGenerator<ListPage, void, void> {
  const asked = { verb: 'GET', path } as const
  let token = ''
  for (let page = 0; page < (options.maxPages ?? 10_000); page++) {
    // A token names the revision itself, and the server takes no second one beside it.
    const from = token === '' ? revisionOf(options) : { continue: token }
    const text = await requests.requestText({
      ...asked,
      query: { limit: options.pageSize, ...queryOf(selectors), ...from },
      deadlineMs: PAGE_DEADLINE_MS,
      maxBytes: MAX_PAGE_BYTES,
      ...(options.accept ? { accept: options.accept } : {}),
      // A revision that the server never had is waited for on each try, and does not come.
      ...(options.revision ? { retry: false } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    })
    const { next, ...read } = pageOf(asked, text)
    yield read
    if (next === '') return
    if (next === token) throw badAnswer(asked, 'the list repeats a page')
    token = next
  }
  throw badAnswer(asked, 'the list does not end')
}

function revisionOf({ revision }: ListOptions): Record<string, string> {
  if (!revision) return {}
  return { resourceVersion: revision, resourceVersionMatch: 'Exact' }
}

export function queryOf(selectors: Selectors): Record<string, string> {
  return {
    ...(selectors.label ? { labelSelector: selectors.label } : {}),
    ...(selectors.field ? { fieldSelector: selectors.field } : {}),
  }
}

function pageOf(asked: { verb: string; path: string }, text: string): ListPage & { next: string } {
  const value = parse(asked, text)
  if (!isRecord(value) || !isRecord(value.metadata)) throw badAnswer(asked, 'no list')
  const { resourceVersion, continue: next = '' } = value.metadata
  // Go writes an empty list of some kinds as null; what has no items at all is something else.
  const raws = value.items === null ? [] : value.items
  if (!isVersion(resourceVersion)) {
    throw badAnswer(asked, 'the list has no resourceVersion')
  }
  if (typeof next !== 'string' || !Array.isArray(raws)) throw badAnswer(asked, 'no list')
  const items = raws.map((raw: unknown): ListedItem => {
    const meta = metaOf(raw)
    if (!meta || !isRecord(raw)) throw badAnswer(asked, 'an item has no name, uid or version')
    return { raw, meta }
  })
  return { items, resourceVersion, next }
}

function parse(asked: { verb: string; path: string }, text: string): unknown {
  try {
    return parseExact(text)
  } catch (cause) {
    if (cause instanceof KubeError) throw cause
    throw badAnswer(asked, 'the list is not JSON')
  }
}
