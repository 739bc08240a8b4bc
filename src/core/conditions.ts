/**
 * Conditions as kubectl, Flux, Helm and Argo CD read them (job-model.md section 4). One is written
 * only when it says something; an absent one means "not so". `lastTransitionTime` moves only when
 * the status of that type changes, so equal input gives equal bytes and no write.
 */
import type { JobCondition, Phase } from '../api/conditions.ts'
import { rfc3339, type WallMs } from './clock.ts'

export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message?: string | undefined
  readonly lastTransitionTime: string
}

interface Said {
  readonly type: JobCondition
  readonly status: 'True' | 'False'
}

/** The state table of job-model.md section 4. `stalled`: it waits for something a person must do. */
export function conditionsOf(phase: Phase, stalled: boolean): readonly Said[] {
  switch (phase) {
    case 'Pending':
      return []
    case 'Scheduled':
    case 'Delayed':
    case 'Blocked':
    case 'Retrying':
    case 'Running':
      return stalled
        ? [{ type: 'Stalled', status: 'True' }]
        : [{ type: 'Reconciling', status: 'True' }]
    case 'Suspended':
      return [{ type: 'Ready', status: 'True' }]
    case 'Completed':
      return [
        { type: 'Ready', status: 'True' },
        { type: 'Succeeded', status: 'True' },
        { type: 'Finished', status: 'True' },
      ]
    case 'Failed':
    case 'DeadLettered':
    case 'Cancelled':
      return [
        { type: 'Stalled', status: 'True' },
        { type: 'Succeeded', status: 'False' },
        { type: 'Finished', status: 'True' },
      ]
  }
}

/** The conditions to write, with the transition times of those that did not change. */
export function mergeConditions(
  before: readonly Condition[] | undefined,
  said: readonly Said[],
  reason: string,
  now: WallMs,
): readonly Condition[] {
  return said.map(({ type, status }) => {
    const old = before?.find((condition) => condition.type === type)
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : rfc3339(now)
    return { type, status, reason, lastTransitionTime }
  })
}
