/** What ingestion needs from outside, each as narrow as its use. Implemented in `kube/`. */
import type { JobKey } from '../core/ids.ts'
import type { ActionObject, QueueObject, ScheduleObject } from '../core/resources.ts'
import type { WriteAnswer } from '../persistence/ports.ts'

/** The status of each kind but QueueJob, which has a writer of its own. */
export interface StatusOf {
  readonly Queue: QueueObject['status']
  readonly QueueAction: ActionObject['status']
  readonly QueueSchedule: ScheduleObject['status']
}

export interface ObjectStatusWriter {
  /** Replaces the whole status, on exactly that version and uid. Never rejects. */
  writeStatus<K extends keyof StatusOf>(
    kind: K,
    target: JobKey & { readonly uid: string; readonly resourceVersion: string },
    next: StatusOf[K],
  ): Promise<WriteAnswer>
}

/** Is the admission policy there that says who may do what by a QueueAction? */
export interface ActionGuard {
  check(): Promise<'guarded' | 'missing' | 'unknown'>
}
