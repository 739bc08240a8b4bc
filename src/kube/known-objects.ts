/**
 * Which version of each object the reflector has told: what makes "never an older one after a newer
 * one", "delete and re-create is removed, then changed" and "gone from a complete list" decidable.
 * One small record for each object; the objects themselves are the rooms' to keep.
 */
import { isNewer } from '../core/ledger.ts'
import type { Versioned } from './objects.ts'

interface Known {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  resourceVersion: string
  /** Number of the last list that contained it. */
  list: number
}

export type Take =
  /** Told before, or older than what was told. */
  | { readonly kind: 'known' }
  /** The list that is being read contained it already. */
  | { readonly kind: 'repeated' }
  /** To be told; `replaced` is the uid that the name had before, or ''. */
  | { readonly kind: 'news'; readonly replaced: string }

export class KnownObjects {
  readonly #byKey = new Map<string, Known>()

  get size(): number {
    return this.#byKey.size
  }

  /** @param list number of the list being read; 0 = from a watch */
  take(object: Versioned, list = 0): Take {
    const key = `${object.namespace}/${object.name}`
    const known = this.#byKey.get(key)
    if (known && list !== 0) {
      if (known.list === list) return { kind: 'repeated' }
      known.list = list
    }
    // Versions count all writes of the cluster, so a former life of the name is older, too.
    if (known && !isNewer(object.resourceVersion, known.resourceVersion)) return { kind: 'known' }
    if (known?.uid === object.uid) {
      known.resourceVersion = object.resourceVersion
      return { kind: 'news', replaced: '' }
    }
    const { namespace, name, uid, resourceVersion } = object
    this.#byKey.set(key, { namespace, name, uid, resourceVersion, list })
    return { kind: 'news', replaced: known?.uid ?? '' }
  }

  /** True: it was known with that uid, and is not any more. */
  drop(object: Versioned): boolean {
    const key = `${object.namespace}/${object.name}`
    if (this.#byKey.get(key)?.uid !== object.uid) return false
    return this.#byKey.delete(key)
  }

  /** Forgets and returns what the complete list of that number did not contain. */
  sweep(list: number): readonly Versioned[] {
    const gone: Versioned[] = []
    for (const [key, known] of this.#byKey) {
      if (known.list === list) continue
      gone.push(known)
      this.#byKey.delete(key)
    }
    return gone
  }
}
