// The reflector against a scripted server: every way in which a list or a watch can end, and the rows
// on which the stock informer dies, doubles or lies (typescript-notes.md). Sockets are real, time is
// not.

import { afterEach, describe, expect, it } from 'vitest'
import type { Watcher } from '../../../src/core/resources.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import type { ObjectMeta } from '../../../src/kube/objects.ts'
import { Reflector, type ReflectorOptions } from '../../../src/kube/reflector.ts'
import { KubeTransport } from '../../../src/kube/transport.ts'
import { KeptLog } from './doubles.ts'
import { raw, reborn } from './objects.ts'
import {
  answerList,
  answerNothing,
  answerStatus,
  answerText,
  cutConnection,
  ScriptedApi,
} from './scripted-api.ts'
import { type Answer, FixedAccess, until } from './scripted-server.ts'

const PATH = '/apis/gopherqueue.io/v1alpha1/queuejobs'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

class Kept implements Watcher<ObjectMeta> {
  /** `+name@version`, `-name/uid`, `!name`, `synced`. */
  readonly told: string[] = []
  failOn = ''
  onTold: (line: string) => void = () => undefined

  changed(object: ObjectMeta): void {
    this.#keep(`+${object.name}@${object.resourceVersion}`)
  }
  unreadable(object: { name: string }): void {
    this.#keep(`!${object.name}`)
  }
  removed(key: { name: string }, uid: string): void {
    this.#keep(`-${key.name}/${uid}`)
  }
  synced(): void {
    this.#keep('synced')
  }

  #keep(line: string): void {
    this.told.push(line)
    this.onTold(line)
    if (line === this.failOn) throw new Error(`no ${line}`)
  }
}

interface Bench {
  readonly api: ScriptedApi
  readonly clock: VirtualClock
  readonly watcher: Kept
  readonly log: KeptLog
  readonly access: FixedAccess
  readonly reflector: Reflector<ObjectMeta>
}

async function bench(more: Partial<ReflectorOptions<ObjectMeta>> = {}): Promise<Bench> {
  const api = await ScriptedApi.start()
  const clock = new VirtualClock()
  const access = new FixedAccess(api.server)
  const random = new SeededRandom(7)
  const transport = new KubeTransport({ access, clock, random, version: '0' })
  const watcher = new Kept()
  const log = new KeptLog()
  const reflector = new Reflector<ObjectMeta>({
    transport,
    name: 'queuejobs',
    path: PATH,
    decode: (_raw, meta) => ({ kind: 'object', object: meta }),
    watcher,
    clock,
    random,
    logger: log,
    ...more,
  })
  cleanups.push(
    () => api.server.stop(),
    () => transport.close(),
    () => reflector.stop(),
  )
  return { api, clock, watcher, log, access, reflector }
}

/** Started, with two objects listed and a watch open. */
async function watching(more: Partial<ReflectorOptions<ObjectMeta>> = {}): Promise<Bench> {
  const made = await bench(more)
  made.api.objects = [raw(1, 50), raw(2, 60)]
  made.reflector.start()
  await until('the watch is open', () => made.api.open.length === 1)
  made.api.send('BOOKMARK', { metadata: { resourceVersion: '100' } })
  await until('it is heard', () => made.reflector.counts.events === 1)
  made.watcher.told.length = 0
  return made
}

/** Lets time pass, in small steps, until something happens. */
async function passing(clock: VirtualClock, what: string, done: () => boolean): Promise<void> {
  await until(what, () => {
    if (!done()) clock.advance(50)
    return done()
  })
}

/** The watch that follows: from which version it starts. */
async function nextWatch({ api, clock }: Bench, before: number): Promise<string | null> {
  await passing(clock, 'another watch', () => api.watches.length > before && api.open.length > 0)
  return api.watches.at(-1)?.query.get('resourceVersion') ?? null
}

