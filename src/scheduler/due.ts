/**
 * The jobs that wait for a time: `startAfter`, a delay, a back-off, a snooze. Times are wall times and
 * compared with the wall clock anew at every question, never turned into a running timer here: when
 * the clock steps forward the jobs are due at once, when it steps back they wait longer, and nothing
 * has to be told. Whoever sleeps until `nextDue` therefore wakes up now and then to look again.
 */
import type { WallMs } from '../core/clock.ts'
import { Heap } from '../core/heap.ts'
import type { JobUid } from '../core/ids.ts'
import { compareText } from '../core/order.ts'

interface Due {
  readonly uid: JobUid
  readonly at: WallMs
}

export class DueJobs {
  readonly #heap = new Heap<JobUid, Due>(({ uid }) => uid, isBefore)

  get size(): number {
    return this.#heap.size
  }

  /** Null: nothing waits for a time. */
  get nextDue(): WallMs | null {
    return this.#heap.first?.at ?? null
  }

  /** A time that the job had before is replaced. */
  add(uid: JobUid, at: WallMs): void {
    this.#heap.set({ uid, at })
  }

  remove(uid: JobUid): void {
    this.#heap.delete(uid)
  }

  /** Takes out the jobs whose time has come, the earliest first. */
  takeDue(now: WallMs): readonly JobUid[] {
    const taken: JobUid[] = []
    for (let first = this.#heap.first; first && first.at <= now; first = this.#heap.first) {
      this.#heap.delete(first.uid)
      taken.push(first.uid)
    }
    return taken
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && compareText(a.uid, b.uid) < 0)
}
