import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { machineMicros } from '../../../bench/same-clock.ts'
import { StartFeed } from '../../../bench/start-feed.ts'
import { realClock } from '../../../src/process/clock.ts'

const withinMs = 10_000

describe('the feed of handler starts', () => {
  let feed: StartFeed

  beforeEach(async () => {
    feed = await StartFeed.open()
  })
  afterEach(() => feed.close())

  async function tell(...lines: readonly object[]): Promise<void> {
    const socket = connect(feed.port, '127.0.0.1')
    socket.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    await once(socket, 'close')
  }

  it('keeps the time that the worker told', async () => {
    await tell({ number: 1, at: 1_000 }, { number: 2, at: 2_500 })
    expect(await feed.waitFor([1, 2], withinMs, realClock)).toEqual([])
    expect([1, 2, 3].map((number) => feed.startedAt(number))).toEqual([1_000, 2_500, undefined])
  })

  it('counts a job that is started twice by its first start', async () => {
    await tell({ number: 1, at: 1_000 }, { number: 1, at: 9_000 }, { number: 2, at: 9_500 })
    await feed.waitFor([2], withinMs, realClock)
    expect(feed.startedAt(1)).toBe(1_000)
  })

  it('hears several workers', async () => {
    await Promise.all([tell({ number: 1, at: 1 }), tell({ number: 2, at: 2 })])
    expect(await feed.waitFor([1, 2], withinMs, realClock)).toEqual([])
  })

  it('names the jobs that were not started in time', async () => {
    await tell({ number: 2, at: 1 })
    await feed.waitFor([2], withinMs, realClock)
    expect(await feed.waitFor([1, 2, 3], 0, realClock)).toEqual([1, 3])
  })
})

it('the clock that processes share goes forward in microseconds', () => {
  const before = machineMicros()
  const after = machineMicros()
  expect(Number.isSafeInteger(after)).toBe(true)
  expect(after).toBeGreaterThanOrEqual(before)
})
