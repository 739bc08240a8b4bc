// The main thread's end of the heartbeat thread: what it sends, and what it does when the thread ends.

import { describe, expect, it } from 'vitest'
import { bootId, classId, workerId } from '../../../src/core/ids.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { BeatHost, type BeatThread } from '../../../src/main/beat-host.ts'
import type { BeatThreadData, FromBeatThread, ToBeatThread } from '../../../src/main/beat-wire.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import { TICK_MS } from '../../../src/worker/beat-sender.ts'
import type { BeatBasis } from '../../../src/worker/heartbeat.ts'

const data: BeatThreadData = {
  heartbeatMs: 5_000,
  connection: {
    url: 'nats://127.0.0.1:1',
    caFile: '',
    tokenFile: '',
    user: '',
    namespace: 'shop',
    worker: workerId('w'),
    boot: bootId('boot-0000'),
    cls: classId('0'.repeat(32)),
  },
}
const basis: BeatBasis = {
  boot: bootId('boot-0000'),
  announcedTerm: 1,
  cls: classId('0'.repeat(32)),
  queues: ['default'],
  handlers: [],
  slots: 1,
  free: 1,
  draining: false,
  pod: '',
  node: '',
  running: [],
  finished: [],
}

class FakeThread implements BeatThread {
  readonly got: ToBeatThread[] = []
  terminated = false
  #listeners = new Map<string, (value: never) => void>()

  postMessage(message: ToBeatThread): void {
    this.got.push(message)
  }
  on(event: string, listener: (value: never) => void): void {
    this.#listeners.set(event, listener)
  }
  once(event: 'exit', listener: () => void): void {
    this.on(event, listener)
  }
  terminate(): void {
    this.terminated = true
    this.emit('exit')
  }
  emit(event: string, value?: FromBeatThread | Error): void {
    this.#listeners.get(event)?.(value as never)
  }
  get kinds(): readonly string[] {
    return this.got.map(({ kind }) => kind)
  }
}

function host() {
  const clock = new VirtualClock()
  const threads: FakeThread[] = []
  const lines: string[] = []
  const say = (msg: string) => lines.push(msg)
  const logger: Logger = { debug: say, info: say, warn: say, error: say, child: () => logger }
  const beats = new BeatHost({
    data,
    clock,
    logger,
    make: () => {
      const thread = new FakeThread()
      threads.push(thread)
      return thread
    },
  })
  beats.start()
  const thread = (index: number): FakeThread => {
    const made = threads[index]
    if (!made) throw new Error(`there is no thread ${index}`)
    return made
  }
  return { clock, beats, threads, thread, lines }
}

describe('the heartbeat thread’s host', () => {
  it('passes on what it is told, and ticks in between', () => {
    const { clock, beats, thread } = host()
    beats.post(basis)
    clock.advance(2 * TICK_MS)
    expect(thread(0).kinds).toEqual(['tick', 'basis', 'tick', 'tick'])
  })

  it('replaces a thread that ended by itself after a second, and tells it what is true', () => {
    const { clock, beats, threads, thread, lines } = host()
    beats.post(basis)
    thread(0).emit('error', new Error('out of memory'))
    thread(0).emit('exit')
    clock.advance(999)
    expect(threads).toHaveLength(1)
    clock.advance(1)
    expect(threads).toHaveLength(2)
    expect(thread(1).got[0]).toEqual({ kind: 'basis', basis })
    expect(lines).toContain('heartbeat thread failed')
  })

  it('stops the thread, waits for its end, and replaces it no more', async () => {
    const { clock, beats, threads, thread } = host()
    let stopped = false
    const stop = beats.stop().then(() => {
      stopped = true
    })
    expect(thread(0).kinds.at(-1)).toBe('stop')
    await clock.advanceAsync(1_000)
    expect(stopped).toBe(false)
    thread(0).emit('exit')
    await stop
    clock.advance(60_000)
    expect(threads).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
    expect(thread(0).terminated).toBe(false)
  })

  it('ends a thread that does not end within 3 s', async () => {
    const { clock, beats, thread } = host()
    const stop = beats.stop()
    await clock.advanceAsync(3_000)
    await stop
    expect(thread(0).terminated).toBe(true)
  })

  it('a stop between two threads starts none', async () => {
    const { clock, beats, threads, thread } = host()
    thread(0).emit('exit')
    await beats.stop()
    clock.advance(60_000)
    expect(threads).toHaveLength(1)
  })

  it('writes the lines of the thread', () => {
    const { thread, lines } = host()
    thread(0).emit('message', { kind: 'log', level: 'warn', msg: 'from there', fields: {} })
    expect(lines).toEqual(['from there'])
  })
})
