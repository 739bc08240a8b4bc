/**
 * What connected workers offer, one row for each class: workers that serve the same queues with the
 * same handlers. Learnt from beats (`recovery/workers.ts`), spent by the scheduler, told by `why.ts`.
 */
import type { ClassId, HandlerKey } from './ids.ts'

/** Workers of one class, taken together. */
export interface ClassCapacity {
  readonly cls: ClassId
  readonly namespace: string
  readonly queues: ReadonlySet<string>
  readonly handlers: readonly HandlerKey[]
  readonly slots: number
  readonly free: number
}

/** Do workers of this class serve the job's queue? Its type is another question. */
export function servesQueue(
  offer: Pick<ClassCapacity, 'namespace' | 'queues'>,
  job: { readonly namespace: string; readonly queue: string },
): boolean {
  return offer.namespace === job.namespace && offer.queues.has(job.queue)
}

/** @param job `handlerVersion` '' = any */
export function handles(
  handler: HandlerKey,
  job: { readonly type: string; readonly handlerVersion: string },
): boolean {
  return (
    handler.type === job.type &&
    (job.handlerVersion === '' || handler.version === job.handlerVersion)
  )
}
