/**
 * Which objects a QueueAction is about (resources.md). Pure: what the server is asked for, which of its
 * answers count, in which order they are worked through, and where to go on.
 *
 * The set is what one consistent list matched at the start, of jobs without those that were created after
 * the action (`wasThere`), however late the operator comes to it. The revision of the list stands in
 * `status.cursor` with the last target that was done, so a leader that goes on asks for the very same list
 * again: nothing that began to match later is in it. The server forgets old revisions after some minutes;
 * then the set is what matches now and was there. What cannot be told from a later object is left alone:
 * an act too few is seen in the counts and can be asked for again, one too many cannot be taken back.
 */
import { WAITING_PHASES } from '../api/conditions.ts'
import type { ActionObject } from '../core/resources.ts'
import type { ListedTarget, TargetFields, TargetQuery } from './ports.ts'

/** One object to act on, as the list showed it. */
export type Target = Pick<ListedTarget, 'name' | 'uid' | 'resourceVersion'>

export interface Selection {
  readonly query: Omit<TargetQuery, 'revision'>
  /** What the server cannot select by itself. */
  readonly keeps: (target: ListedTarget) => boolean
}

const EVERY = () => true
const NO_LABELS = {} as const

/** The objects that `spec.target` names, of its kind. */
export function selectionOf({ namespace, spec }: ActionObject): Selection {
  const { kind, name, selector } = spec.target
  const base = { kind, namespace, labels: selector?.labels ?? NO_LABELS }
  if (name !== undefined) return { query: { ...base, fields: { name }, brief: true }, keeps: EVERY }
  const { queue, type, phases } = selector ?? {}
  const [phase] = phases ?? []
  const fields: TargetFields = {
    ...(queue === undefined ? {} : { queue }),
    ...(type === undefined ? {} : { type }),
    ...(phase !== undefined && phases?.length === 1 ? { phase } : {}),
  }
  const tests = testsOf(selector ?? {})
  return {
    query: { ...base, fields, brief: tests.length === 0 },
    keeps: (target) => tests.every((test) => test(target)),
  }
}

type Selector = NonNullable<ActionObject['spec']['target']['selector']>

function testsOf(selector: Selector): ((target: ListedTarget) => boolean)[] {
  const { phases, reasons, errorCode, finishedAfter, finishedBefore } = selector
  const tests: ((target: ListedTarget) => boolean)[] = []
  if (phases && phases.length > 1) {
    const wanted = new Set<string>(phases)
    tests.push(({ phase }) => wanted.has(phase))
  }
  if (reasons && reasons.length > 0) {
    const wanted = new Set<string>(reasons)
    tests.push(({ reason }) => wanted.has(reason))
  }
  if (errorCode !== undefined) tests.push((target) => target.errorCode === errorCode)
  if (finishedAfter !== undefined) {
    const from = Date.parse(finishedAfter)
    tests.push(({ completionMs }) => completionMs !== null && completionMs >= from)
  }
  if (finishedBefore !== undefined) {
    const to = Date.parse(finishedBefore)
    tests.push(({ completionMs }) => completionMs !== null && completionMs < to)
  }
  return tests
}

const WAITING: ReadonlySet<string> = new Set(WAITING_PHASES)

/** What a Purge of these queues works through: their jobs that have not started and not ended. */
export function purgeSelection(namespace: string, queues: ReadonlySet<string>): Selection {
  const [queue] = queues
  const one = queues.size === 1 && queue !== undefined
  return {
    query: {
      kind: 'QueueJob',
      namespace,
      labels: NO_LABELS,
      fields: one ? { queue } : {},
      brief: false,
    },
    keeps: (target) => queues.has(target.queue) && WAITING.has(target.phase),
  }
}

/** A label key of Kubernetes: what is none is on no object, and must not reach a selector (B9). */
const LABEL_KEY =
  /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/

/** The first label key that is none; null = all are. */
export function badLabelKey({ spec }: ActionObject): string | null {
  const keys = Object.keys(spec.target.selector?.labels ?? {})
  return keys.find((key) => !LABEL_KEY.test(key)) ?? null
}

/**
 * Was it there when the action was created? Both times are the API server's, in whole seconds; within
 * one second the revisions decide: the one with which the object was seen first, if this process was
 * there to see it, else its newest, so that what was written since then does not count.
 * @param firstSeen undefined = this process was not there
 */
export function wasThere(
  action: ActionObject,
  order: number,
  target: ListedTarget,
  firstSeen?: number,
): boolean {
  if (target.creationMs !== action.creationMs) return target.creationMs < action.creationMs
  return Math.min(Number(target.resourceVersion), firstSeen ?? Number.POSITIVE_INFINITY) <= order
}

/** The order in which targets are worked through: that of the names, as the server lists them. */
export function byName(a: Pick<Target, 'name'>, b: Pick<Target, 'name'>): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** `status.cursor`. */
export interface Cursor {
  /** Of the list that is the set. */
  readonly revision: string
  /** Name of the last target that is done; '' = none yet. */
  readonly last: string
}

export function cursorText({ revision, last }: Cursor): string {
  return `${revision}/${last}`
}

const CURSOR = /^(\d+)\/(.*)$/

export function cursorOf({ status }: ActionObject): Cursor {
  const [, revision = '', last = ''] = CURSOR.exec(status.cursor ?? '') ?? []
  return { revision, last }
}
