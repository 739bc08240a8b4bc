/**
 * What may hold a job that is due and not suspended, besides its queue, limits and slots: other jobs.
 * Found by ingestion, obeyed by the scheduler (`placement.ts`), told by `why.ts`.
 */
import type { Phase } from '../api/conditions.ts'
import type { MonoMs } from './clock.ts'

export type Hold =
  /** The first dependency that it waits for. */
  | {
      readonly kind: 'dependency'
      readonly name: string
      /** Null: there is no such job, since when as seen here. */
      readonly phase: Phase | null
      readonly missingSince: MonoMs
      /** Dependencies that are not met, this one included. */
      readonly unmet: number
    }
  /** `Queue.spec.maxDepth`. */
  | { readonly kind: 'queue-full'; readonly waiting: number; readonly limit: number }
  /** `limits.maxObjects` of the operator. */
  | { readonly kind: 'cluster-full'; readonly objects: number; readonly limit: number }
