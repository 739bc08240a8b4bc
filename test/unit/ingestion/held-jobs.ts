// Jobs in a ledger, moved by hand: what the indexes of `ingestion` are kept in step with. No watch, no
// writer, no scheduler; a step is one version of one object.

import type { QueueJobSpecInput, QueueJobStatus } from '../../../src/api/queuejob.ts'
import type { JobUid } from '../../../src/core/ids.ts'
import { type Entry, Ledger, type LedgerWatcher } from '../../../src/core/ledger.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import { aJob, anAttempt, epoch, NOON, newer } from '../../builders.ts'

export class HeldJobs {
  readonly ledger = new Ledger(normaliser(() => null))
  #version = 1000
  #uids = 0
  #epochs = 0
  /** Monotonic time of what happens next. */
  now = 0

  /** @param at seconds after noon: creation times have no finer grain */
  create(name: string, spec: Partial<QueueJobSpecInput> = {}, at = 0): Entry {
    const { payload: _, ...rest } = spec
    const uid = `uid-${String(++this.#uids).padStart(6, '0')}` as JobUid
    const resourceVersion = String(++this.#version)
    const creationMs = NOON + 1000 * at
    this.ledger.observe(aJob({ name, uid, resourceVersion, creationMs, spec: rest }), this.now)
    return this.entry(name)
  }

  /** The next version of its status; what is not given stays. */
  write(name: string, status: Partial<QueueJobStatus>): void {
    const { object } = this.entry(name)
    const resourceVersion = String(++this.#version)
    const next = { ...newer(object), resourceVersion, status: { ...object.status, ...status } }
    this.ledger.observe(next, this.now)
  }

  edit(name: string, spec: Partial<QueueJobSpecInput>): void {
    const { object } = this.entry(name)
    const resourceVersion = String(++this.#version)
    const next = { ...newer(object), resourceVersion, spec: { ...object.spec, ...spec } }
    this.ledger.observe(next as typeof object, this.now)
  }

  start(name: string): void {
    const start = anAttempt({ epoch: epoch(++this.#epochs) })
    this.ledger.dispatch(this.entry(name), start, this.now)
  }

  end(name: string, phase: QueueJobStatus['phase'], given: Partial<QueueJobStatus> = {}): void {
    const completionTime = new Date(NOON).toISOString()
    this.write(name, { phase, epoch: epoch(++this.#epochs), completionTime, ...given })
  }

  remove(name: string): void {
    this.ledger.forget(this.entry(name).uid)
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  entry(name: string): Entry {
    const found = this.#find(name)
    if (!found) throw new Error(`no job ${name}`)
    return found
  }

  names(): readonly string[] {
    return [...this.ledger.entries()].map(({ object }) => object.name)
  }

  watch(watcher: LedgerWatcher): void {
    this.ledger.watch(watcher)
  }

  #find(name: string): Entry | undefined {
    for (const entry of this.ledger.entries()) if (entry.object.name === name) return entry
    return undefined
  }
}

/** Was started and tells of it. */
export const STARTED = { attempt: 1, startTime: new Date(NOON).toISOString() } as const
