/**
 * Which jobs a command is about: one meaning for `list`, `export` and every act on many jobs. What the
 * API server can select it selects; the rest is matched here, as the operator matches it for an action
 * (resources.md, "QueueAction": a job must match all that is given).
 */
import { PHASES, type Phase } from '../api/conditions.ts'
import type { QueueActionSpec } from '../api/queueaction.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import { selectorValue } from '../kube/client-selectors.ts'
import { UsageError } from './exit.ts'
import { recordAt, textAt, timeAt } from './fields.ts'
import type { Given } from './given.ts'
import type { Selectors } from './ports.ts'
import { labelsOf, momentOf, phaseOf } from './values.ts'

export interface Selection {
  readonly queue?: string | undefined
  readonly type?: string | undefined
  /** Empty = any. */
  readonly phases: readonly Phase[]
  /** As kubectl takes it, '' = any. */
  readonly labels: string
  /** As the status says it. */
  readonly reason?: string | undefined
  readonly errorCode?: string | undefined
  /** Ended at or after. */
  readonly since?: WallMs | undefined
  /** Ended before. */
  readonly before?: WallMs | undefined
}

/** `--failed` is one place for both: job-model.md section 2. */
export const FAILED_PHASES = ['Failed', 'DeadLettered'] as const satisfies readonly Phase[]

export function selectionOf(given: Given, now: WallMs, zone: string): Selection {
  const named = given.readAll('phase', phaseOf)
  const phases = [...new Set([...named, ...(given.on('failed') ? FAILED_PHASES : [])])]
  const selection = {
    queue: given.text('queue'),
    type: given.text('type'),
    phases,
    labels: given.text('selector') ?? '',
    reason: given.text('reason'),
    errorCode: given.text('error-code'),
    since: given.read('since', momentOf(now, zone)),
    before: given.read('before', momentOf(now, zone)),
  }
  const { since, before } = selection
  if (since !== undefined && before !== undefined && since >= before) {
    throw new UsageError('--since must be earlier than --before: no job can match')
  }
  return selection
}

export function selectsAll(selection: Selection): boolean {
  const { queue, type, phases, labels, reason, errorCode, since, before } = selection
  return (
    [queue, type, reason, errorCode, since, before].every((value) => value === undefined) &&
    phases.length === 0 &&
    labels === ''
  )
}

/** For the API server. Of several phases it is told those that are not wanted: it knows no "or". */
export function selectorsOf({ queue, type, phases, labels, reason }: Selection): Selectors {
  const [only] = phases
  const phase =
    phases.length === 0
      ? []
      : phases.length === 1 && only
        ? [`status.phase=${only}`]
        : PHASES.filter((each) => !phases.includes(each)).map((each) => `status.phase!=${each}`)
  const field = [
    ...(queue === undefined ? [] : [`spec.queue=${selectorValue(queue)}`]),
    ...(type === undefined ? [] : [`spec.type=${selectorValue(type)}`]),
    ...(reason === undefined ? [] : [`status.reason=${selectorValue(reason)}`]),
    ...phase,
  ].join(',')
  return { ...(field === '' ? {} : { field }), ...(labels === '' ? {} : { label: labels }) }
}

/** What is left for us of an object that the API server selected. */
export function matches(selection: Selection, { raw }: StoredObject): boolean {
  const { phases, errorCode, since, before } = selection
  const status = recordAt(raw, 'status')
  const phase = textAt(status, 'phase') || 'Pending'
  if (phases.length > 0 && !(phases as readonly string[]).includes(phase)) return false
  if (errorCode !== undefined && textAt(recordAt(status, 'error'), 'code') !== errorCode) {
    return false
  }
  if (since === undefined && before === undefined) return true
  const ended = timeAt(status, 'completionTime')
  if (ended === null) return false
  return (since === undefined || ended >= since) && (before === undefined || ended < before)
}

type Target = QueueActionSpec['target']

/** The same selection as an action says it. @throws UsageError for labels that it cannot say */
export function targetOf(selection: Selection): Target {
  const { queue, type, phases, labels, reason, errorCode, since, before } = selection
  const selector = {
    ...(labels === '' ? {} : { labels: labelsIn(labels) }),
    ...(queue === undefined ? {} : { queue }),
    ...(type === undefined ? {} : { type }),
    ...(phases.length === 0 ? {} : { phases: [...phases] }),
    ...(reason === undefined ? {} : { reasons: [reason] }),
    ...(errorCode === undefined ? {} : { errorCode }),
    ...(since === undefined ? {} : { finishedAfter: rfc3339(since) }),
    ...(before === undefined ? {} : { finishedBefore: rfc3339(before) }),
  }
  return { kind: 'QueueJob', selector }
}

function labelsIn(text: string): Readonly<Record<string, string>> {
  try {
    return labelsOf(text)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`--selector ${JSON.stringify(text)}: ${error.message}`, error.help)
  }
}
