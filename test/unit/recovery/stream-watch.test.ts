import { beforeEach, describe, expect, it } from 'vitest'
import type { StreamState, Streams } from '../../../src/recovery/ports.ts'
import { StreamWatch } from '../../../src/recovery/stream-watch.ts'

const state = (created: string, lastSeq: number): StreamState => ({ created, lastSeq })

/** Streams that are what the test says, and what was asked of them. */
class Scripted {
  now: { work: StreamState; events: StreamState } | null = null
  readonly asked: string[] = []
  readonly link = { connected: true, since: 10 }
  reading: Promise<void> = Promise.resolve()

  streams(): Streams {
    const port: Pick<Streams, 'ensure' | 'state' | 'recreate'> = {
      ensure: async () => {
        this.asked.push('ensure')
        this.now ??= { work: state('new', 0), events: state('new', 0) }
        return this.now
      },
      state: async () => {
        const seen = this.now
        await this.reading
        return seen
      },
      recreate: async () => {
        this.asked.push('recreate')
        this.now = null
      },
    }
    return port as Streams
  }
}

describe('the streams', () => {
  let scripted: Scripted
  let watch: StreamWatch

  beforeEach(async () => {
    scripted = new Scripted()
    scripted.now = { work: state('a', 5), events: state('a', 9) }
    watch = new StreamWatch(scripted.streams(), scripted.link)
    await watch.ensure()
  })

  it('that went on are the same, and become what the next look is compared with', async () => {
    scripted.now = { work: state('a', 50), events: state('a', 90) }
    expect(await watch.intact()).toBe(true)
    scripted.now = { work: state('a', 49), events: state('a', 90) }
    expect(await watch.intact()).toBe(false)
  })

  it.each([
    ['is missing', null],
    ['was made anew', { work: state('b', 5), events: state('a', 9) }],
    ['was rolled back', { work: state('a', 5), events: state('a', 8) }],
  ] as const)('of which one %s are not, and nothing is trusted until T3', async (_, found) => {
    scripted.now = found
    expect(await watch.intact()).toBe(false)
    expect(watch.trusted).toBe(false)
    await watch.ensure()
    expect(watch.trusted).toBe(true)
    expect(await watch.intact()).toBe(true)
  })

  it('that were replaced are made again by T3, those that are only missing just made', async () => {
    scripted.now = { work: state('b', 1), events: state('b', 1) }
    await watch.ensure()
    expect(scripted.asked).toEqual(['ensure', 'ensure', 'recreate', 'ensure'])
  })

  it('are trusted for one connection: after a reconnect they are looked at first', async () => {
    expect(watch.trusted).toBe(true)
    scripted.link.connected = false
    expect(watch.trusted).toBe(false)
    scripted.link.connected = true
    scripted.link.since = 20
    expect(watch.trusted).toBe(false)
    await watch.intact()
    expect(watch.trusted).toBe(true)
  })

  it('are not trusted by a look that began before the connection broke', async () => {
    let answer = (): void => {}
    scripted.reading = new Promise((resolve) => {
      answer = resolve
    })
    const look = watch.intact()
    scripted.link.since = 20
    answer()
    expect(await look).toBe(true)
    expect(watch.trusted).toBe(false)
  })
})

it('streams that were never taken are nobody’s loss', async () => {
  const scripted = new Scripted()
  const watch = new StreamWatch(scripted.streams(), scripted.link)
  expect(await watch.intact()).toBe(true)
  expect(watch.trusted).toBe(false)
})
