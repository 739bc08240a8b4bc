// `@gopherqueue/sdk/testing`: handlers tried without a queue.

import { AssertionError } from 'node:assert'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../sdks/typescript/src/index.ts'
import { assertIdempotent, FakeClock, runHandler } from '../../../sdks/typescript/src/testing.ts'
import type { HandlerContext } from '../../../src/worker/handler.ts'
import { handle } from '../../../src/worker/handler.ts'
import { AttemptAborted, Permanent, RetryAfter, Snooze } from '../../../src/worker/verdicts.ts'

const sendEmail = defineJob({
  type: 'email.send',
  version: '1',
  input: z.object({ to: z.email(), copies: z.int().default(1) }),
  output: z.object({ id: z.string(), at: z.string().default('now') }),
})

const hang = (_: unknown, ctx: HandlerContext): Promise<never> =>
  new Promise((_resolve, reject) => {
    ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
  })

describe('runHandler', () => {
  it('gives the input as a worker would, and the result as one who waits gets it', async () => {
    const handler = handle(sendEmail, async ({ to, copies }) => ({ id: `${to} × ${copies}` }))
    const run = await runHandler(handler, { to: 'a@b.example' })
    expect(run).toMatchObject({
      outcome: 'succeeded',
      result: { id: 'a@b.example × 1', at: 'now' },
      error: null,
    })
  })

  it('refuses an input that does not fit, with its path', async () => {
    const handler = handle(sendEmail, async () => ({ id: 'x' }))
    const run = await runHandler(handler, { to: 'nobody' })
    expect(run).toMatchObject({
      outcome: 'failed',
      result: undefined,
      error: { category: 'Permanent', code: 'InvalidPayload' },
    })
    expect(run.error?.message).toContain(' at to: ')
  })

  it.each([
    [
      new Permanent('no', { code: 'Nope' }),
      { outcome: 'failed', error: { code: 'Nope' }, delayMs: null },
    ],
    [
      new RetryAfter(5_000),
      { outcome: 'failed', error: { category: 'Temporary' }, delayMs: 5_000 },
    ],
    [new Snooze(60_000), { outcome: 'snoozed', error: null, delayMs: 60_000 }],
    ['text', { outcome: 'failed', error: { code: 'NotAnError', message: 'text' } }],
  ])('tells what throwing %s means', async (thrown, want) => {
    const handler = handle(sendEmail, async () => {
      throw thrown
    })
    expect(await runHandler(handler, { to: 'a@b.example' })).toMatchObject(want)
  })

  it('hands over dependencies, attempt, epoch and the rest of the context', async () => {
    const handler = handle(sendEmail, async (_, ctx: HandlerContext<{ prefix: string }>) => ({
      id: [ctx.deps.prefix, ctx.attempt, ctx.epoch, ctx.job.name, ctx.maxAttempts].join(' '),
    }))
    const run = await runHandler(
      handler,
      { to: 'a@b.example' },
      { deps: { prefix: 'p' }, attempt: 2, epoch: 9, name: 'n', maxAttempts: 5 },
    )
    expect(run.result?.id).toBe('p 2 9 n 5')
  })

  it('keeps progress and log lines', async () => {
    const handler = handle(sendEmail, async (_, ctx) => {
      ctx.log.info({ step: 1 }, 'half way')
      await ctx.progress(50, 'half way')
      return { id: 'x' }
    })
    const run = await runHandler(handler, { to: 'a@b.example' })
    expect(run.progress).toEqual([{ percent: 50, message: 'half way' }])
    expect(run.logs).toMatchObject([{ step: 1, msg: 'half way' }])
  })

  it('lets the deadline pass on a clock that is moved', async () => {
    const clock = new FakeClock()
    const running = runHandler(
      handle(sendEmail, hang),
      { to: 'a@b.example' },
      { clock, timeoutMs: 60_000 },
    )
    await clock.advanceAsync(59_999)
    await clock.advanceAsync(1)
    expect(await running).toMatchObject({ outcome: 'timed-out', error: { code: 'AttemptTimeout' } })
  })

  it('aborts as cancelled, or for the reason that it is given', async () => {
    const outcomeOf = async (reason?: unknown) => {
      const controller = new AbortController()
      const running = runHandler(
        handle(sendEmail, hang),
        { to: 'a@b.example' },
        { signal: controller.signal },
      )
      controller.abort(reason)
      return (await running).outcome
    }
    expect(await outcomeOf()).toBe('cancelled')
    expect(await outcomeOf(new AttemptAborted('drain', 'bye'))).toBe('handed-back')
    expect(await outcomeOf(new AttemptAborted('timeout', 'bye'))).toBe('timed-out')
  })

  it('an aborted signal aborts at once', async () => {
    const run = await runHandler(
      handle(sendEmail, hang),
      { to: 'a@b.example' },
      { signal: AbortSignal.abort() },
    )
    expect(run.outcome).toBe('cancelled')
  })

  it('refuses an input that no client could send', async () => {
    const handler = handle(sendEmail, async () => ({ id: 'x' }))
    const input = { to: 1n } as never
    await expect(runHandler(handler, input)).rejects.toMatchObject({ code: 'InvalidPayload' })
  })
})

