/**
 * Tells one kind of object as it stands in etcd, for ever: a paged consistent list, then a watch, then
 * again whatever ended it.
 *
 *   start ─▶ LISTING ──complete──▶ WATCHING ─┬─ clean, silent, error, garbled ─▶ WAITING ─▶ WATCHING
 *              ▲  │                          ├─ 410, 404, third failure ───────▶ WAITING ─▶ LISTING
 *              │  └─any error─▶ WAITING ─┐   └─ relist asked for or due ──────────────────▶ LISTING
 *              └─────────────────────────┘
 *   stop, from anywhere ─▶ STOPPED: nothing is told any more
 *
 * Promises (typescript-notes.md, "What our Kubernetes adapter must do"):
 * - every version told is newer than any told before for that uid; a name that came back with another
 *   uid is told as removed, then changed; removed by a list only when the list was complete;
 * - `start` and `stop` may be called at any time and any number of times: each run has a number, and a
 *   late answer of an old run changes nothing;
 * - nothing a handler throws reaches the stream: it is logged and counted;
 * - `state().problem` names what keeps it from being current (missing CRD, missing right) in one line.
 */
import type { Cancel, Clock, MonoMs, Random } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { isNewer } from '../core/ledger.ts'
import type { UnreadableObject, Watcher } from '../core/resources.ts'
import type { Logger } from '../observability/ports.ts'
import { badAnswer, KubeError } from './errors.ts'
import { KnownObjects } from './known-objects.ts'
import { type ListedItem, listPages, type Selectors } from './list-pages.ts'
import type { Decode, ObjectMeta, RawObject, Versioned } from './objects.ts'
import type { KubeRequests, KubeWatches } from './transport.ts'
import { afterList, afterWatch, type Next, type WatchEnd } from './watch-end.ts'
import { readWatch, type WatchEvent } from './watch-stream.ts'

export interface ReflectorOptions<T extends Versioned> {
  readonly transport: KubeRequests & KubeWatches
  /** For logs and states, e.g. `queuejobs`. */
  readonly name: string
  /** Collection, e.g. `/apis/gopherqueue.io/v1alpha1/queuejobs`. */
  readonly path: string
  readonly selectors?: Selectors
  readonly decode: Decode<T>
  readonly watcher: Watcher<T>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Default: 500. */
  readonly pageSize?: number
  /** Without a byte for this long, the watch is opened anew. Default: 60 s. */
  readonly silenceMs?: number
  /** Everything is listed again after this long. Default: 6 h. */
  readonly relistMs?: number
  /** Longest watch event taken. Default: 4 MiB. */
  readonly maxLineBytes?: number
  /**
   * A consistent list was older than what was told before: etcd was restored from a backup. Nothing
   * older is told; the process should start anew (F30). Told once for each such list.
   */
  readonly rolledBack?: (seen: string, found: string) => void
}

export interface ReflectorState {
  readonly phase: 'stopped' | 'listing' | 'watching' | 'waiting'
  /** One line for readiness; '' = current. */
  readonly problem: string
}

export interface ReflectorCounts {
  readonly lists: number
  readonly watches: number
  readonly events: number
  readonly handlerFailures: number
}

/** A watch that was open this long has proved that the version it began at is good. */
const SETTLED_MS = 10_000
const WATCH_SECONDS = { least: 240, most: 300 }

