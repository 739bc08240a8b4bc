/**
 * What may happen to a job, as facts for the one status writer (protocol W2). Rooms enqueue facts,
 * never statuses: the writer computes the status at send time from the newest object it has read and
 * all queued facts, in order, so a fact that the world has overtaken simply changes nothing.
 */
import type { Reason } from '../api/reasons.ts'
import type { WallMs } from './clock.ts'
import type { Epoch } from './epoch.ts'
import type { ClassId, WorkerId } from './ids.ts'
import type { Outcome, Report } from './outcome.ts'

/** Where an attempt ran; pod and node are '' for a worker without a pod. */
export interface WorkerPlace {
  readonly worker: WorkerId
  readonly boot: string
  readonly cls: ClassId
  readonly pod: string
  readonly node: string
}

export type LossCause = Extract<
  Reason,
  | 'WorkerOOMKilled'
  | 'WorkerEvicted'
  | 'WorkerDeleted'
  | 'NodeLost'
  | 'WorkerCrashed'
  | 'WorkerHung'
  | 'LeaseLost'
>

/** What a QueueAction asks of one job (protocol U4). */
interface Acted {
  /** Of the action among all: a job takes none that is not above the last one it took. */
  readonly order: number
  /** Name of the QueueAction. */
  readonly action: string
  /** User name of who asked; '' = only the audit log knows. */
  readonly by: string
  readonly comment: string
  readonly at: WallMs
}

export type Fact =
  /** Intake refused it: Failed with a reason that says what to do. */
  | { readonly kind: 'refused'; readonly reason: Reason; readonly message: string }
  /** `readiness: Accepted`, or an edit of a job that was written before: observedGeneration moves. */
  | { readonly kind: 'seen' }
  /** Why it waits. Informs only; held back by the information budget. */
  | {
      readonly kind: 'waiting'
      readonly phase: 'Scheduled' | 'Delayed' | 'Blocked' | 'Suspended' | 'Retrying'
      readonly reason: Reason
      readonly message: string
      /** A person must act: Stalled instead of Reconciling. */
      readonly stalled: boolean
    }
  /** D5: accepted for a second and no outcome yet; also T6, adopting an attempt. */
  | {
      readonly kind: 'running'
      readonly epoch: Epoch
      readonly attempt: number
      readonly runId: string
      readonly place: WorkerPlace
      readonly startedAt: WallMs
    }
  /** O2: closes the attempt. */
  | {
      readonly kind: 'outcome'
      readonly epoch: Epoch
      readonly attempt: number
      readonly runId: string
      readonly place: WorkerPlace
      readonly outcome: Outcome
      readonly startedAt: WallMs
      readonly endedAt: WallMs
      /** For the jitter; drawn once, so that computing again gives the same status. */
      readonly roll: number
    }
  /** L3: the attempt is lost; counts in the crash or eviction budget. */
  | {
      readonly kind: 'lost'
      readonly epoch: Epoch
      readonly runId: string
      readonly fence: Epoch
      readonly cause: LossCause
      readonly counts: 'crash' | 'eviction' | 'nothing'
      readonly message: string
      readonly place: WorkerPlace | null
      readonly at: WallMs
      readonly roll: number
    }
  /** L7: past its deadline and silent about it. */
  | {
      readonly kind: 'overdue'
      readonly epoch: Epoch
      readonly runId: string
      readonly fence: Epoch
      readonly place: WorkerPlace | null
      readonly at: WallMs
      readonly roll: number
    }
  /** D7: never accepted; closed by a fence, counted in no budget. */
  | { readonly kind: 'stuck'; readonly epoch: Epoch; readonly fence: Epoch }
  /** U1. A handler that runs is told to stop after the write. */
  | (Acted & {
      readonly kind: 'cancel'
      readonly fence: Epoch
      /** Number of the attempt that was open; absent = none was. Tells of a start that nobody wrote. */
      readonly attempt?: number
    })
  /** A dead letter that nobody wants, or a restored job that is not to run: Cancelled, `Discarded`. */
  | (Acted & { readonly kind: 'discard'; readonly fence: Epoch })
  /** U3, by an action: from its end the job begins again, with fresh budgets. */
  | (Acted & {
      readonly kind: 'replay'
      readonly fence: Epoch
      /** The action that holds the payload of the next run; null = the job's own. */
      readonly payload: { readonly name: string; readonly uid: string } | null
    })
  /** U3, because `spec.runId` of an ended job changed; counts in `reruns`, too. */
  | { readonly kind: 'rerun'; readonly fence: Epoch; readonly at: WallMs }
  /** A back-off or a snooze is cut short. */
  | (Acted & { readonly kind: 'retry-now' })
  /** A job that came back from a backup may run (RestoredUnconfirmed). The epoch says that it was seen. */
  | (Acted & { readonly kind: 'confirm'; readonly fence: Epoch })
  /** Another job holds its idempotency key: Completed, `Duplicate`, never run. */
  | {
      readonly kind: 'duplicate'
      readonly first: { readonly name: string; readonly uid: string }
      readonly at: WallMs
    }
  /** Result, history and progress of an ended job are dropped instead of the job (retention). */
  | { readonly kind: 'trim' }
  /** `activeDeadlineSeconds` passed. */
  | {
      readonly kind: 'expired'
      readonly fence: Epoch
      /** The attempt that it ends; null = none was open. */
      readonly attempt: {
        readonly epoch: Epoch
        readonly runId: string
        readonly place: WorkerPlace | null
      } | null
      readonly at: WallMs
    }
  /** Handler's own words about a running attempt; from the information budget. */
  | {
      readonly kind: 'progress'
      readonly epoch: Epoch
      readonly percent: number
      readonly message: string
    }

type ActFact = Extract<Fact, Acted>
type RequestOf<A extends ActFact> = A extends ActFact ? Omit<A, 'fence' | 'at'> : never

/** What an action asks of one job: whoever leads the shard adds the time and the fence. */
export type ActRequest = RequestOf<ActFact>

/** Facts that only inform share one budget (architecture.md, rule 2). */
export function onlyInforms(fact: Fact): boolean {
  return fact.kind === 'waiting' || fact.kind === 'progress'
}

/** The fact of an outcome, from a report that was accepted. */
export function outcomeFact(report: Report, place: WorkerPlace, now: WallMs, roll: number): Fact {
  const endedAt = now - Math.max(0, report.startedAgoMs - report.durationMs)
  return {
    kind: 'outcome',
    epoch: report.epoch,
    attempt: report.attempt,
    runId: report.runId,
    place,
    outcome: report.outcome,
    startedAt: now - report.startedAgoMs,
    endedAt,
    roll,
  }
}
