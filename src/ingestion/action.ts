/**
 * A QueueAction and what there is → the next step (resources.md, protocol U4). Pure; whoever carries a
 * step out asks again with what was read then, until it is over.
 *
 *   first sight ─┬▶ refuse       not served, unguarded, no such target, another uid
 *                └▶ take-order   order = resourceVersion, target uid noted; written before any effect
 *   order taken ─┬▶ cancel       the target's own write decides, and carries the order
 *                └▶ finish       changed, or nothing to change
 *
 * The order makes it safe to repeat: a job takes no action whose order is not above the last one it
 * took, so an action that is carried out again after a crash finds its own order there and is done.
 * The target is the object that stood under the name at first sight: one that was created under it
 * later is left alone (W4).
 */
import type { ActionPhase } from '../api/conditions.ts'
import type { QueueActionStatus } from '../api/queueaction.ts'
import { type ReasonOf, sentence } from '../api/reasons.ts'
import { notYetSupported } from '../api/served.ts'
import { cut } from '../api/text.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import { mergeConditions } from '../core/conditions.ts'
import { isTerminal, type JobObject } from '../core/job.ts'
import type { ActionObject } from '../core/resources.ts'

export interface ActionFacts {
  readonly action: ActionObject
  /** The policy that says who may do what by an action; 'unknown' = it could not be looked for. */
  readonly guard: 'guarded' | 'missing' | 'unknown'
  /** What a live read found under the name; 'unknown' = it could not be read now. */
  readonly target: JobObject | null | 'unknown'
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
  | { readonly kind: 'take-order'; readonly order: number; readonly uid: string }
  | {
      readonly kind: 'cancel'
      readonly uid: string
      readonly order: number
      readonly action: string
      readonly by: string
      readonly comment: string
    }
  | {
      readonly kind: 'finish'
      readonly done: number
      readonly skipped: number
      readonly message: string
    }

export function nextStep(facts: ActionFacts): ActionStep {
  const { action } = facts
  if (action.deleting || ENDED.has(action.status.phase)) return { kind: 'over' }
  return action.status.order === undefined ? begin(facts) : goOn(facts, action.status.order)
}

const ENDED: ReadonlySet<ActionPhase> = new Set<ActionPhase>(['Completed', 'Failed'])

/** Nothing has been done, so it can still be refused. */
function begin({ action, guard, target, version }: ActionFacts): ActionStep {
  const { spec, namespace } = action
  const fields = notYetSupported('QueueAction', spec)
  const { name } = spec.target
  if (fields.length > 0 || name === undefined) {
    return refuse('NotYetSupported', { fields: fields.join(', '), version })
  }
  if (guard === 'missing') return refuse('ActionsUnguarded', { action: spec.action.toLowerCase() })
  if (guard === 'unknown' || target === 'unknown') return { kind: 'later' }
  const { kind, uid: wanted } = spec.target
  if (!target) return refuse('TargetNotFound', { kind, name, namespace })
  if (wanted !== undefined && wanted !== target.uid) {
    return refuse('TargetMismatch', { kind, name, found: target.uid, wanted })
  }
  return { kind: 'take-order', order: Number(action.resourceVersion), uid: target.uid }
}

function refuse<R extends ReasonOf<'Action' | 'Job'>>(
  reason: R,
  slots: Parameters<typeof sentence<R>>[1],
): ActionStep {
  return { kind: 'refuse', reason, message: sentence(reason, slots) }
}

/** Begun by this process or by one that died: whatever took effect is to be seen on the target. */
function goOn({ action, guard, target }: ActionFacts, order: number): ActionStep {
  if (target === 'unknown' || guard === 'unknown') return { kind: 'later' }
  if (guard === 'missing') {
    return refuse('ActionsUnguarded', { action: action.spec.action.toLowerCase() })
  }
  if (!target || target.uid !== action.status.cursor) {
    return finish(action, 0, 'the target was deleted meanwhile')
  }
  const taken = target.status.actionOrder ?? 0
  if (taken === order) return finish(action, 1, '')
  if (taken > order) return finish(action, 0, 'a later action was applied first')
  if (isTerminal(target.status.phase)) {
    return finish(action, 0, `the target had ended before: ${target.status.phase}`)
  }
  return {
    kind: 'cancel',
    uid: target.uid,
    order,
    action: action.name,
    by: action.spec.requestedBy ?? '',
    comment: action.spec.comment ?? '',
  }
}

function finish({ spec }: ActionObject, done: number, why: string): ActionStep {
  const skipped = 1 - done
  const says = sentence('ActionDone', { action: spec.action, done, matched: 1, skipped })
  return { kind: 'finish', done, skipped, message: why === '' ? says : `${says}: ${why}` }
}

type WrittenStep = Extract<ActionStep, { kind: 'refuse' | 'take-order' | 'finish' }>

const MESSAGE_MAX = 1024

/** The whole status that a step writes onto the action. */
export function statusAfter(
  action: ActionObject,
  step: WrittenStep,
  now: WallMs,
): QueueActionStatus {
  const { conditions: before, ...old } = action.status
  const common = { ...old, observedGeneration: action.generation }
  const conditions = (said: Parameters<typeof mergeConditions>[1], reason: string) => ({
    conditions: [...mergeConditions(before, said, reason, now)],
  })
  switch (step.kind) {
    case 'take-order':
      return {
        ...common,
        phase: 'Running',
        reason: 'ActionRunning',
        message: sentence('ActionRunning', { action: action.spec.action, matched: 1 }),
        order: step.order,
        cursor: step.uid,
        matched: 1,
        startTime: rfc3339(now),
        ...conditions([{ type: 'Reconciling', status: 'True' }], 'ActionRunning'),
      }
    case 'finish':
      return {
        ...common,
        phase: 'Completed',
        reason: 'ActionDone',
        message: cut(step.message, MESSAGE_MAX),
        done: step.done,
        skipped: step.skipped,
        completionTime: rfc3339(now),
        ...conditions(
          [
            { type: 'Ready', status: 'True' },
            { type: 'Finished', status: 'True' },
          ],
          'ActionDone',
        ),
      }
    case 'refuse':
      return {
        ...common,
        phase: 'Failed',
        reason: step.reason,
        message: step.message,
        completionTime: rfc3339(now),
        ...conditions(
          [
            { type: 'Stalled', status: 'True' },
            { type: 'Finished', status: 'True' },
          ],
          step.reason,
        ),
      }
  }
}
