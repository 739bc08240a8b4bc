/**
 * An API server for the status writer: it holds objects, takes a write only on the version that it
 * holds (W1), and answers late, wrongly or not at all where a test scripts it.
 */
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import { type Clock, sleep } from '../../../src/core/clock.ts'
import type { JobKey, JobUid } from '../../../src/core/ids.ts'
import { keyText } from '../../../src/core/ids.ts'
import type { JobObject } from '../../../src/core/job.ts'
import type {
  ReadAnswer,
  StatusStore,
  WriteAnswer,
  WriteTarget,
} from '../../../src/persistence/ports.ts'
import { newer } from '../../builders.ts'

type Scripted = Exclude<WriteAnswer, { kind: 'written' }>

/** What happens to one write instead of what would. */
export type Script =
  | Scripted
  /** It happens, and the answer is lost. */
  | { readonly kind: 'unknown-written' }
  /** The adapter breaks its promise. */
  | { readonly kind: 'throws'; readonly error: Error }

export const GONE: Script = { kind: 'gone' }
export const CONFLICT: Script = { kind: 'conflict' }
export const UNKNOWN: Script = { kind: 'unknown', detail: 'connection reset' }
export const UNKNOWN_WRITTEN: Script = { kind: 'unknown-written' }
export const REFUSED: Script = { kind: 'refused', status: 422, detail: 'status.result: too deep' }
export const later = (retryAfterMs: number): Script => ({
  kind: 'later',
  retryAfterMs,
  detail: 'too many requests',
})

export interface Seen {
  readonly at: number
  readonly target: WriteTarget
  readonly next: QueueJobStatus
}

export class ScriptedStore implements StatusStore {
  readonly #clock: Clock
  readonly #objects = new Map<string, JobObject>()
  readonly #scripts: Script[] = []
  readonly #reads: (ReadAnswer | Error)[] = []
  readonly #open = new Map<JobUid, number>()
  /** How long each answer takes. */
  latencyMs = 0
  readonly writes: Seen[] = []
  reads = 0
  /** Most writes at once, in all and of one job. */
  mostAtOnce = 0
  mostOfOneJob = 0

  constructor(clock: Clock, objects: readonly JobObject[]) {
    this.#clock = clock
    for (const object of objects) this.put(object)
  }

  put(object: JobObject): void {
    this.#objects.set(keyText(object), object)
  }

  remove(key: JobKey): void {
    this.#objects.delete(keyText(key))
  }

  get(key: JobKey): JobObject {
    const object = this.#objects.get(keyText(key))
    if (!object) throw new Error(`there is no ${keyText(key)}`)
    return object
  }

  /** The next writes, in order. */
  script(...answers: readonly Script[]): void {
    this.#scripts.push(...answers)
  }

  /** The next reads, in order. */
  scriptReads(...answers: readonly (ReadAnswer | Error)[]): void {
    this.#reads.push(...answers)
  }

  async writeStatus(
    target: WriteTarget,
    before: QueueJobStatus,
    next: QueueJobStatus,
  ): Promise<WriteAnswer> {
    this.#begin(target.uid)
    this.writes.push({ at: this.#clock.monotonic(), target, next })
    const script = this.#scripts.shift()
    if (this.latencyMs > 0) await sleep(this.#clock, this.latencyMs)
    this.#end(target.uid)
    if (script?.kind === 'throws') throw script.error
    if (script && script.kind !== 'unknown-written') return script
    const answer = this.#write(target, before, next)
    return script ? { kind: 'unknown', detail: 'connection reset' } : answer
  }

  async readJob(key: JobKey): Promise<ReadAnswer> {
    this.reads += 1
    const script = this.#reads.shift()
    if (script instanceof Error) throw script
    if (script) return script
    const object = this.#objects.get(keyText(key))
    return object ? { kind: 'found', object } : { kind: 'gone' }
  }

  #write(target: WriteTarget, before: QueueJobStatus, next: QueueJobStatus): WriteAnswer {
    const object = this.#objects.get(keyText(target))
    if (object?.uid !== target.uid) return { kind: 'gone' }
    if (object.resourceVersion !== target.resourceVersion) return { kind: 'conflict' }
    if (object.status !== before) throw new Error('the patch was made from another status')
    const stored = newer(object, { status: next })
    this.put(stored)
    return { kind: 'written', resourceVersion: stored.resourceVersion }
  }

  #begin(uid: JobUid): void {
    this.#open.set(uid, (this.#open.get(uid) ?? 0) + 1)
    const counts = [...this.#open.values()]
    this.mostAtOnce = Math.max(
      this.mostAtOnce,
      counts.reduce((a, b) => a + b),
    )
    this.mostOfOneJob = Math.max(this.mostOfOneJob, ...counts)
  }

  #end(uid: JobUid): void {
    this.#open.set(uid, (this.#open.get(uid) ?? 0) - 1)
  }
}
