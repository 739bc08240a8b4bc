/**
 * Lists the targets of an action (`action-targets.ts` says which): once at first sight, and once more by
 * a leader that goes on, at the revision of the first list, or, when the server has forgotten that, as
 * it is now without what came later.
 */
import type { ActionObject } from '../core/resources.ts'
import { type Found, maxTargetsOf } from './action.ts'
import {
  cursorOf,
  purgeSelection,
  type Selection,
  selectionOf,
  type Target,
} from './action-targets.ts'
import type { ListedTarget, ListingAnswer, TargetLister } from './ports.ts'

export type Gathered =
  | { readonly kind: 'set'; readonly found: Found; readonly targets: readonly Target[] }
  | { readonly kind: 'later'; readonly afterMs: number; readonly detail: string }

export interface TargetSources {
  readonly lister: TargetLister
  /** `action-targets.ts`, with what this process knows of the object. */
  readonly wasThere: (action: ActionObject, order: number, target: ListedTarget) => boolean
}

/** A list that expired between its pages begins again. */
const TRIES = 3
const EXPIRED: Gathered = { kind: 'later', afterMs: 1_000, detail: 'the list expired' }

type Failed = Exclude<ListingAnswer, { kind: 'listed' }>

/** The set at first sight. No more targets are kept than may be worked on; all are counted. */
export async function gather(
  sources: TargetSources,
  action: ActionObject,
  signal: AbortSignal,
): Promise<Gathered> {
  const counts = countsFor(sources, action, Number(action.resourceVersion))
  for (let tries = 1; ; tries++) {
    const listed = await listSet(sources, action, '', counts, signal)
    if (listed.kind === 'set') return listed
    if (listed.kind === 'later') return laterOf(listed)
    if (tries === TRIES) return EXPIRED
  }
}

/** The set of an action whose order is taken. */
export async function gatherAgain(
  sources: TargetSources,
  action: ActionObject,
  order: number,
  signal: AbortSignal,
): Promise<Gathered> {
  const { revision } = cursorOf(action)
  const counts = countsFor(sources, action, order)
  if (revision !== '') {
    const exact = await listSet(sources, action, revision, counts, signal)
    if (exact.kind === 'set') return exact
    if (exact.kind === 'later') return laterOf(exact)
  }
  const there = (target: ListedTarget) => sources.wasThere(action, order, target)
  const now = await listSet(sources, action, '', there, signal)
  if (now.kind === 'set') return now
  return now.kind === 'later' ? laterOf(now) : EXPIRED
}

/** What has a name of its own is meant, whenever it was made; and no queue is lost by a pause. */
function countsFor(
  sources: TargetSources,
  action: ActionObject,
  order: number,
): (target: ListedTarget) => boolean {
  const { kind, name } = action.spec.target
  const isBulk = action.spec.action === 'Purge' || (kind === 'QueueJob' && name === undefined)
  return isBulk ? (target) => sources.wasThere(action, order, target) : () => true
}

function laterOf({ retryAfterMs, detail }: Extract<Failed, { kind: 'later' }>): Gathered {
  return { kind: 'later', afterMs: retryAfterMs, detail }
}

async function listSet(
  { lister }: TargetSources,
  action: ActionObject,
  revision: string,
  counts: (target: ListedTarget) => boolean,
  signal: AbortSignal,
): Promise<Extract<Gathered, { kind: 'set' }> | Failed> {
  const most = maxTargetsOf(action)
  const purge = action.spec.action === 'Purge'
  const named = new Collected(selectionOf(action), most)
  const first = await lister.list(
    { ...named.selection.query, revision },
    (target) => (purge || counts(target)) && named.take(target),
    signal,
  )
  if (first.kind !== 'listed') return first
  const uid = action.spec.target.name === undefined ? '' : (named.targets[0]?.uid ?? '')
  const found = { named: named.count, uid }
  if (!purge || named.count === 0) {
    const count = purge ? 0 : named.count
    const targets = purge ? [] : named.targets
    return { kind: 'set', found: { ...found, count, revision: first.revision }, targets }
  }
  const queues = new Set(named.targets.map(({ name }) => name))
  const jobs = new Collected(purgeSelection(action.namespace, queues), most)
  const second = await lister.list(
    { ...jobs.selection.query, revision: first.revision },
    (target) => counts(target) && jobs.take(target),
    signal,
  )
  if (second.kind !== 'listed') return second
  const { count, targets } = jobs
  return { kind: 'set', found: { ...found, count, revision: first.revision }, targets }
}

class Collected {
  readonly selection: Selection
  readonly targets: Target[] = []
  readonly #most: number
  count = 0

  constructor(selection: Selection, most: number) {
    this.selection = selection
    this.#most = most
  }

  take(target: ListedTarget): void {
    if (!this.selection.keeps(target)) return
    this.count += 1
    const { name, uid, resourceVersion } = target
    if (this.targets.length < this.#most) this.targets.push({ name, uid, resourceVersion })
  }
}
