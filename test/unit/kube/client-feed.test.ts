// How one watch of the client ends, for each way a stream can end. The stream is a script; time is
// virtual.

import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { FeedEnd, FeedEvent } from '../../../src/client/ports.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { KubeJobFeed } from '../../../src/kube/client-feed.ts'
import { ClientRequests } from '../../../src/kube/client-requests.ts'
import { errorOfAnswer } from '../../../src/kube/errors.ts'
import type { KubeCall, KubeRequests, KubeWatches } from '../../../src/kube/transport.ts'

/** A transport whose one watch is written by the test. */
class ScriptedWatch implements KubeRequests, KubeWatches {
  readonly stream = new Readable({ read: () => {} })
  query: KubeCall['query']
  refuse: Error | null = null

  async request(): Promise<never> {
    throw new Error('no request is expected')
  }

  async requestText(): Promise<never> {
    throw new Error('no request is expected')
  }

  async watch(_: string, query: KubeCall['query'], signal: AbortSignal): Promise<Readable> {
    this.query = query
    signal.throwIfAborted()
    if (this.refuse) throw this.refuse
    signal.addEventListener('abort', () => this.stream.destroy(new Error('aborted')))
    return this.stream
  }

  say(type: string, object: object): void {
    this.stream.push(`${JSON.stringify({ type, object })}\n`)
  }
}

function follow(name: string | null = 'a') {
  const transport = new ScriptedWatch()
  const clock = new VirtualClock()
  const aborter = new AbortController()
  const told: FeedEvent[] = []
  const requests = new ClientRequests({ transport, server: 'https://s', origin: 'o' })
  const feed = new KubeJobFeed(requests, { clock, random: new SeededRandom(1) })
  const start = (): Promise<FeedEnd> =>
    feed.follow({
      namespace: 'shop',
      name,
      version: '7',
      tell: (event) => told.push(event),
      signal: aborter.signal,
    })
  return { transport, clock, aborter, told, start }
}

const metadata = (version: number) => ({
  name: 'a',
  namespace: 'shop',
  uid: 'uid-1',
  resourceVersion: String(version),
})

describe('a watch', () => {
  it('asks for one job, after a version, with bookmarks and an end of its own', async () => {
    const { transport, aborter, start } = follow()
    const end = start()
    aborter.abort()
    await end
    expect(transport.query).toMatchObject({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '7',
      fieldSelector: 'metadata.name=a',
    })
    expect(Number(transport.query?.timeoutSeconds)).toBeGreaterThanOrEqual(240)
  })

  it('asks for all of a namespace without a selector', async () => {
    const { transport, aborter, start } = follow(null)
    const end = start()
    aborter.abort()
    await end
    expect(transport.query).not.toHaveProperty('fieldSelector')
  })

  it('tells changes, removals and bookmarks in order, and ends as the server ends it', async () => {
    const { transport, told, clock, start } = follow()
    const end = start()
    transport.say('MODIFIED', { metadata: metadata(8), status: { phase: 'Running' } })
    transport.say('BOOKMARK', { metadata: { resourceVersion: '9' } })
    transport.say('DELETED', { metadata: metadata(10), status: { phase: 'Running' } })
    transport.stream.push(null)
    expect(await end).toEqual({ kind: 'ended' })
    expect(told).toMatchObject([
      { kind: 'changed', job: { resourceVersion: '8', status: { phase: 'Running' } } },
      { kind: 'bookmark', version: '9' },
      { kind: 'removed', job: { resourceVersion: '10' } },
    ])
    expect(clock.pendingTimers).toBe(0)
  })

  it('that is silent for a minute and a half is a dead connection', async () => {
    const { transport, clock, start } = follow()
    const end = start()
    await clock.advanceAsync(80_000)
    transport.say('BOOKMARK', { metadata: { resourceVersion: '9' } })
    await clock.advanceAsync(80_000)
    expect(transport.stream.destroyed).toBe(false)
    await clock.advanceAsync(11_000)
    expect(await end).toEqual({ kind: 'ended' })
    expect(transport.stream.destroyed).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it.each([
    ['an error event 410', (script: ScriptedWatch) => script.say('ERROR', { code: 410 })],
    [
      'an answer 410',
      (script: ScriptedWatch) => {
        script.refuse = errorOfAnswer({ verb: 'GET', path: '/' }, 410, '', {})
      },
    ],
  ])('with %s is expired', async (_, act) => {
    const { transport, start } = follow()
    act(transport)
    expect(await start()).toEqual({ kind: 'expired' })
  })

  it('that is refused says which verb is missing', async () => {
    const { transport, start } = follow()
    const message = 'queuejobs is forbidden: User "jane" cannot watch resource "queuejobs"'
    transport.refuse = errorOfAnswer({ verb: 'GET', path: '/' }, 403, '', { message })
    expect(await start()).toMatchObject({
      kind: 'failed',
      error: { code: 'Forbidden', verb: 'watch', failure: 'terminal' },
    })
  })

  it.each([
    ['a line that is no event', 'hello\n'],
    ['an error event of another kind', '{"type":"ERROR","object":{"code":500}}\n'],
  ])('with %s is lost, and tells nothing of it', async (_, text) => {
    const { transport, told, start } = follow()
    const end = start()
    transport.stream.push(text)
    expect(await end).toMatchObject({ kind: 'failed', error: { failure: 'transient' } })
    expect(told).toEqual([])
  })

  it('whose connection breaks is lost', async () => {
    const { transport, start } = follow()
    const end = start()
    transport.stream.destroy(new Error('ECONNRESET'))
    expect(await end).toMatchObject({ kind: 'failed', error: { failure: 'transient' } })
  })

  it('that nobody wants any more ends without a failure, before or after it was opened', async () => {
    for (const early of [true, false]) {
      const { aborter, clock, start } = follow()
      if (early) aborter.abort()
      const end = start()
      aborter.abort()
      expect(await end).toEqual({ kind: 'ended' })
      expect(clock.pendingTimers).toBe(0)
    }
  })
})
