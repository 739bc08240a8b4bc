/**
 * What a watch told lately, job by job. Most who begin to wait have just created the job, and the
 * watch has often told that creation already: this knows that it told nothing newer, and saves the
 * read that would otherwise find it out.
 */
import { isNewer } from '../core/ledger.ts'

const MAX_REMEMBERED = 10_000

export class Recent {
  readonly #max: number
  readonly #told = new Map<string, string>()
  /** Everything that was told after this version is remembered. */
  #floor = ''

  constructor(max = MAX_REMEMBERED) {
    this.#max = max
  }

  /** Forgets everything; what happened up to this version is not known. */
  restart(version: string): void {
    this.#told.clear()
    this.#floor = version
  }

  note(name: string, version: string): void {
    // To the end of the map: the oldest is first.
    this.#told.delete(name)
    this.#told.set(name, version)
    if (this.#told.size <= this.#max) return
    for (const [oldest, at] of this.#told) {
      this.#told.delete(oldest)
      if (isNewer(at, this.#floor)) this.#floor = at
      return
    }
  }

  /** True: nothing about that job happened after `version` that was told already. */
  isNewest(name: string, version: string): boolean {
    if (isNewer(this.#floor, version)) return false
    const told = this.#told.get(name)
    return told === undefined || !isNewer(told, version)
  }
}
