/**
 * What every object of the API has, whatever its kind: the part of `metadata` that identifies one
 * version of it. Hand-checked instead of by schema, because each watch event passes here.
 */
import type { UnreadableObject } from '../core/resources.ts'

/** One version of one object. */
export interface Versioned {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
}

export interface ObjectMeta extends Versioned {
  readonly generation: number
  readonly creationMs: number
  readonly deleting: boolean
  readonly labels: Readonly<Record<string, unknown>>
  readonly annotations: Readonly<Record<string, unknown>>
}

export type Decoded<T> =
  | { readonly kind: 'object'; readonly object: T }
  | { readonly kind: 'unreadable'; readonly object: UnreadableObject }

/** `meta` was read from `raw` by `metaOf`. Never throws. */
export type Decode<T> = (raw: RawObject, meta: ObjectMeta) => Decoded<T>

export type RawObject = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const NOTHING: RawObject = {}

/** Null: not an object of the API. `namespace` is '' for what has none. */
export function metaOf(raw: unknown): ObjectMeta | null {
  if (!isRecord(raw) || !isRecord(raw.metadata)) return null
  const meta = raw.metadata
  const { name, namespace = '', uid, resourceVersion, generation } = meta
  if (typeof name !== 'string' || name === '') return null
  if (typeof namespace !== 'string') return null
  if (typeof uid !== 'string' || uid === '') return null
  if (!isVersion(resourceVersion)) return null
  return {
    namespace,
    name,
    uid,
    resourceVersion,
    generation: typeof generation === 'number' ? generation : 0,
    creationMs: timeOf(meta.creationTimestamp),
    deleting: typeof meta.deletionTimestamp === 'string',
    labels: isRecord(meta.labels) ? meta.labels : NOTHING,
    annotations: isRecord(meta.annotations) ? meta.annotations : NOTHING,
  }
}

const VERSION = /^[1-9]\d{0,18}$/

/** Versions order an object's history, so they must be numbers. */
export function isVersion(value: unknown): value is string {
  return typeof value === 'string' && VERSION.test(value)
}

function timeOf(value: unknown): number {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? 0 : ms
}

/** A label or annotation as text, '' when absent. Own properties only (B14). */
export function textAt(map: Readonly<Record<string, unknown>>, key: string): string {
  const value = Object.hasOwn(map, key) ? map[key] : ''
  return typeof value === 'string' ? value : ''
}

export function unreadable<T>(meta: ObjectMeta, problem: string): Decoded<T> {
  const { labels: _, annotations: __, ...rest } = meta
  return { kind: 'unreadable', object: { ...rest, problem } }
}