describe('the first list and watch', () => {
  it('tell what is there, then what changes', async () => {
    const { api, watcher, reflector } = await bench()
    api.objects = [raw(1, 50), raw(2, 60)]
    expect(reflector.hasSynced).toBe(false)
    reflector.start()
    await until('the watch is open', () => api.open.length === 1)
    expect(watcher.told).toEqual(['+job-1@50', '+job-2@60', 'synced'])
    api.send('MODIFIED', raw(1, 101))
    api.send('ADDED', raw(3, 102))
    api.send('DELETED', raw(2, 103))
    await until('three events', () => watcher.told.length === 6)
    expect(watcher.told.slice(3)).toEqual(['+job-1@101', '+job-3@102', '-job-2/uid-2'])
    expect(reflector.size).toBe(2)
    expect(reflector.hasSynced).toBe(true)
  })

  it('list in pages and watch from the version of the list, with bookmarks and an end', async () => {
    const { api } = await watching({ pageSize: 77, selectors: { label: 'a=b', field: 'c=d' } })
    const [listed] = api.lists
    const [watched] = api.watches
    expect(listed?.query.get('limit')).toBe('77')
    expect(listed?.query.get('resourceVersion')).toBeNull()
    expect(watched?.query.get('resourceVersion')).toBe('100')
    expect(watched?.query.get('allowWatchBookmarks')).toBe('true')
    expect(Number(watched?.query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(240)
    expect(Number(watched?.query.get('timeoutSeconds'))).toBeLessThanOrEqual(300)
    for (const seen of [listed, watched]) {
      expect(seen?.query.get('labelSelector')).toBe('a=b')
      expect(seen?.query.get('fieldSelector')).toBe('c=d')
    }
  })

  it('an object that cannot be decoded is named, and its neighbours are told', async () => {
    const { api, watcher, reflector } = await bench({
      decode: (_raw, meta) =>
        meta.name === 'job-1'
          ? { kind: 'unreadable', object: { ...meta, problem: 'spec.type: missing' } }
          : { kind: 'object', object: meta },
    })
    api.objects = [raw(1, 50), raw(2, 60)]
    reflector.start()
    await until('synced', () => reflector.hasSynced)
    expect(watcher.told).toEqual(['!job-1', '+job-2@60', 'synced'])
  })
})

describe('a watch that ends is followed by another one from the last version', () => {
  it.each<[string, (api: ScriptedApi) => void]>([
    ['closed by the server', (api) => api.endWatches()],
    ['connection cut', (api) => api.cut()],
    ['line cut in the middle (B41)', (api) => api.sendText('{"type":"MODI') ?? api.endWatches()],
    ['invalid JSON (B41)', (api) => api.sendText('{"type":\n')],
    ['a line that is no event (B41)', (api) => api.sendText('{"a":1}\n')],
    ['an unknown event type (B41)', (api) => api.send('RENAMED', raw(1, 200))],
    ['wrong encoding (B41)', (api) => api.sendText(Buffer.from([0xff, 0xfe, 0x0a]))],
    ['an object without identity', (api) => api.send('ADDED', { metadata: {} })],
    ['a bookmark without version', (api) => api.send('BOOKMARK', { metadata: {} })],
    ['an ERROR event with 500', (api) => api.send('ERROR', { code: 500 })],
    ['an ERROR event without code (B41)', (api) => api.send('ERROR', {})],
  ])('%s', async (_what, end) => {
    const made = await watching()
    const { api, watcher, reflector } = made
    api.send('MODIFIED', raw(1, 105))
    await until('an event', () => watcher.told.length === 1)
    end(api)
    expect(await nextWatch(made, 1)).toBe('105')
    expect(api.lists).toHaveLength(1)
    api.send('MODIFIED', raw(1, 300))
    await until('it goes on', () => watcher.told.includes('+job-1@300'))
    expect(watcher.told).toEqual(['+job-1@105', '+job-1@300'])
    expect(reflector.state()).toEqual({ phase: 'watching', problem: '' })
  })

  it('a line of 10 MB ends the watch before it is in memory (B41)', async () => {
    const made = await watching({ maxLineBytes: 100_000 })
    made.api.sendText(`{"type":"ADDED","object":"${'x'.repeat(10_000_000)}`)
    expect(await nextWatch(made, 1)).toBe('100')
    expect(made.watcher.told).toEqual([])
  })

  it('events before the broken line are told, the broken one is not, nor what follows it', async () => {
    const made = await watching()
    const good = JSON.stringify({ type: 'MODIFIED', object: raw(1, 110) })
    const late = JSON.stringify({ type: 'MODIFIED', object: raw(2, 112) })
    made.api.sendText(`${good}\n{"type":"MODIFIED","object":\n${late}\n`)
    expect(await nextWatch(made, 1)).toBe('110')
    expect(made.watcher.told).toEqual(['+job-1@110'])
  })

  it('an older bookmark or event does not move the version back', async () => {
    const made = await watching()
    made.api.send('MODIFIED', raw(1, 300))
    made.api.send('BOOKMARK', { metadata: { resourceVersion: '200' } })
    made.api.send('MODIFIED', raw(2, 210))
    await until('told', () => made.watcher.told.length === 2)
    made.api.endWatches()
    expect(await nextWatch(made, 1)).toBe('300')
  })

  it('a bookmark moves the version, so that a restart costs no list', async () => {
    const made = await watching()
    made.api.send('BOOKMARK', { metadata: { resourceVersion: '170' } })
    await until('heard', () => made.reflector.counts.events === 2)
    made.api.endWatches()
    expect(await nextWatch(made, 1)).toBe('170')
    expect(made.watcher.told).toEqual([])
  })
})

describe('a watch that is refused', () => {
  it.each([500, 503, 429, 403])('with %d once: the next one works', async (code) => {
    const made = await bench()
    made.api.nextWatches.push(answerStatus(code))
    made.reflector.start()
    await passing(made.clock, 'a watch', () => made.api.open.length === 1)
    expect(made.api.lists).toHaveLength(1)
    made.api.send('ADDED', raw(5, 120))
    await until('told', () => made.watcher.told.includes('+job-5@120'))
  })

  it('with 401: fresh credentials are used at once', async () => {
    const { api, access, reflector } = await bench()
    access.fresh = { ...access.current, headers: { authorization: 'Bearer second' } }
    api.nextWatches.push(answerStatus(401))
    reflector.start()
    await until('a watch', () => api.open.length === 1)
    expect(api.watches.at(-1)?.headers.authorization).toBe('Bearer second')
  })

  it('says so meanwhile, in words that help', async () => {
    const { api, clock, reflector } = await bench()
    for (let i = 0; i < 2; i++) api.nextWatches.push(answerStatus(403))
    reflector.start()
    await passing(clock, 'two refusals', () => api.watches.length === 2)
    await until('it waits', () => reflector.state().phase === 'waiting')
    expect(reflector.state().problem).toMatch(/not allowed: .*grant get, list and watch/)
    await passing(clock, 'a watch', () => api.open.length === 1)
    await until('it is heard', () => reflector.state().problem === '')
  })

  it('three times in a row: everything is listed again', async () => {
    const { api, clock, reflector } = await bench()
    for (let i = 0; i < 3; i++) api.nextWatches.push(answerStatus(500))
    reflector.start()
    await passing(clock, 'a watch', () => api.open.length === 1)
    expect(api.lists).toHaveLength(2)
  })

  it('with Retry-After: not before', async () => {
    const { api, clock, reflector } = await bench()
    api.nextWatches.push(answerStatus(429, { 'retry-after': '20' }))
    reflector.start()
    await until('it waits', () => reflector.state().phase === 'waiting')
    await clock.advanceAsync(19_999)
    expect(api.watches).toHaveLength(1)
    await passing(clock, 'a watch', () => api.open.length === 1)
  })
})

describe('a version that is compacted', () => {
  it.each<[string, (api: ScriptedApi) => void]>([
    ['as an ERROR event', (api) => api.send('ERROR', { code: 410, reason: 'Expired' })],
    [
      'as an answer to the next watch',
      (api) => {
        api.nextWatches.push(answerStatus(410))
        api.endWatches()
      },
    ],
  ])('%s: listed again, and only what differs is told', async (_what, act) => {
    const made = await watching()
    const { api, watcher, clock } = made
    api.objects = [raw(1, 50), raw(3, 190)]
    api.version = 200
    act(api)
    await passing(clock, 'another list', () => api.lists.length === 2)
    await passing(
      clock,
      'a watch',
      () => api.watches.at(-1)?.query.get('resourceVersion') === '200',
    )
    expect(watcher.told).toEqual(['+job-3@190', '-job-2/uid-2', 'synced'])
  })
})

describe('a silent watch', () => {
  it('is opened anew after a minute without a byte, and nothing is listed', async () => {
    const made = await watching()
    const { api, clock, reflector } = made
    clock.advance(59_000)
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(api.watches).toHaveLength(1)
    expect(reflector.silentForMs()).toBe(59_000)
    clock.advance(1_000)
    expect(await nextWatch(made, 1)).toBe('100')
    expect(api.lists).toHaveLength(1)
    await until('the old one is closed', () => api.open.length === 1)
    expect(reflector.state().problem).toBe('')
  })

  it('any byte counts as life, also a bookmark', async () => {
    const { api, clock, reflector } = await watching()
    clock.advance(40_000)
    api.send('BOOKMARK', { metadata: { resourceVersion: '150' } })
    await until('heard', () => reflector.counts.events === 2)
    clock.advance(40_000)
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(api.watches).toHaveLength(1)
    expect(reflector.silentForMs()).toBe(40_000)
  })

  it('that never answered is given up, too', async () => {
    const made = await bench()
    made.api.nextWatches.push(answerNothing)
    made.reflector.start()
    await until('it asked', () => made.api.watches.length === 1)
    made.clock.advance(60_000)
    expect(await nextWatch(made, 1)).toBe('100')
  })
})

describe('a list that cannot be trusted (B42)', () => {
  it.each<[string, Answer[]]>([
    ['HTTP 403', [answerStatus(403)]],
    ['no JSON', [answerText('<html>')]],
    ['an item without uid', [answerList([raw(1, 50, {}, { uid: '' })], 300)]],
    ['an item without version', [answerList([raw(1, 50, {}, { resourceVersion: '' })], 300)]],
    ['an item twice', [answerList([raw(2, 60), raw(2, 60)], 300)]],
    ['an item on two pages', [answerList([raw(2, 60)], 300, 'A'), answerList([raw(2, 60)], 300)]],
    ['a page again and again', [answerList([], 300, 'A'), answerList([], 300, 'A')]],
    ['410 in the middle', [answerList([], 300, 'A'), answerStatus(410)]],
  ])('%s: removes nothing, and is repeated until one is whole', async (_what, answers) => {
    const { api, clock, watcher } = await watching()
    api.nextLists.push(...answers)
    api.objects = [raw(1, 50), raw(2, 60)]
    api.version = 300
    api.send('ERROR', { code: 410 })
    await passing(clock, 'a whole list', () => watcher.told.includes('synced'))
    expect(watcher.told).toEqual(['synced'])
  })

  it('while it fails, what was told stays told and the problem is named', async () => {
    const { api, clock, watcher, reflector } = await watching()
    api.nextLists.push(answerStatus(403), answerStatus(403))
    api.send('ERROR', { code: 410 })
    await passing(clock, 'two lists', () => api.lists.length === 3)
    await until('it waits', () => reflector.state().phase === 'waiting')
    expect(reflector.state().problem).toMatch(/not allowed/)
    expect(reflector.hasSynced).toBe(true)
    expect(reflector.size).toBe(2)
    expect(watcher.told).toEqual([])
  })

  it('whose pages are too long is read in smaller ones', async () => {
    const { api, clock, reflector } = await bench({ pageSize: 400 })
    api.nextLists.push((_seen, response) => {
      response.writeHead(200, { 'content-length': 10 ** 9 })
      response.write('{')
    })
    reflector.start()
    await passing(clock, 'a watch', () => api.open.length === 1)
    expect(api.lists.map((seen) => seen.query.get('limit'))).toEqual(['400', '100'])
  })

  it('of a missing CRD: waits, says what to install, and begins as soon as it is there (B46)', async () => {
    const { api, clock, watcher, reflector, log } = await bench()
    for (let i = 0; i < 4; i++) api.nextLists.push(answerStatus(404))
    reflector.start()
    await passing(clock, 'some lists', () => api.lists.length === 4)
    await until('it waits', () => reflector.state().phase === 'waiting')
    expect(reflector.state().problem).toMatch(/unknown to the API server: .*install the CRDs/)
    expect(log.loud.length).toBeGreaterThan(0)
    expect(watcher.told).toEqual([])
    await passing(clock, 'a watch', () => api.open.length === 1)
    expect(reflector.hasSynced).toBe(true)
    expect(reflector.state().problem).toBe('')
  })

  it('that is older than what was seen before is refused, and told (F30)', async () => {
    const back: string[][] = []
    const { api, clock, watcher, reflector } = await watching({
      rolledBack: (seen, found) => back.push([seen, found]),
    })
    api.objects = []
    api.version = 90
    api.send('ERROR', { code: 410 })
    await passing(clock, 'it was told', () => back.length > 0)
    expect(back[0]).toEqual(['100', '90'])
    await until('it waits', () => reflector.state().phase === 'waiting')
    expect(reflector.state().problem).toMatch(/older \(90\) than what was seen before \(100\)/)
    expect(watcher.told).toEqual([])
    expect(reflector.size).toBe(2)
  })
})

describe('one name, two lives', () => {
  it('deleted and created again between two watches: removed, then changed', async () => {
    const { api, clock, watcher } = await watching()
    api.objects = [reborn(1, 190), raw(2, 60)]
    api.version = 200
    api.send('ERROR', { code: 410 })
    await passing(clock, 'listed', () => watcher.told.includes('synced'))
    expect(watcher.told).toEqual(['-job-1/uid-1', '+job-1@190', 'synced'])
  })

  it('also when the watch skips the deletion', async () => {
    const { api, watcher } = await watching()
    api.send('MODIFIED', reborn(1, 150))
    await until('told', () => watcher.told.length === 2)
    expect(watcher.told).toEqual(['-job-1/uid-1', '+job-1@150'])
  })

  it('a late word about the first life changes nothing', async () => {
    const { api, watcher, reflector } = await watching()
    api.send('MODIFIED', reborn(1, 150))
    api.send('MODIFIED', raw(1, 140))
    api.send('DELETED', raw(1, 145))
    api.send('MODIFIED', raw(2, 160))
    await until('told', () => watcher.told.length >= 3)
    expect(watcher.told.slice(2)).toEqual(['+job-2@160'])
    expect(reflector.size).toBe(2)
  })
})

describe('start and stop', () => {
  it('start twice is one list and one watch', async () => {
    const { api, reflector } = await bench()
    reflector.start()
    reflector.start()
    await until('a watch', () => api.open.length === 1)
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect([api.lists.length, api.watches.length]).toEqual([1, 1])
  })

  it('stop while the list is on its way: no watch follows, nothing is told', async () => {
    const { api, watcher, reflector } = await bench()
    let answer = (): void => undefined
    api.nextLists.push((seen, response) => {
      answer = () => answerList([raw(1, 50)], 100)(seen, response)
    })
    reflector.start()
    await until('the list is asked for', () => api.lists.length === 1)
    reflector.stop()
    answer()
    await until('its connection is closed', () => api.server.open === 0)
    expect(api.watches).toEqual([])
    expect(watcher.told).toEqual([])
    expect(reflector.state().phase).toBe('stopped')
  })

  it('stop closes the watch, and a late event changes nothing', async () => {
    const { api, watcher, reflector } = await watching()
    api.send('MODIFIED', raw(1, 150))
    reflector.stop()
    await until('it is closed', () => api.open.length === 0)
    expect(watcher.told).toEqual([])
    expect(api.watches).toHaveLength(1)
  })

  it('stop by a handler in the middle of a list: nothing more is told, nothing is removed', async () => {
    const { api, clock, watcher, reflector } = await watching()
    api.objects = [raw(3, 190), raw(4, 191)]
    api.version = 200
    watcher.onTold = (line) => {
      if (line === '+job-4@191') reflector.stop()
    }
    api.send('ERROR', { code: 410 })
    await passing(clock, 'stopped', () => reflector.state().phase === 'stopped')
    for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => setImmediate(resolve))
    expect(watcher.told).toEqual(['+job-3@190', '+job-4@191'])
  })

  it('stop while it waits ends the waiting', async () => {
    const { api, clock, reflector } = await bench()
    api.nextLists.push(answerStatus(403))
    reflector.start()
    await until('it waits', () => reflector.state().phase === 'waiting')
    reflector.stop()
    await clock.advanceAsync(60_000)
    expect(api.lists).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('start after stop lists again and tells only what differs', async () => {
    const { api, watcher, reflector } = await watching()
    reflector.stop()
    api.objects = [raw(1, 150)]
    api.version = 200
    reflector.start()
    await until('a watch', () => api.watches.length === 2)
    expect(watcher.told).toEqual(['+job-1@150', '-job-2/uid-2', 'synced'])
  })

  it('stop, start, stop, start at once is one run', async () => {
    const { api, reflector } = await bench()
    for (let i = 0; i < 5; i++) {
      reflector.start()
      reflector.stop()
    }
    reflector.start()
    await until('a watch', () => api.open.length === 1)
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(api.watches).toHaveLength(1)
  })
})

describe('a fresh list on demand', () => {
  it('begins after the call, also when one is being read already (T2)', async () => {
    const { api, reflector } = await bench()
    let answer = (): void => undefined
    api.nextLists.push((seen, response) => {
      answer = () => answerList([], 100)(seen, response)
    })
    reflector.start()
    await until('the first is asked for', () => api.lists.length === 1)
    const fresh = reflector.relist()
    answer()
    await fresh
    expect(api.lists).toHaveLength(2)
  })

  it('ends a watch for it, and serves all who asked', async () => {
    const { api, reflector } = await watching()
    await Promise.all([reflector.relist(), reflector.relist()])
    expect(api.lists).toHaveLength(2)
    await until('a watch', () => api.watches.length === 2)
  })

  it('is answered by a whole one only', async () => {
    const { api, clock, reflector } = await watching()
    api.nextLists.push(answerStatus(403))
    let done = false
    const fresh = reflector.relist().then(() => {
      done = true
    })
    await until('it failed', () => reflector.state().phase === 'waiting')
    expect(done).toBe(false)
    await passing(clock, 'a whole list', () => done)
    await fresh
  })

  it('does not wait for the end of a back-off', async () => {
    const { api, clock, reflector } = await bench()
    for (let i = 0; i < 6; i++) api.nextLists.push(answerStatus(403))
    reflector.start()
    await passing(clock, 'many failures', () => api.lists.length === 6)
    await until('it waits', () => reflector.state().phase === 'waiting')
    await reflector.relist()
    expect(api.lists).toHaveLength(7)
  })

  it('comes by itself every six hours, also over many short watches', async () => {
    const made = await watching({ relistMs: 600_000, silenceMs: 60_000 })
    const { api, clock } = made
    await passing(clock, 'another list', () => api.lists.length === 2)
    expect(clock.monotonic()).toBeGreaterThanOrEqual(540_000)
    expect(clock.monotonic()).toBeLessThanOrEqual(680_000)
    expect(api.watches.length).toBeGreaterThan(5)
  })
})

describe('a handler that throws', () => {
  it('is logged and counted, and the stream goes on', async () => {
    const { api, watcher, reflector, log } = await watching()
    watcher.failOn = '+job-1@150'
    api.send('MODIFIED', raw(1, 150))
    api.send('MODIFIED', raw(2, 160))
    await until('both', () => watcher.told.length === 2)
    expect(reflector.counts.handlerFailures).toBe(1)
    expect(log.loud).toEqual([
      {
        level: 'error',
        msg: 'a handler of a watch failed',
        fields: { resource: 'queuejobs', err: 'no +job-1@150' },
      },
    ])
    api.endWatches()
  })

  it.each(['synced', '-job-2/uid-2'])('also in %s', async (line) => {
    const { api, clock, watcher, reflector } = await watching()
    watcher.failOn = line
    api.objects = [raw(1, 50)]
    api.version = 200
    api.send('ERROR', { code: 410 })
    await passing(clock, 'listed', () => watcher.told.includes('synced'))
    await passing(clock, 'a watch', () => api.watches.length === 2)
    expect(reflector.counts.handlerFailures).toBe(1)
  })
})

it('a server that is gone and comes back: the watch goes on, and nothing is listed', async () => {
  const made = await watching()
  const { api, clock } = made
  api.nextWatches.push(cutConnection)
  api.cut()
  await passing(clock, 'a watch', () => api.open.length === 1 && api.watches.length === 3)
  expect(api.lists).toHaveLength(1)
})
