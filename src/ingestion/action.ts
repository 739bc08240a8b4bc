/**
 * A QueueAction and what there is → the next step (resources.md, protocol U4). Pure; whoever carries a
 * step out asks again with what was read then, until it is over.
 *
 *   first sight ─┬▶ refuse       not served, unguarded, no such target, another uid, too many
 *                ├▶ finish       a dry run: the count is all that was asked for
 *                └▶ take-order   order = resourceVersion, count and cursor; written before any effect
 *   order taken ─┬▶ go-on        the next targets, each decided and written by itself
 *                ├▶ refuse       the policy was taken away meanwhile
 *                └▶ finish       every target was looked at (`progress` on the way)
 *
 * The order makes it safe to repeat: a job or queue takes no action whose order is not above the last one
 * it took, so a target that is worked on again after a crash finds its own order there and is done. The
 * targets are the objects that stood there at first sight: what is created later is left alone (W4).
 */
import type { ActionPhase } from '../api/conditions.ts'
import type { QueueActionStatus } from '../api/queueaction.ts'
import { type ReasonOf, sentence } from '../api/reasons.ts'
import { notYetSupported } from '../api/served.ts'
import { cut } from '../api/text.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import { mergeConditions } from '../core/conditions.ts'
import type { ActionObject } from '../core/resources.ts'
import { badLabelKey, cursorText } from './action-targets.ts'

/** What a consistent list found. */
export interface Found {
  /** Objects of `spec.target.kind` that it names. */
  readonly named: number
  /** Uid of the one target by name; '' = there is none, or it was not named. */
  readonly uid: string
  /** Targets to be worked through: for a Purge the waiting jobs of the queues. */
  readonly count: number
  /** Of the list. */
  readonly revision: string
}

/** Why a payload for the next run is not taken. */
export interface BadPayload {
  readonly reason: ReasonOf<'Job'>
  readonly message: string
}

export interface ActionFacts {
  readonly action: ActionObject
  /** The policy that says who may do what by an action; 'unknown' = it could not be looked for. */
  readonly guard: 'guarded' | 'missing' | 'unknown'
  /** 'unknown' = it could not be listed now. Not asked for once the order is taken. */
  readonly found: Found | 'unknown'
  /** Of the payload that the action carries; null = nothing wrong, 'unknown' = it could not be read. */
  readonly payload: BadPayload | null | 'unknown'
  /** Of this operator, for the sentence. */
  readonly version: string
}

export type ActionStep =
  /** It has ended, or is being deleted: deleting an action stops it. */
  | { readonly kind: 'over' }
  /** Not enough is known; ask again later. */
  | { readonly kind: 'later' }
  | {
      readonly kind: 'refuse'
      readonly reason: ReasonOf<'Action' | 'Job'>
      readonly message: string
    }
  | {
      readonly kind: 'take-order'
      readonly order: number
      readonly matched: number
      readonly revision: string
    }
  | { readonly kind: 'go-on'; readonly order: number }
  | { readonly kind: 'counted'; readonly matched: number }

export const DEFAULT_MAX_TARGETS = 10_000

export function maxTargetsOf({ spec }: ActionObject): number {
  return spec.maxTargets ?? DEFAULT_MAX_TARGETS
}

export function hasEnded({ status }: ActionObject): boolean {
  return ENDED.has(status.phase)
}

const ENDED: ReadonlySet<ActionPhase> = new Set<ActionPhase>(['Completed', 'Failed'])

/**
 * What can be said before anything is listed or read: a list of a hundred thousand jobs is not made for
 * an action that is refused anyhow. Null = it depends on what there is.
 */
export function stepBeforeLooking(
  facts: Pick<ActionFacts, 'action' | 'guard' | 'version'>,
): ActionStep | null {
  const { action, guard, version } = facts
  if (action.deleting || hasEnded(action)) return { kind: 'over' }
  const { order } = action.status
  const fields = order === undefined ? notYetSupported('QueueAction', action.spec) : []
  if (fields.length > 0) return refuse('NotYetSupported', { fields: fields.join(', '), version })
  if (guard === 'unknown') return { kind: 'later' }
  if (guard === 'missing') {
    return refuse('ActionsUnguarded', { action: action.spec.action.toLowerCase() })
  }
  if (order !== undefined) return { kind: 'go-on', order }
  const key = badLabelKey(action)
  if (key === null) return null
  const error = `${cut(key, 64)} is not the key of a label`
  return refuse('InvalidSpec', { field: 'spec.target.selector.labels', error })
}

export function nextStep(facts: ActionFacts): ActionStep {
  return stepBeforeLooking(facts) ?? begin(facts)
}

