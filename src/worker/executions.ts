/** The attempts that a worker has in hand, by job: usually one for each, two while a newer one waits. */
import type { Epoch } from '../core/epoch.ts'
import type { JobUid } from '../core/ids.ts'
import type { Abort } from './attempt.ts'
import type { Execution } from './execution.ts'

export class Executions {
  readonly #byJob = new Map<JobUid, readonly Execution[]>()

  add(execution: Execution): void {
    const { uid } = execution.item
    this.#byJob.set(uid, [...this.of(uid), execution])
  }

  remove(execution: Execution): void {
    const { uid } = execution.item
    const rest = this.of(uid).filter((other) => other !== execution)
    if (rest.length > 0) this.#byJob.set(uid, rest)
    else this.#byJob.delete(uid)
  }

  of(uid: JobUid): readonly Execution[] {
    return this.#byJob.get(uid) ?? []
  }

  all(): readonly Execution[] {
    return [...this.#byJob.values()].flat()
  }

  /** Started, and not decided. */
  running(): readonly Execution[] {
    return this.all().filter((execution) => execution.running)
  }

  /** K8: those of the job up to an epoch. */
  abortUpTo(uid: JobUid, epochMax: Epoch, abort: Abort): void {
    for (const execution of this.of(uid)) {
      if (execution.item.epoch <= epochMax) execution.abort(abort)
    }
  }

  /** Those that have not started and need not any more: they are handed back. */
  handBackWaiting(which: (execution: Execution) => boolean = () => true): void {
    for (const execution of this.all()) {
      if (execution.waiting && which(execution)) execution.abort({ kind: 'drain' })
    }
  }

  abortAll(abort: Abort): void {
    for (const execution of this.all()) execution.abort(abort)
  }
}
