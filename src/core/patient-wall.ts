/**
 * The wall clock for what cannot be taken back: deletions by age. A clock that steps back is believed at
 * once, because then everything only happens later. One that runs ahead of the monotonic clock by more
 * than a minute is believed after an hour: until then time goes on as if it had not stepped. So a wrong
 * date, corrected within the hour, deletes nothing; and a machine that slept catches up an hour later.
 */
import type { Clock, MonoMs, WallMs } from './clock.ts'

const TOLERATED_MS = 60_000
const PATIENCE_MS = 3_600_000

export class PatientWall {
  readonly #clock: Clock
  readonly #jumped: (byMs: number) => void
  #wall: WallMs
  #mono: MonoMs
  #doubtedSince: MonoMs | null = null

  /** @param jumped told once for each step that is not believed yet */
  constructor(clock: Clock, jumped: (byMs: number) => void) {
    this.#clock = clock
    this.#jumped = jumped
    this.#wall = clock.now()
    this.#mono = clock.monotonic()
  }

  now(): WallMs {
    const wall = this.#clock.now()
    const mono = this.#clock.monotonic()
    const expected = this.#wall + (mono - this.#mono)
    const ahead = wall - expected
    if (ahead <= TOLERATED_MS) return this.#believe(wall, mono)
    if (this.#doubtedSince === null) {
      this.#doubtedSince = mono
      this.#jumped(ahead)
    }
    return mono - this.#doubtedSince < PATIENCE_MS ? expected : this.#believe(wall, mono)
  }

  #believe(wall: WallMs, mono: MonoMs): WallMs {
    this.#wall = wall
    this.#mono = mono
    this.#doubtedSince = null
    return wall
  }
}
