/**
 * Where a job stands and why, in one sentence, whatever its phase: what `gq why` and the SDK's
 * `explain()` say. A job that waits is told by `why.ts`; one that runs or has ended by what its status
 * says, with what to do next.
 */
import {
  adviceFor,
  isReason,
  type Reason,
  type SentenceSlots,
  sentence,
  slotsSaid,
} from '../api/reasons.ts'
import { rfc3339, type WallMs } from './clock.ts'
import type { JobObject } from './job.ts'
import type { Waiting } from './why-facts.ts'

export interface Explanation {
  readonly phase: string
  /** One word of the table of reasons. */
  readonly reason: string
  /** The reason in one sentence: who, what, why. */
  readonly message: string
  /** The command or the line that would change it; '' = none is known. */
  readonly advice: string
  /** When it changes by itself, as far as that is known; 0 = it is not. */
  readonly until: WallMs
}

type Told = Pick<JobObject, 'namespace' | 'name' | 'status'>

export function explainWaiting(job: Told, waiting: Waiting | null): Explanation {
  if (waiting) {
    const { phase, reason, message, advice, until } = waiting
    return { phase, reason, message, advice, until }
  }
  return BY_ITSELF.has(job.status.reason ?? '') ? explainStatus(job) : ofRow(job, 'Pending', {})
}

/** Written when a job began to wait again; true until something holds it. */
const BY_ITSELF: ReadonlySet<string> = new Set<Reason>(['Requeued', 'Replayed'])

/** @param attemptDeadlineMs of the attempt that runs; null = not known */
export function explainRunning(job: Told, attemptDeadlineMs: number | null): Explanation {
  const { startTime, worker, attempt, attempts } = job.status
  const started = startTime === undefined ? Number.NaN : Date.parse(startTime)
  const known = !Number.isNaN(started) && attemptDeadlineMs !== null
  const until = known ? started + attemptDeadlineMs : 0
  const told = ofRow(job, 'Running', {
    attempt: attempt ?? attempts ?? 1,
    worker: worker?.pod || worker?.podUID || 'an unknown worker',
    since: startTime ?? 'an unknown time',
    deadline: known ? rfc3339(until) : 'its deadline',
  })
  return { ...told, until }
}

/** As it was written. */
export function explainStatus({ namespace, name, status }: Told): Explanation {
  const { phase, reason: written = '', message = '' } = status
  const reason = written || phase
  const said = isReason(reason) ? slotsSaid(reason, message) : null
  const known = {
    ...said,
    namespace,
    job: name,
    first: status.duplicateOf?.name ?? '',
    attempt: String(status.attempt ?? status.attempts ?? 0),
  }
  return {
    phase,
    reason,
    message: message || endedText(status),
    advice: adviceFor(reason, known),
    until: 0,
  }
}

function ofRow<R extends 'Pending' | 'Running'>(
  { namespace, name, status }: Told,
  reason: R,
  slots: SentenceSlots<R>,
): Explanation {
  return {
    phase: status.phase,
    reason,
    message: sentence(reason, slots),
    advice: adviceFor(reason, { namespace, job: name }),
    until: 0,
  }
}

/** A success needs no words in its status, so they are found here. */
function endedText({
  phase,
  attempt,
  attempts,
  startTime,
  completionTime,
}: Told['status']): string {
  if (phase !== 'Completed') return `the job is ${phase}; its status says no more`
  const ms = Date.parse(completionTime ?? '') - Date.parse(startTime ?? '')
  const duration = Number.isNaN(ms) ? 'an unknown time' : `${Math.max(0, ms / 1000)} s`
  return sentence('Completed', { attempt: attempt ?? attempts ?? 1, duration })
}
