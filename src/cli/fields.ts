/**
 * Fields of stored objects, read leniently: the object may be of a later release, so what is absent or
 * of another type is empty and nothing is refused.
 */
import { isRecord, type RawObject } from '../kube/objects.ts'

const NOTHING: RawObject = {}

export function recordAt(raw: RawObject, ...path: readonly string[]): RawObject {
  let found: RawObject = raw
  for (const key of path) {
    const value = Object.hasOwn(found, key) ? found[key] : null
    if (!isRecord(value)) return NOTHING
    found = value
  }
  return found
}

export function textAt(raw: RawObject, key: string): string {
  const value = Object.hasOwn(raw, key) ? raw[key] : ''
  return typeof value === 'string' ? value : ''
}

export function numberAt(raw: RawObject, key: string): number {
  const value = Object.hasOwn(raw, key) ? raw[key] : 0
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

export function flagAt(raw: RawObject, key: string): boolean {
  return Object.hasOwn(raw, key) && raw[key] === true
}

export function listAt(raw: RawObject, key: string): readonly RawObject[] {
  const value = Object.hasOwn(raw, key) ? raw[key] : null
  return Array.isArray(value) ? value.filter(isRecord) : []
}

/** Null: absent, or no time. */
export function timeAt(raw: RawObject, key: string): number | null {
  const ms = Date.parse(textAt(raw, key))
  return Number.isNaN(ms) ? null : ms
}
