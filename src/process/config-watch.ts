/**
 * Notices that the configuration file changed, and says what of it takes effect: `logLevel` and
 * `dispatch` at once, the rest with the next start, which is logged by name.
 *
 * The file is read again every ten seconds and compared: mounted ConfigMaps change by swapping
 * symbolic links, which notifications of the file system report in many ways or not at all. A file
 * that is missing or wrong changes nothing: the process runs on with what it has, and says so once.
 */
import type { z } from 'zod'
import { settingsOf } from '../api/config.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import type { Logger, Metrics } from '../observability/ports.ts'
import { type Service, serviceOf } from '../runtime/service.ts'
import { type Compiled, compileConfig, type Layers, valueAt } from './config-layers.ts'

/** What a running process sees of its configuration. */
export interface LiveConfig<C> {
  /** The newest values of what reloads, beside the first values of everything else. */
  readonly current: C
  /** Called after each change, with the paths that changed. Returns the unsubscribe. */
  onChange(listener: (next: C, changed: readonly string[]) => void): () => void
}

export interface ConfigWatchOptions<S extends z.ZodType> {
  readonly schema: S
  readonly first: Compiled<z.output<S>>
  readonly layers: Pick<Layers, 'flags' | 'environment'>
  /** null: there is no file, and nothing ever changes. */
  readonly file: string | null
  readonly read: (file: string) => Promise<string>
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

const EVERY_MS = 10_000

export class ConfigWatch<S extends z.ZodType> implements Service, LiveConfig<z.output<S>> {
  readonly #options: ConfigWatchOptions<S>
  readonly #listeners = new Set<(next: z.output<S>, changed: readonly string[]) => void>()
  readonly #life: Service
  #current: z.output<S>
  /** What was made of the file last, or why it could not be read: nothing is told twice. */
  #seen = ''
  #timer: Cancel | null = null
  #stopped = false

  constructor(options: ConfigWatchOptions<S>) {
    this.#options = options
    this.#current = options.first.config
    this.#life = serviceOf({
      start: () => this.#look(true),
      stop: () => {
        this.#stopped = true
        this.#timer?.()
      },
    })
  }

  get current(): z.output<S> {
    return this.#current
  }

  onChange(listener: (next: z.output<S>, changed: readonly string[]) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  start(): Promise<void> {
    return this.#life.start()
  }

  stop(): Promise<void> {
    return this.#life.stop()
  }

  /** The first look finds what the process was started with; a change since then is one. */
  async #look(first: boolean): Promise<void> {
    const { file, read, clock } = this.#options
    if (file === null) return
    const found = await read(file).then(
      (text) => ({ text, problem: '' }),
      (error: unknown) => ({ text: '', problem: describeError(error) }),
    )
    if (this.#stopped) return
    const seen = JSON.stringify(found)
    if (first || seen !== this.#seen) {
      this.#seen = seen
      if (found.problem !== '') this.#refuse([found.problem])
      else this.#take(file, found.text)
    }
    this.#timer = clock.after(EVERY_MS, () => void this.#look(false))
  }

  #take(name: string, text: string): void {
    const { schema, layers } = this.#options
    const compiled = compileConfig(schema, { ...layers, file: { name, text } })
    if (compiled.kind === 'rejected') this.#refuse(compiled.problems)
    else this.#apply(compiled.config)
  }

  #refuse(problems: readonly string[]): void {
    const { logger, metrics } = this.#options
    for (const err of problems) {
      logger.warn('changed configuration refused, the running one stays', { err })
    }
    metrics.count('gopherqueue_config_reloads_total', { result: 'refused' })
  }

  #apply(next: z.output<S>): void {
    const { schema, logger, metrics } = this.#options
    const differs = settingsOf(schema).filter(({ path }) => {
      const parts = path.split('.')
      return JSON.stringify(valueAt(next, parts)) !== JSON.stringify(valueAt(this.#current, parts))
    })
    if (differs.length === 0) return
    for (const { path } of differs.filter(({ reloads }) => !reloads)) {
      logger.warn('changed setting needs a restart', { setting: path })
    }
    const changed = differs.filter(({ reloads }) => reloads).map(({ path }) => path)
    for (const path of changed) {
      const value = String(valueAt(next, path.split('.')))
      logger.info('changed setting takes effect', { setting: path, value })
    }
    metrics.count('gopherqueue_config_reloads_total', { result: 'taken' })
    if (changed.length === 0) return
    // Settings that reload stand at the top, which a test of the schemas holds.
    const values = changed.map((path) => [path, valueAt(next, [path])] as const)
    this.#current = { ...(this.#current as object), ...Object.fromEntries(values) } as z.output<S>
    for (const listener of this.#listeners) listener(this.#current, changed)
  }
}
