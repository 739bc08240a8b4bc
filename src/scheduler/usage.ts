/**
 * What is taken of the limits of a queue, counted anew in each cycle from what holds it: the open
 * attempts whose outcome is not in yet, and the handlers that run on after their attempt was closed
 * (U1). Nothing is counted up and down, so nothing can leak; a count that was made is only followed
 * through the cycle that made it.
 */
import type { JobRecord } from '../core/job.ts'
import type { Ledger } from '../core/ledger.ts'
import type { Holder, Lingering, LingeringHandlers } from './ports.ts'

/** Of one queue. */
interface Taken {
  readonly all: Holder[]
  /** Null: no holder has a key. */
  byKey: Map<string, Holder[]> | null
}

const NOBODY: readonly Holder[] = []

export class Usage {
  readonly #ledger: Pick<Ledger, 'openIn'>
  readonly #handlers: LingeringHandlers
  readonly #taken = new Map<string, Taken>()
  #lingering: Map<string, Lingering[]> | null = null

  constructor(ledger: Pick<Ledger, 'openIn'>, handlers: LingeringHandlers) {
    this.#ledger = ledger
    this.#handlers = handlers
  }

  /** @param concurrencyKey of this one only */
  holders(namespace: string, queue: string, concurrencyKey?: string): readonly Holder[] {
    const taken = this.#takenOf(namespace, queue)
    return concurrencyKey === undefined ? taken.all : (taken.byKey?.get(concurrencyKey) ?? NOBODY)
  }

  /** A job was given to a worker class in this cycle. */
  started(record: JobRecord): void {
    const taken = this.#taken.get(`${record.namespace}/${record.queue}`)
    if (taken) take(taken, record)
  }

  #takenOf(namespace: string, queue: string): Taken {
    const known = this.#taken.get(`${namespace}/${queue}`)
    if (known) return known
    const taken: Taken = { all: [], byKey: null }
    for (const { record, attempt } of this.#ledger.openIn(namespace, queue)) {
      // Its outcome is in, so its handler has ended; only the write is under way.
      if (attempt && !attempt.reported) take(taken, record)
    }
    for (const each of this.#lingeringIn(namespace, queue)) take(taken, each)
    this.#taken.set(`${namespace}/${queue}`, taken)
    return taken
  }

  #lingeringIn(namespace: string, queue: string): readonly Lingering[] {
    if (!this.#lingering) {
      this.#lingering = new Map()
      for (const each of this.#handlers.lingering()) {
        const key = `${each.namespace}/${each.queue}`
        const others = this.#lingering.get(key)
        if (others) others.push(each)
        else this.#lingering.set(key, [each])
      }
    }
    return this.#lingering.get(`${namespace}/${queue}`) ?? []
  }
}

function take(taken: Taken, holder: Holder): void {
  taken.all.push(holder)
  const { concurrencyKey } = holder
  if (concurrencyKey === '') return
  const byKey = taken.byKey ?? new Map<string, Holder[]>()
  taken.byKey = byKey
  const others = byKey.get(concurrencyKey)
  if (others) others.push(holder)
  else byKey.set(concurrencyKey, [holder])
}
