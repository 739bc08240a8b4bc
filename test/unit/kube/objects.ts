// Objects as the API server sends them, for the suites of this folder.

import { metaOf, type ObjectMeta, type RawObject } from '../../../src/kube/objects.ts'

type Json = Record<string, unknown>

/** A raw object of any kind. `n` gives name and uid; further fields go beside the metadata. */
export function raw(n: number, version: number, more: Json = {}, meta: Json = {}): RawObject {
  return {
    apiVersion: 'gopherqueue.io/v1alpha1',
    kind: 'QueueJob',
    metadata: {
      namespace: 'mail',
      name: `job-${n}`,
      uid: `uid-${n}`,
      resourceVersion: String(version),
      generation: 1,
      creationTimestamp: '2026-05-01T12:00:00Z',
      ...meta,
    },
    ...more,
  }
}

/** The same name in a later life. */
export function reborn(n: number, version: number, life = 2): RawObject {
  return raw(n, version, {}, { uid: `uid-${n}-${life}` })
}

/** Metadata of an object that must have some. */
export function meta(object: unknown): ObjectMeta {
  const found = metaOf(object)
  if (!found) throw new Error('the builder made an object without identity')
  return found
}
