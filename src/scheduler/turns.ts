/**
 * Whose turn it is: weighted turns between the fairness keys of a queue, and between the queues of a
 * namespace (decision 0018). Each contender has a `pass`, the smallest has the turn, and a virtual
 * time says where a fair share would be by now:
 *
 *   a start          pass := pass + 1 / weight
 *   virtual time     + 1 / (weights of all that wait) from one start to the next
 *   becoming active  pass := the virtual time, or what it had used up beyond it
 *
 * So while all have jobs waiting their starts are in proportion to their weights. Whoever comes new
 * goes before those that had their share, and after at most as many starts as contenders are active,
 * itself included. Nobody starves, however many come new. And nobody saves up turns: neither by having nothing to do, nor by
 * being held by a limit, for a pass counts as at most one round behind the virtual time.
 *
 * Contenders that are idle are forgotten as soon as the virtual time has reached them, when nobody
 * waits at all, or when there are too many.
 */
import { SlotHeap, type Slotted } from './slot-heap.ts'

/** One contender while it has something that waits. */
export interface Contender extends Slotted {
  readonly name: string
  weight: number
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
  /** Of all that are active. */
  #weights = 0
  #started = false
  #order = 0

  /** Active contenders. */
  get size(): number {
    return this.#active.size
  }

  /** Who has the turn, whether or not it can use it. */
  get first(): T | undefined {
    return this.#active.first
  }

  /** Idle contenders that are remembered. */
  get remembered(): number {
    return this.#idle?.size ?? 0
  }

  /** It has something that waits. @param weight ≥ 1: so many starts in one round */
  enter(contender: T, weight: number): void {
    contender.pass = Math.max(this.#idle?.get(contender.name) ?? 0, this.#now)
    contender.order = this.#order++
    contender.weight = weight
    this.#weights += weight
    this.#idle?.delete(contender.name)
    this.#active.add(contender)
  }

  leave(contender: T): void {
    this.#active.remove(contender)
    this.#weights -= contender.weight
    if (this.#active.size === 0) {
      // Nobody waits: whoever comes next finds everybody equal.
      this.#idle = null
    } else if (contender.pass > this.#now) {
      this.#idle ??= new Map()
      this.#idle.set(contender.name, contender.pass)
      this.#forget(this.#idle)
    }
  }

  started(contender: T, weight: number): void {
    this.#weights += weight - contender.weight
    contender.weight = weight
    if (this.#started) this.#now += 1 / this.#weights
    this.#started = true
    const pass = this.#standingOf(contender)
    // Nobody is far ahead of it either: it goes with whoever starts while others are held.
    this.#now = Math.max(this.#now, this.first?.pass ?? pass, pass - this.#round)
    contender.pass = pass + 1 / weight
    this.#active.settle(contender)
  }

  /**
   * Starts of others that come before the next one of this contender, if slots come free one by one.
   * @param name active or not
   */
  startsBefore(name: string): number {
    const contenders = this.#active.items()
    const own = contenders.find((each) => each.name === name)
    const pass = own ? this.#standingOf(own) : Math.max(this.#idle?.get(name) ?? 0, this.#now)
    let starts = 0
    for (const each of contenders) {
      if (each === own) continue
      const behind = (pass - this.#standingOf(each)) * each.weight
      const ties =
        behind >= 0 && Number.isInteger(behind) && each.order < (own?.order ?? this.#order)
      starts += Math.max(0, Math.ceil(behind)) + (ties ? 1 : 0)
    }
    return starts
  }

  /** Its pass; of one that was held for long, one round behind the virtual time. */
  #standingOf({ pass }: T): number {
    return Math.max(pass, this.#now - this.#round)
  }

  /** In virtual time: as far as two contenders come apart while both can start. */
  get #round(): number {
    return this.#active.size / this.#weights
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
