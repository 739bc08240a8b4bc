/** Paths of our kinds on the API server. Every part that a user chose is encoded (B9). */
import { API_VERSION, KINDS, type Kind } from '../api/conditions.ts'
import type { JobKey } from '../core/ids.ts'

const BASE = `/apis/${API_VERSION}` as const

/** @param namespace '' = all namespaces */
export function collectionPath(kind: Kind, namespace = ''): string {
  const { plural } = KINDS[kind]
  return namespace === ''
    ? `${BASE}/${plural}`
    : `${BASE}/namespaces/${encodeURIComponent(namespace)}/${plural}`
}

export function objectPath(kind: Kind, key: JobKey): string {
  return `${collectionPath(kind, key.namespace)}/${encodeURIComponent(key.name)}`
}

export function statusPath(kind: Kind, key: JobKey): string {
  return `${objectPath(kind, key)}/status`
}
