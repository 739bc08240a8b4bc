/**
 * Who starts now, and in which worker class. Pure: the same lanes and classes give the same answer,
 * in whatever order they are listed.
 *
 *   while a lane has a head and a class with a free slot for it:
 *     the head that goes first of all (ordering.ts) takes a slot
 *       of the class that serves its queue, knows its type (and version, when asked)
 *       and has the most free slots; ties go to the smaller id
 *
 * A lane whose classes are all busy drops out and never holds up another one. No class is given more
 * jobs than it has free slots, and no slot stays free that a listed head could use.
 */

import { Heap } from '../core/heap.ts'
import type { ClassId } from '../core/ids.ts'
import type { JobRecord } from '../core/job.ts'
import { compareJobs, compareText } from './ordering.ts'
import type { ClassView, Lane } from './snapshot.ts'

export interface DecideInput {
  readonly lanes: readonly Lane[]
  readonly classes: readonly ClassView[]
}

export interface Decision {
  readonly record: JobRecord
  readonly cls: ClassId
}

interface Open {
  readonly cls: ClassId
  readonly handlers: ReadonlyMap<string, ReadonlySet<string>>
  free: number
}

interface Candidate {
  readonly lane: Lane
  readonly classes: readonly Open[]
  readonly head: JobRecord
  readonly place: number
}

export function decide({ lanes, classes }: DecideInput): readonly Decision[] {
  const offers = offersByQueue(classes)
  const order = new Heap<Lane, Candidate>(
    ({ lane }) => lane,
    (a, b) => compareJobs(a.head, b.head) < 0,
  )
  for (const lane of lanes) {
    const open = (offers.get(queueText(lane)) ?? []).filter((each) => knows(each, lane))
    if (open.length > 0) enter(order, lane, open, 0)
  }
  const decisions: Decision[] = []
  for (let next = order.first; next; next = order.first) {
    order.delete(next.lane)
    const chosen = roomiest(next.classes)
    // Slots only become fewer: this lane is done for now.
    if (!chosen) continue
    chosen.free -= 1
    decisions.push({ record: next.head, cls: chosen.cls })
    enter(order, next.lane, next.classes, next.place + 1)
  }
  return decisions
}

function enter(
  order: Heap<Lane, Candidate>,
  lane: Lane,
  classes: readonly Open[],
  place: number,
): void {
  const head = lane.heads[place]
  if (head) order.set({ lane, classes, head, place })
}

function roomiest(classes: readonly Open[]): Open | null {
  let best: Open | null = null
  for (const each of classes) {
    if (each.free <= 0) continue
    if (!best || each.free > best.free || (each.free === best.free && isFirst(each, best))) {
      best = each
    }
  }
  return best
}

function isFirst(a: Open, b: Open): boolean {
  return compareText(a.cls, b.cls) < 0
}

/** Classes with a free slot, by namespace and queue: a lane looks only at those. */
function offersByQueue(classes: readonly ClassView[]): ReadonlyMap<string, readonly Open[]> {
  const offers = new Map<string, Open[]>()
  for (const { cls, namespace, queues, handlers, free } of classes) {
    if (free <= 0) continue
    const open: Open = { cls, handlers: versionsByType(handlers), free }
    for (const queue of queues) {
      const key = queueText({ namespace, queue })
      const known = offers.get(key)
      if (known) known.push(open)
      else offers.set(key, [open])
    }
  }
  return offers
}

function versionsByType(handlers: ClassView['handlers']): ReadonlyMap<string, ReadonlySet<string>> {
  const versions = new Map<string, Set<string>>()
  for (const { type, version } of handlers) {
    const known = versions.get(type)
    if (known) known.add(version)
    else versions.set(type, new Set([version]))
  }
  return versions
}

function knows({ handlers }: Open, { type, handlerVersion }: Lane): boolean {
  const versions = handlers.get(type)
  return versions !== undefined && (handlerVersion === '' || versions.has(handlerVersion))
}

function queueText({ namespace, queue }: Pick<Lane, 'namespace' | 'queue'>): string {
  return `${namespace}/${queue}`
}