/** Nothing has been done, so it can still be refused. */
function begin({ action, found, payload }: ActionFacts): ActionStep {
  if (payload === 'unknown' || found === 'unknown') return { kind: 'later' }
  if (payload) return { kind: 'refuse', ...payload }
  const { spec, namespace } = action
  const { kind, name, uid: wanted } = spec.target
  if (name !== undefined) {
    if (found.named === 0) return refuse('TargetNotFound', { kind, name, namespace })
    if (wanted !== undefined && wanted !== found.uid) {
      return refuse('TargetMismatch', { kind, name, found: found.uid, wanted })
    }
  }
  const { count, revision } = found
  if (spec.dryRun) return { kind: 'counted', matched: count }
  const limit = maxTargetsOf(action)
  if (count > limit) return refuse('TooManyTargets', { count, limit })
  return {
    kind: 'take-order',
    order: Number(action.resourceVersion),
    matched: count,
    revision,
  }
}

function refuse<R extends ReasonOf<'Action' | 'Job'>>(
  reason: R,
  slots: Parameters<typeof sentence<R>>[1],
): ActionStep {
  return { kind: 'refuse', reason, message: sentence(reason, slots) }
}

export interface ActionFailure {
  readonly name: string
  readonly reason: string
  readonly message: string
}

/** What has come of the targets so far. */
export interface Tally {
  readonly done: number
  readonly skipped: number
  readonly failed: number
  readonly cursor: string
  readonly failures: readonly ActionFailure[]
}

export type WrittenStep =
  | Extract<ActionStep, { kind: 'refuse' | 'take-order' | 'counted' }>
  | { readonly kind: 'progress'; readonly tally: Tally }
  /** `notes`: what a person should know besides, in one line; '' = nothing. */
  | { readonly kind: 'finish'; readonly tally: Tally; readonly notes: string }

const MESSAGE_MAX = 1024

/** The whole status that a step writes onto the action. */
export function statusAfter(
  action: ActionObject,
  step: WrittenStep,
  now: WallMs,
): QueueActionStatus {
  const { conditions: before, ...old } = action.status
  const common = { ...old, observedGeneration: action.generation }
  const ends = (
    end: { phase: 'Completed' | 'Failed'; reason: string; message: string },
    counts: Partial<QueueActionStatus> = {},
  ): QueueActionStatus => ({
    ...common,
    ...counts,
    ...end,
    message: cut(end.message, MESSAGE_MAX),
    completionTime: rfc3339(now),
    conditions: [...mergeConditions(before, END_CONDITIONS[end.phase], end.reason, now)],
  })
  const { matched = 0 } = action.status
  switch (step.kind) {
    case 'take-order':
      return {
        ...common,
        phase: 'Running',
        reason: 'ActionRunning',
        message: sentence('ActionRunning', { action: action.spec.action, matched: step.matched }),
        order: step.order,
        cursor: cursorText({ revision: step.revision, last: '' }),
        matched: step.matched,
        startTime: rfc3339(now),
        conditions: [
          ...mergeConditions(
            before,
            [{ type: 'Reconciling', status: 'True' }],
            'ActionRunning',
            now,
          ),
        ],
      }
    case 'progress':
      return { ...common, ...countsOf(step.tally), ...(before ? { conditions: before } : {}) }
    case 'counted': {
      const slots = { action: action.spec.action, matched: step.matched }
      const message = sentence('DryRun', { ...slots, limit: maxTargetsOf(action) })
      const counts = { matched: step.matched, startTime: rfc3339(now) }
      return ends({ phase: 'Completed', reason: 'DryRun', message }, counts)
    }
    case 'finish':
      return ends(endOf(action, matched, step), countsOf(step.tally))
    case 'refuse':
      return ends({ phase: 'Failed', reason: step.reason, message: step.message })
  }
}

const END_CONDITIONS = {
  Completed: [
    { type: 'Ready', status: 'True' },
    { type: 'Finished', status: 'True' },
  ],
  Failed: [
    { type: 'Stalled', status: 'True' },
    { type: 'Finished', status: 'True' },
  ],
} as const

/** One target that could not be changed is a failure, as a script that waits for the end must see. */
function endOf(
  { spec }: ActionObject,
  matched: number,
  { tally, notes }: Extract<WrittenStep, { kind: 'finish' }>,
): { phase: 'Completed' | 'Failed'; reason: ReasonOf<'Action'>; message: string } {
  const { done, skipped, failed, failures } = tally
  const counts = { action: spec.action, matched, done, skipped }
  const [first] = failures
  if (failed > 0) {
    const slots = { ...counts, failed, target: first?.name ?? '', error: first?.message ?? '' }
    return { phase: 'Failed', reason: 'TargetsFailed', message: sentence('TargetsFailed', slots) }
  }
  const says = sentence('ActionDone', counts)
  const message = notes === '' ? says : `${says}: ${notes}`
  return { phase: 'Completed', reason: 'ActionDone', message }
}

function countsOf({ done, skipped, failed, cursor, failures }: Tally) {
  return {
    done,
    skipped,
    failed,
    cursor,
    ...(failures.length > 0 ? { failures: [...failures] } : {}),
  }
}
