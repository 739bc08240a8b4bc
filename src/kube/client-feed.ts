/** One watch for those who wait: of one job, or of all jobs of a namespace (`client/feeds.ts`). */
import type { FeedEnd, FeedRequest, JobFeed } from '../client/ports.ts'
import type { Clock, Random } from '../core/clock.ts'
import { type ClientRequests, MAX_OBJECT_BYTES } from './client-requests.ts'
import { selectorValue } from './client-selectors.ts'
import { jobView } from './client-views.ts'
import { collectionPath } from './paths.ts'
import type { WatchEnd } from './watch-end.ts'
import { readWatch, type WatchEvent } from './watch-stream.ts'

const WATCH_SECONDS = { least: 240, most: 300 }
/** Bookmarks come once a minute: a watch that is silent for longer is a dead connection. */
const SILENCE_MS = 90_000

export interface FeedOptions {
  readonly clock: Clock
  readonly random: Random
}

export class KubeJobFeed implements JobFeed {
  readonly #requests: ClientRequests
  readonly #options: FeedOptions

  constructor(requests: ClientRequests, options: FeedOptions) {
    this.#requests = requests
    this.#options = options
  }

  async follow(request: FeedRequest): Promise<FeedEnd> {
    const { namespace, name, version, signal } = request
    const { clock, random } = this.#options
    const aborter = new AbortController()
    const stop = () => aborter.abort()
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    let disarm = clock.after(SILENCE_MS, stop)
    const { least, most } = WATCH_SECONDS
    try {
      const end = await readWatch({
        transport: this.#requests.transport,
        path: collectionPath('QueueJob', namespace),
        selectors: name === null ? {} : { field: `metadata.name=${selectorValue(name)}` },
        version,
        seconds: Math.round(least + random.uniform() * (most - least)),
        maxLineBytes: MAX_OBJECT_BYTES,
        signal: aborter.signal,
        heard: () => {
          disarm()
          disarm = clock.after(SILENCE_MS, stop)
        },
        apply: (event) => {
          tell(request, event)
          return !signal.aborted
        },
      })
      if (aborter.signal.aborted) return { kind: 'ended' }
      return this.#endOf(end, namespace)
    } finally {
      disarm()
      signal.removeEventListener('abort', stop)
    }
  }

  #endOf(end: WatchEnd, namespace: string): FeedEnd {
    const asked = { verb: 'watch', kind: 'QueueJob', namespace } as const
    switch (end.kind) {
      case 'clean':
      case 'silent':
      case 'relist':
        return { kind: 'ended' }
      case 'refused':
        if (end.code === 410) return { kind: 'expired' }
        return {
          kind: 'failed',
          error: this.#requests.explained(end.error ?? lost(end.code), asked),
        }
      case 'lost':
      case 'garbled':
        return { kind: 'failed', error: this.#requests.explained(new Error(end.problem), asked) }
    }
  }
}

function lost(code: number): Error {
  return new Error(`the watch ended with an error event (code ${code})`)
}

function tell(request: FeedRequest, event: WatchEvent): void {
  if (event.kind === 'bookmark') request.tell({ kind: 'bookmark', version: event.version })
  else request.tell({ kind: event.kind, job: jobView(event.raw, event.meta) })
}