export class Reflector<T extends Versioned> {
  readonly #options: ReflectorOptions<T>
  readonly #known = new KnownObjects()
  #run = 0
  #stopper: AbortController | null = null
  #state: ReflectorState = { phase: 'stopped', problem: '' }
  #synced = false
  #lastByte: MonoMs = Number.NEGATIVE_INFINITY
  /** Newest version of the collection that was seen. */
  #version = ''
  #lists = 0
  #watches = 0
  #events = 0
  #handlerFailures = 0
  #pageSize: number
  #relistDue = false
  /** Ends the watch or the wait that a wish for a list must not sit through. */
  #cutShort: (() => void) | null = null
  #relistWaiters: (() => void)[] = []
  /** When the slow relist is due; null = to be set by the next watch. Outlives single watches. */
  #relistAt: MonoMs | null = null

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.#pageSize = options.pageSize ?? 500
  }

  /** As in logs and states. */
  get name(): string {
    return this.#options.name
  }

  /** A complete list was told, in this run or an earlier one. */
  get hasSynced(): boolean {
    return this.#synced
  }

  /** Objects told and not told as removed. */
  get size(): number {
    return this.#known.size
  }

  get counts(): ReflectorCounts {
    return {
      lists: this.#lists,
      watches: this.#watches,
      events: this.#events,
      handlerFailures: this.#handlerFailures,
    }
  }

  state(): ReflectorState {
    return this.#state
  }

  /** Time since the server said anything, in ms; Infinity before the first byte. */
  silentForMs(): number {
    return this.#options.clock.monotonic() - this.#lastByte
  }

  start(): void {
    if (this.#stopper) return
    const stopper = new AbortController()
    this.#stopper = stopper
    void this.#drive(++this.#run, stopper.signal)
  }

  stop(): void {
    this.#stopper?.abort()
    this.#stopper = null
    this.#run++
    this.#state = { phase: 'stopped', problem: '' }
  }

  /** Resolves after a complete list that began after this call (T2), never if it is stopped. */
  relist(): Promise<void> {
    return new Promise((resolve) => {
      this.#relistWaiters.push(resolve)
      this.#relistDue = true
      this.#cutShort?.()
    })
  }

  async #drive(run: number, signal: AbortSignal): Promise<void> {
    let next: Next = { step: 'list', delayMs: 0, failures: 0, problem: '' }
    while (run === this.#run) {
      if (next.delayMs > 0) {
        this.#state = { phase: 'waiting', problem: next.problem }
        await this.#wait(next.delayMs, signal)
        if (run !== this.#run) return
      }
      next =
        next.step === 'list' || this.#relistDue
          ? await this.#list(run, signal, next)
          : await this.#watch(run, signal, next)
    }
  }

  async #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    if (this.#relistDue) return
    const enough = new AbortController()
    this.#cutShort = () => enough.abort()
    await sleep(this.#options.clock, delayMs, AbortSignal.any([signal, enough.signal]))
    this.#cutShort = null
  }

  async #list(run: number, signal: AbortSignal, last: Next): Promise<Next> {
    this.#state = { phase: 'listing', problem: last.problem }
    this.#relistDue = false
    const waiters = this.#relistWaiters.splice(0)
    try {
      const version = await this.#readList(run, signal)
      if (run !== this.#run) return last
      this.#version = version
      this.#synced = true
      this.#relistAt = null
      this.#guard(() => this.#options.watcher.synced())
      for (const resolve of waiters) resolve()
      return { step: 'watch', delayMs: 0, failures: 0, problem: '' }
    } catch (error) {
      this.#relistWaiters.unshift(...waiters)
      if (run !== this.#run) return last
      if (error instanceof KubeError && error.reason === 'AnswerTooLong') {
        this.#pageSize = Math.max(1, Math.floor(this.#pageSize / 4))
      }
      const next = afterList(error, last.failures, this.#options.random.uniform())
      this.#note('list failed', next, describeError(error))
      return next
    }
  }

  /** Tells each page as it comes, and what is gone once the last one is in. */
  async #readList(run: number, signal: AbortSignal): Promise<string> {
    const { transport, path, selectors = {} } = this.#options
    const list = ++this.#lists
    let version = ''
    for await (const page of listPages(transport, path, selectors, {
      pageSize: this.#pageSize,
      signal,
    })) {
      if (run !== this.#run) return ''
      this.#lastByte = this.#options.clock.monotonic()
      if (version === '') this.#refuseOlder(page.resourceVersion)
      version = page.resourceVersion
      for (const item of page.items) this.#takeListed(run, item, list)
      // Decoding a page takes milliseconds: timers and renewals go first.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    if (run === this.#run) for (const gone of this.#known.sweep(list)) this.#tellRemoved(gone)
    return version
  }

  #refuseOlder(found: string): void {
    if (this.#version === '' || !isNewer(this.#version, found)) return
    this.#guard(() => this.#options.rolledBack?.(this.#version, found))
    throw badAnswer(
      { verb: 'GET', path: this.#options.path },
      `the list is older (${found}) than what was seen before (${this.#version}): a stale server, or etcd restored from a backup`,
    )
  }

  #takeListed(run: number, item: ListedItem, list: number): void {
    if (run !== this.#run) return
    const taken = this.#known.take(item.meta, list)
    if (taken.kind === 'repeated') {
      throw badAnswer({ verb: 'GET', path: this.#options.path }, 'the list repeats an item')
    }
    if (taken.kind === 'news') this.#tellChanged(item.raw, item.meta, taken.replaced)
  }

  async #watch(run: number, signal: AbortSignal, last: Next): Promise<Next> {
    const { clock, random } = this.#options
    this.#state = { phase: 'watching', problem: last.problem }
    this.#watches++
    const opened = clock.monotonic()
    const from = this.#version
    const end = await this.#follow(run, signal)
    if (run !== this.#run) return last
    const progressed = this.#version !== from || clock.monotonic() - opened >= SETTLED_MS
    const next = afterWatch(end, progressed, last.failures, random.uniform())
    this.#note('watch ended', next, end.kind)
    return next
  }

  /** Opens one watch and applies its events until it ends, in whatever way. */
  async #follow(run: number, signal: AbortSignal): Promise<WatchEnd> {
    const aborter = new AbortController()
    let wanted: WatchEnd | null = null
    const endWith = (end: WatchEnd) => {
      wanted ??= end
      aborter.abort()
    }
    this.#cutShort = () => endWith({ kind: 'relist' })
    const stop = () => aborter.abort()
    signal.addEventListener('abort', stop, { once: true })
    const timers = this.#watchTimers(endWith)
    try {
      const end = await readWatch({
        transport: this.#options.transport,
        path: this.#options.path,
        selectors: this.#options.selectors ?? {},
        version: this.#version,
        seconds: this.#watchSeconds(),
        maxLineBytes: this.#options.maxLineBytes ?? 4 * 1_048_576,
        signal: aborter.signal,
        heard: () => this.#heard(run),
        apply: (event) => this.#apply(run, event),
      })
      return wanted ?? end
    } finally {
      for (const cancel of timers) cancel()
      signal.removeEventListener('abort', stop)
      this.#cutShort = null
    }
  }

  #watchSeconds(): number {
    const { least, most } = WATCH_SECONDS
    return Math.round(least + this.#options.random.uniform() * (most - least))
  }

  /** Ends the watch when it is silent, or when the slow relist is due. */
  #watchTimers(endWith: (end: WatchEnd) => void): readonly Cancel[] {
    const { clock, random, silenceMs = 60_000, relistMs = 6 * 3_600_000 } = this.#options
    const opened = clock.monotonic()
    let cancelSilence: Cancel = () => {}
    const look = () => {
      const quiet = clock.monotonic() - Math.max(opened, this.#lastByte)
      if (quiet >= silenceMs) endWith({ kind: 'silent' })
      else cancelSilence = clock.after(silenceMs - quiet, look)
    }
    cancelSilence = clock.after(silenceMs, look)
    this.#relistAt ??= opened + relistMs * (0.9 + 0.2 * random.uniform())
    const cancelRelist = clock.after(this.#relistAt - opened, () => {
      this.#relistAt = null
      endWith({ kind: 'relist' })
    })
    return [() => cancelSilence(), cancelRelist]
  }

  /** False: this run is over. */
  #apply(run: number, event: WatchEvent): boolean {
    if (run !== this.#run) return false
    this.#events++
    if (event.kind !== 'bookmark') {
      const { raw, meta } = event
      if (event.kind === 'removed') {
        if (this.#known.drop(meta)) this.#tellRemoved(meta)
      } else {
        const taken = this.#known.take(meta)
        if (taken.kind === 'news') this.#tellChanged(raw, meta, taken.replaced)
      }
    }
    if (isNewer(event.version, this.#version)) this.#version = event.version
    return run === this.#run
  }

  /** The server answers: whatever was wrong with reaching it is over. */
  #heard(run: number): void {
    if (run !== this.#run) return
    this.#lastByte = this.#options.clock.monotonic()
    if (this.#state.problem !== '') this.#state = { phase: 'watching', problem: '' }
  }

  #tellChanged(raw: RawObject, meta: ObjectMeta, replaced: string): void {
    const { watcher, decode } = this.#options
    if (replaced !== '') this.#tellRemoved({ ...meta, uid: replaced })
    this.#guard(() => {
      const decoded = decode(raw, meta)
      if (decoded.kind === 'object') watcher.changed(decoded.object)
      else watcher.unreadable(decoded.object satisfies UnreadableObject)
    })
  }

  #tellRemoved({ namespace, name, uid }: Versioned): void {
    this.#guard(() => this.#options.watcher.removed({ namespace, name }, uid))
  }

  #guard(tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.#handlerFailures++
      this.#options.logger.error('a handler of a watch failed', {
        resource: this.#options.name,
        err: describeError(error),
      })
    }
  }

  #note(msg: 'list failed' | 'watch ended', next: Next, why: string): void {
    const fields = { resource: this.#options.name, err: why, delayMs: Math.round(next.delayMs) }
    if (next.problem === '') this.#options.logger.debug(msg, fields)
    else this.#options.logger.warn(msg, { ...fields, problem: next.problem })
  }
}
