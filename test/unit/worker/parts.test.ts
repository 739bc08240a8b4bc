// The smaller parts of the worker: registry, fence, progress, epochs, outbox, contact watch.

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../src/core/definition.ts'
import { GopherQueueError } from '../../../src/core/errors.ts'
import { allShards, jobUid } from '../../../src/core/ids.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { Epochs } from '../../../src/worker/epochs.ts'
import { fenceOf } from '../../../src/worker/fence.ts'
import { handle } from '../../../src/worker/handler.ts'
import { KEEP_BYTES, KEEP_MAX, Outbox } from '../../../src/worker/outbox.ts'
import { Progress } from '../../../src/worker/progress.ts'
import { registryOf } from '../../../src/worker/registry.ts'
import { epoch, itemOf, TERM, UID } from './world.ts'

function refusal(run: () => unknown): GopherQueueError {
  try {
    run()
  } catch (error) {
    if (error instanceof GopherQueueError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('the registry', () => {
  const handlerOf = (type: string, version: string, input: z.ZodType = z.unknown()) =>
    handle(defineJob({ type, version, input, output: z.unknown() }), () => null)

  it('finds the version that is asked for, and the last registered one for any', () => {
    const [one, two] = [handlerOf('a', '1'), handlerOf('a', '2')]
    const registry = registryOf([one, two, handlerOf('b', '1')])
    expect(registry.find('a', '1')).toBe(one)
    expect(registry.find('a', '')).toBe(two)
    expect(registry.find('a', '3')).toBeNull()
    expect(registry.find('c', '')).toBeNull()
  })

  it('refuses none, and two for one type and version, by name', () => {
    expect(refusal(() => registryOf([]))).toMatchObject({ code: 'InvalidConfiguration' })
    const twice = () => registryOf([handlerOf('a.b', '1'), handlerOf('a.b', '1')])
    expect(refusal(twice).message).toContain('a.b version 1')
  })

  it('refuses more handlers than a heartbeat holds', () => {
    const many = Array.from({ length: 1_001 }, (_, i) => handlerOf(`t${i}`, '1'))
    expect(refusal(() => registryOf(many)).message).toContain('1001')
  })

  it('offers a digest that tells two input schemas apart and is stable for one', () => {
    const digest = (input: z.ZodType) =>
      registryOf([handlerOf('a', '1', input)]).offers[0]?.inputDigest
    const text = digest(z.object({ to: z.string() }))
    expect(text).toMatch(/^[0-9a-f]{32}$/)
    expect(digest(z.object({ to: z.string() }))).toBe(text)
    expect(digest(z.object({ to: z.number() }))).not.toBe(text)
  })

  it('offers no digest for a schema without a JSON form', () => {
    const foreign = { safeParse: () => ({ success: true }) } as unknown as z.ZodType
    expect(registryOf([handlerOf('a', '1', foreign)]).offers[0]?.inputDigest).toBe('')
  })
})

describe('the fence', () => {
  const fence = fenceOf({ uid: 'u-1', epoch: 42, runId: 'r-1' })

  it('makes a statement that lets the newest epoch in', () => {
    expect(fence.sql('shop.job_fence', 'order-7')).toEqual({
      text:
        'insert into "shop"."job_fence" as fence (key, epoch) values ($1, $2) ' +
        'on conflict (key) do update set epoch = excluded.epoch ' +
        'where fence.epoch <= excluded.epoch returning epoch',
      values: ['order-7', 42],
    })
  })

  it.each(['', 'a b', 'a;drop table x', 'a.b.c', '"a"', "a'", '1a'])(
    'refuses the table %j',
    (table) => {
      expect(refusal(() => fence.sql(table, 'k'))).toMatchObject({ code: 'InvalidFence' })
    },
  )

  it('makes keys for an attempt and for all attempts of a run', () => {
    expect(fence.idempotencyKey()).toBe('u-1.42')
    expect(fence.idempotencyKey('job')).toBe('u-1.r-1')
  })
})

describe('progress', () => {
  function watched() {
    const clock = new VirtualClock()
    const notes: [number, string][] = []
    const progress = new Progress({
      clock,
      redact: (text) => text.replaceAll('secret', '[redacted]'),
      send: (percent, message) => notes.push([percent, message]),
    })
    return { clock, notes, progress }
  }

  it('is sent at once, then at most once a second with the newest state', () => {
    const { clock, notes, progress } = watched()
    for (let i = 0; i < 10_000; i++) progress.report(i / 100, `step ${i}`)
    expect(notes).toEqual([[0, 'step 0']])
    clock.advance(1_000)
    expect(notes).toEqual([
      [0, 'step 0'],
      [100, 'step 9999'],
    ])
    clock.advance(60_000)
    expect(notes).toHaveLength(2)
    progress.report(100, 'done')
    expect(notes).toHaveLength(3)
  })

  it('is a whole percent and one bounded, redacted line', () => {
    const { clock, notes, progress } = watched()
    for (const percent of [-3, 41.6, 1e9, Number.NaN]) {
      progress.report(percent, `a\nsecret ${'x'.repeat(600)}`)
      clock.advance(1_000)
    }
    expect(notes.map(([percent]) => percent)).toEqual([0, 42, 100, 0])
    expect(notes[0]?.[1]).toMatch(/^a \[redacted\] x+…$/)
    expect(notes[0]?.[1]).toHaveLength(512)
  })

  it('is a sign of life, also while nothing is sent', () => {
    const { clock, progress } = watched()
    progress.report(1, '')
    clock.advance(500)
    progress.report(2, '')
    expect(progress.lastSignAt).toBe(500)
  })

  it('after the end sends nothing and keeps no timer', () => {
    const { clock, notes, progress } = watched()
    progress.report(1, 'a')
    progress.report(2, 'b')
    progress.close()
    progress.report(3, 'c')
    clock.advance(10_000)
    expect(notes).toEqual([[1, 'a']])
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('what a worker remembers of epochs', () => {
  it('is the highest of each job, the newest jobs first when there are too many', () => {
    const epochs = new Epochs(2)
    epochs.take(jobUid('a'), 5)
    epochs.take(jobUid('a'), 3)
    epochs.take(jobUid('b'), 1)
    epochs.take(jobUid('a'), 6)
    epochs.take(jobUid('c'), 1)
    expect(['a', 'b', 'c'].map((uid) => epochs.taken(jobUid(uid)))).toEqual([6, 0, 1])
  })

  it('of terms is one for each shard, and never falls', () => {
    const epochs = new Epochs()
    const [first, second] = allShards
    if (first === undefined || second === undefined) throw new Error('no shards')
    expect(epochs.announce(first, 3)).toBe(true)
    expect(epochs.announce(first, 2)).toBe(false)
    expect(epochs.announce(16, 9)).toBe(false)
    expect([epochs.announced(first), epochs.announced(second)]).toEqual([3, 0])
  })
})

describe('the outbox', () => {
  /** The stream never confirms it. */
  const REFUSED = epoch(1, TERM + 1)

  function outbox() {
    const clock = new VirtualClock()
    const sent: string[] = []
    const box = new Outbox({
      clock,
      random: new SeededRandom(1),
      observer: { unconfirmed: () => undefined },
      sink: {
        publish: async ({ uid, epoch: at }, resend) => {
          sent.push(`${uid}.${at}.${resend}`)
          return at !== REFUSED
        },
        note: () => undefined,
      },
    })
    const ended = { outcome: { kind: 'handed-back' }, startedAt: null, endedAt: 0 } as const
    return { clock, sent, box, ended }
  }

  it('ignores a second report of an attempt (O7)', async () => {
    const { box, sent, ended } = outbox()
    expect(await box.report(itemOf(), ended)).toBe(true)
    expect(await box.report(itemOf(), { ...ended, outcome: { kind: 'cancelled' } })).toBe(false)
    expect(sent).toHaveLength(1)
  })

  it('keeps a bounded number of confirmed outcomes, the newest', async () => {
    const { box, sent, ended } = outbox()
    for (let i = 0; i <= KEEP_MAX; i++) await box.report(itemOf({ epoch: epoch(i + 1) }), ended)
    sent.length = 0
    await box.resend(UID, epoch(1))
    await box.resend(UID, epoch(KEEP_MAX + 1))
    expect(sent).toEqual([`${UID}.${epoch(KEEP_MAX + 1)}.1`])
  })

  it('forgets what was confirmed long ago, also behind one that is not confirmed', async () => {
    const { clock, box, ended } = outbox()
    void box.report(itemOf({ epoch: REFUSED }), ended)
    await box.report(itemOf({ epoch: epoch(1) }), ended)
    await clock.advanceAsync(120_000)
    expect(box.finished(9).map(({ key }) => key.epoch)).toEqual([REFUSED])
    box.close()
  })

  it('keeps no more than 32 MiB of results', async () => {
    const { box, sent } = outbox()
    const outcome = { kind: 'succeeded', resultJson: 'x'.repeat(16_384) } as const
    const many = KEEP_BYTES / 16_384 + 1
    for (let i = 1; i <= many; i++) {
      await box.report(itemOf({ epoch: epoch(i) }), { outcome, startedAt: 0, endedAt: 0 })
    }
    sent.length = 0
    for (const at of [1, 2, many]) await box.resend(UID, epoch(at))
    expect(sent).toEqual([`${UID}.${epoch(2)}.1`, `${UID}.${epoch(many)}.1`])
  })

  it('lists all that is unconfirmed and so many of the newest confirmed', async () => {
    const { box, ended } = outbox()
    for (let i = 1; i <= 5; i++) await box.report(itemOf({ epoch: epoch(i) }), ended)
    expect(box.finished(2).map(({ key }) => key.epoch)).toEqual([epoch(4), epoch(5)])
    expect(box.finished(9)).toHaveLength(5)
  })
})
