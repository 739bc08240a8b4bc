/**
 * Whose turn it is: weighted turns between the fairness keys of a queue, and between the queues of a
 * namespace (decision 0018). Each contender has a `pass`, and the smallest has the turn:
 *
 *   a start         pass := max(pass, virtual time) + 1 / weight
 *   becoming active pass := max(own pass, virtual time), behind those that stand there already
 *   virtual time    the latest pass that started, or the smallest one that waits if that is later
 *
 * So while all have jobs waiting their starts are in proportion to their weights; whoever comes new
 * starts after at most one start of each other; and nobody saves up turns, neither by having nothing
 * to do nor by being held by a limit. Contenders that are idle are forgotten as soon as their pass is
 * behind the virtual time, when nobody waits at all, or when there are too many.
 */
import { SlotHeap, type Slotted } from './slot-heap.ts'

/** One contender while it has something that waits. */
export interface Contender extends Slotted {
  readonly name: string
  pass: number
  /** Of becoming active: who came first goes first among equal passes. */
  order: number
}

/** Idle contenders that are remembered; forgetting one gives it at most one turn too early. */
const MOST_IDLE = 1_000

export class Turns<T extends Contender> {
  readonly #active = new SlotHeap<T>(hasTurnBefore)
  /** Passes of idle contenders that are ahead of the virtual time; null until there is one. */
  #idle: Map<string, number> | null = null
  #now = 0
  #order = 0

  /** Active contenders. */
  get size(): number {
    return this.#active.size
  }

  /** Who has the turn, whether or not it can use it. */
  get first(): T | undefined {
    return this.#active.first
  }

  /**
   * Starts of others that come before the next one of this contender, if each start waits for one
   * that ended.
   * @param name active or not
   */
  startsBefore(name: string, weightOf: (name: string) => number): number {
    const contenders = this.#active.items()
    const own = contenders.find((each) => each.name === name)
    const pass = own?.pass ?? Math.max(this.#idle?.get(name) ?? 0, this.#now, this.first?.pass ?? 0)
    let starts = 0
    for (const each of contenders) {
      if (each === own) continue
      const behind = (pass - Math.max(each.pass, this.#now)) * weightOf(each.name)
      const tied =
        behind >= 0 && Number.isInteger(behind) && each.order < (own?.order ?? this.#order)
      starts += Math.max(0, Math.ceil(behind)) + (tied ? 1 : 0)
    }
    return starts
  }

  get remembered(): number {
    return this.#idle?.size ?? 0
  }

  enter(contender: T): void {
    this.#now = Math.max(this.#now, this.first?.pass ?? 0)
    contender.pass = Math.max(this.#idle?.get(contender.name) ?? 0, this.#now)
    contender.order = this.#order++
    this.#idle?.delete(contender.name)
    this.#active.add(contender)
  }

  leave(contender: T): void {
    this.#active.remove(contender)
    if (this.#active.size === 0) {
      // Nobody waits: whoever comes next finds everybody equal.
      for (const pass of this.#idle?.values() ?? []) this.#now = Math.max(this.#now, pass)
      this.#now = Math.max(this.#now, contender.pass)
      this.#idle = null
      return
    }
    if (contender.pass <= this.#now) return
    this.#idle ??= new Map()
    this.#idle.set(contender.name, contender.pass)
    this.#forget(this.#idle)
  }

  /** @param weight ≥ 1: so many starts in one round */
  started(contender: T, weight: number): void {
    this.#now = Math.max(this.#now, contender.pass)
    contender.pass = this.#now + 1 / weight
    this.#active.settle(contender)
  }

  #forget(idle: Map<string, number>): void {
    for (const [name, pass] of idle) {
      if (pass > this.#now && idle.size <= MOST_IDLE) return
      idle.delete(name)
    }
  }
}

export function hasTurnBefore(
  a: Pick<Contender, 'pass' | 'order'>,
  b: Pick<Contender, 'pass' | 'order'>,
): boolean {
  return a.pass < b.pass || (a.pass === b.pass && a.order < b.order)
}