describe('assertIdempotent', () => {
  const charge = defineJob({
    type: 'payment.charge',
    version: '1',
    input: z.object({ order: z.string() }),
    output: z.object({ charge: z.string() }),
  })

  /** A provider that keeps its promises when it is given a key. */
  class Provider {
    readonly charges: string[] = []
    readonly #byKey = new Map<string, string>()

    charge(order: string, key: string | null): string {
      const known = key === null ? undefined : this.#byKey.get(key)
      if (known !== undefined) return known
      const id = `charge-${this.charges.push(order)}`
      if (key !== null) this.#byKey.set(key, id)
      return id
    }
  }

  const check = (keyOf: (ctx: HandlerContext<Provider>) => string | null) => {
    const deps = new Provider()
    const handler = handle(charge, async ({ order }, ctx: HandlerContext<Provider>) => ({
      charge: ctx.deps.charge(order, keyOf(ctx)),
    }))
    return assertIdempotent(handler, { order: 'o-1' }, { deps, effects: () => deps.charges })
  }

  it('accepts a handler whose effect happens once', async () => {
    await check((ctx) => ctx.fence.idempotencyKey('job'))
  })

  it('refuses one that charges again', async () => {
    await expect(check(() => null)).rejects.toThrow(AssertionError)
    await expect(check(() => null)).rejects.toThrow('the second run had effects of its own')
  })

  it('refuses one whose key changes with each attempt', async () => {
    await expect(check((ctx) => ctx.fence.idempotencyKey())).rejects.toThrow('effects of its own')
  })

  it('refuses one that does not succeed in the first place, and says why', async () => {
    const handler = handle(charge, async () => {
      throw new Permanent('card declined')
    })
    await expect(assertIdempotent(handler, { order: 'o' }, { effects: () => 0 })).rejects.toThrow(
      'the first run ended failed: card declined',
    )
  })

  it('refuses one that lets a late attempt overwrite a newer one', async () => {
    const ledger: number[] = []
    let highest = 0
    const late = handle(charge, async (_, ctx) => {
      if (ctx.epoch < highest) ledger.push(ctx.epoch)
      highest = Math.max(highest, ctx.epoch)
      return { charge: 'c' }
    })
    await expect(assertIdempotent(late, { order: 'o' }, { effects: () => ledger })).rejects.toThrow(
      'a late run with the older epoch had effects of its own',
    )
  })

  it('accepts one whose fence refuses the late attempt', async () => {
    let highest = 0
    const fenced = handle(charge, async (_, ctx) => {
      if (ctx.epoch < highest) throw new Permanent('a newer attempt was here')
      highest = ctx.epoch
      return { charge: 'c' }
    })
    await assertIdempotent(fenced, { order: 'o' }, { effects: () => 'nothing else' })
  })
})
