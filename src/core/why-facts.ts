/**
 * What is asked when somebody wants to know why a job waits, and what is answered (`why.ts`).
 */
import type { Phase } from '../api/conditions.ts'
import type { JobError } from '../api/queuejob.ts'
import {
  type AdviceSlots,
  advice,
  type Reason,
  type SentenceSlots,
  sentence,
} from '../api/reasons.ts'
import { cut } from '../api/text.ts'
import type { ClassCapacity } from './capacity.ts'
import type { MonoMs, WallMs } from './clock.ts'
import type { Hold } from './hold.ts'
import type { JobRecord } from './job.ts'
import type { Place } from './place.ts'
import type { PausedQueue } from './queue-pause.ts'
import type { QueuePolicy } from './queue-policy.ts'

/** How the queue of the job stands. */
export type QueueStanding =
  | { readonly kind: 'open' }
  /** Since when it has been missed; never for `default`. */
  | { readonly kind: 'missing'; readonly since: MonoMs }
  | { readonly kind: 'paused'; readonly queue: PausedQueue }
  /** It uses fields that this release does not serve. */
  | { readonly kind: 'not-served'; readonly fields: readonly string[] }
  /** Another operator serves it, and says why its jobs wait. */
  | { readonly kind: 'foreign' }

export type DispatchStanding =
  | { readonly kind: 'open' }
  /** The operator's own switch. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'unavailable'; readonly cause: string }

/** Of a job, what bears on its wait. A JobRecord is one. */
export type WaitingJob = Pick<
  JobRecord,
  | 'namespace'
  | 'name'
  | 'queue'
  | 'type'
  | 'handlerVersion'
  | 'notBefore'
  | 'suspend'
  | 'concurrencyKey'
  | 'fairnessKey'
> & { readonly retry: Pick<JobRecord['retry'], 'maxAttempts'> }

export interface WaitFacts {
  readonly record: WaitingJob
  readonly status: {
    readonly phase: Phase
    readonly attempt?: number | undefined
    readonly attempts?: number | undefined
    readonly error?: JobError | undefined
  }
  /** A backup tool put it back and nothing of it was ever written. */
  readonly restored: boolean
  readonly queue: QueueStanding
  readonly hold: Hold | null
  /** The later of what the spec, a back-off and a snooze say; 0 = at once. */
  readonly dueAt: WallMs
  readonly dispatch: DispatchStanding
  /** All classes of the job's namespace, or of every one; null = not known. */
  readonly classes: readonly ClassCapacity[] | null
  readonly policy: QueuePolicy
  /** Attempts of the queue that count against `concurrency.max`. */
  readonly running: number
  /** When the next token of the rate limit comes; not after now: it is there, or there is no limit. */
  readonly rateReadyAt: WallMs
  /** Names of the jobs that hold its concurrency key. Asked only when there is a limit. */
  readonly holders: () => readonly string[]
  /** Waiting jobs with its concurrency key that go before it; asked only when that is told. */
  readonly keyAhead: () => number
  /** Asked only when it is told. */
  readonly place: () => Place
  readonly now: WallMs
  readonly mono: MonoMs
  /** Of this program, for sentences. */
  readonly version: string
}

/** What holds a job. Its words are found when somebody wants to hear them: most were told already. */
export interface Held {
  readonly phase: 'Scheduled' | 'Delayed' | 'Blocked' | 'Suspended' | 'Retrying'
  readonly reason: Reason
  /** Only a person can lift it: Stalled instead of Reconciling. */
  readonly stalled: boolean
  /** When to look again; 0 = when something changes. */
  readonly until: WallMs
  readonly words: () => Words
}

export interface Words {
  /** One sentence, at most 1,024 characters. */
  readonly message: string
  /** What would change it. */
  readonly advice: string
}

export type Waiting = Omit<Held, 'words'> & Words

/** The facts about this one job: without its place among the others. */
export type OwnFacts = Omit<WaitFacts, 'place'>

/** Held for a reason of the table, whose sentence and advice are filled from the slots. */
export function held<R extends Reason>(
  phase: Held['phase'] & Phase,
  reason: R,
  slots: () => SentenceSlots<R> & AdviceSlots<R>,
): Held {
  const words = () => {
    const filled = slots()
    return { message: sentence(reason, filled), advice: advice(reason, filled) }
  }
  return { phase, reason, stalled: false, until: 0, words }
}

export function waitingOf({ words, ...rest }: Held): Waiting {
  return { ...rest, ...words() }
}

const MESSAGE_MAX = 1024

/** As `status.message` holds it: with what to do about it, where that is not only to wait. */
export function statusMessage({ words, until, stalled }: Held): string {
  const { message, advice } = words()
  const onlyTime = until > 0 && !stalled && advice.startsWith('wait until')
  return onlyTime ? message : cut(`${message}; ${advice}`, MESSAGE_MAX)
}
