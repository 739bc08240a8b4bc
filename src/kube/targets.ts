/**
 * The objects that a QueueAction may be about, by consistent lists (implements `TargetLister` of
 * ingestion). What the server can select it selects; where it can select everything, only metadata
 * travels: ten thousand jobs with their payloads are a gigabyte.
 *
 * A list at an old revision is asked for by a leader that goes on with an action. It is answered from
 * etcd until that revision is compacted, which is 410; a revision that the server never had, after a
 * restore from a backup, counts as expired, too.
 */
import { describeError } from '../core/errors.ts'
import type {
  ListedTarget,
  ListingAnswer,
  TargetFields,
  TargetLister,
  TargetQuery,
} from '../ingestion/ports.ts'
import { selectorValue } from './client-selectors.ts'
import { KubeError } from './errors.ts'
import { type ListedItem, listPages, type Selectors } from './list-pages.ts'
import { isRecord, type RawObject } from './objects.ts'
import { collectionPath } from './paths.ts'
import { comeBackAfter } from './status-write.ts'
import type { KubeRequests } from './transport.ts'

const PAGE_SIZE = 250
const LATER_MS = 1_000
const ONLY_METADATA_LIST =
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'

export class KubeTargetLister implements TargetLister {
  readonly #requests: KubeRequests

  constructor(requests: KubeRequests) {
    this.#requests = requests
  }

  async list(
    query: TargetQuery,
    found: (target: ListedTarget) => void,
    signal: AbortSignal,
  ): Promise<ListingAnswer> {
    const path = collectionPath(query.kind, query.namespace)
    let revision = ''
    try {
      const pages = listPages(this.#requests, path, selectorsOf(query), {
        pageSize: PAGE_SIZE,
        signal,
        ...(query.revision === '' ? {} : { revision: query.revision }),
        ...(query.brief ? { accept: ONLY_METADATA_LIST } : {}),
      })
      for await (const page of pages) {
        revision = page.resourceVersion
        for (const item of page.items) found(targetOf(item))
      }
      return { kind: 'listed', revision: query.revision === '' ? revision : query.revision }
    } catch (error) {
      return answerOf(error, query.revision !== '')
    }
  }
}

/** Names of the fields that a QueueJob can be selected by; the other kinds know their name only. */
const FIELDS: Readonly<Record<keyof TargetFields, string>> = {
  name: 'metadata.name',
  queue: 'spec.queue',
  type: 'spec.type',
  phase: 'status.phase',
}

function selectorsOf({ labels, fields }: TargetQuery): Selectors {
  const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  const field = (Object.keys(FIELDS) as (keyof TargetFields)[]).flatMap((name) => {
    const value = fields[name]
    return value === undefined ? [] : [`${FIELDS[name]}=${selectorValue(value)}`]
  })
  return { label: label.join(','), field: field.join(',') }
}

function targetOf({ raw, meta }: ListedItem): ListedTarget {
  const { name, uid, resourceVersion, creationMs } = meta
  const status = partOf(raw, 'status')
  const ended = Date.parse(textIn(status, 'completionTime'))
  return {
    ...{ name, uid, resourceVersion, creationMs },
    queue: textIn(partOf(raw, 'spec'), 'queue'),
    phase: textIn(status, 'phase'),
    reason: textIn(status, 'reason'),
    errorCode: textIn(partOf(status, 'error'), 'code'),
    completionMs: Number.isNaN(ended) ? null : ended,
  }
}

const NOTHING: RawObject = {}

function partOf(raw: RawObject, name: string): RawObject {
  const part = Object.hasOwn(raw, name) ? raw[name] : undefined
  return isRecord(part) ? part : NOTHING
}

function textIn(raw: RawObject, name: string): string {
  const value = Object.hasOwn(raw, name) ? raw[name] : undefined
  return typeof value === 'string' ? value : ''
}

/** The server's words, with 400 or 504 by version. */
const NEVER_WAS = /too large resource version/i

/** @param old the list was asked for at a revision of the past */
function answerOf(error: unknown, old: boolean): ListingAnswer {
  if (!(error instanceof KubeError)) {
    return { kind: 'later', retryAfterMs: LATER_MS, detail: describeError(error) }
  }
  const neverWas = old && NEVER_WAS.test(error.message)
  if (error.status === 410 || neverWas) return { kind: 'expired' }
  return { kind: 'later', retryAfterMs: comeBackAfter(error), detail: error.message }
}
