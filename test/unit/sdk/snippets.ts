// What the documentation shows, and what the compiler must refuse: nothing here runs, `npm run
// typecheck` reads it like any other file.

import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../sdks/typescript/src/index.ts'
import { runHandler } from '../../../sdks/typescript/src/testing.ts'
import {
  type HandlerContext,
  handle,
  Permanent,
  RetryAfter,
  type runWorker,
  Snooze,
} from '../../../sdks/typescript/src/worker.ts'

const sendEmail = defineJob({
  type: 'email.send',
  version: '1',
  input: z.object({ to: z.email() }),
  output: z.object({ id: z.string() }),
})

interface Database {
  insert(row: string): Promise<string>
  end(): Promise<void>
}
declare function open(): Promise<Database>

export async function asDocumented(run: typeof runWorker): Promise<void> {
  await run({
    queues: ['default'],
    slots: 10,
    deps: async () => {
      const db = await open()
      return { value: { db }, close: () => db.end() }
    },
    handlers: [
      handle(sendEmail, async (input, ctx) => {
        expectTypeOf(input).toEqualTypeOf<{ to: string }>()
        expectTypeOf(ctx.signal).toEqualTypeOf<AbortSignal>()
        expectTypeOf(ctx.epoch).toEqualTypeOf<number>()
        expectTypeOf(ctx.deadline).toEqualTypeOf<Date>()
        ctx.log.info({ to: input.to }, 'sending')
        await ctx.progress(40, 'half way')
        if (ctx.attempt > 3) throw new Permanent('gives up', { code: 'TooOften' })
        if (input.to === 'busy@a.example') throw new RetryAfter(30_000)
        if (input.to === 'early@a.example') throw new Snooze(60_000)
        return { id: await ctx.deps.db.insert(input.to) }
      }),
    ],
  })
  await run({
    deps: async () => ({ value: { db: await open() } }),
    handlers: (handle) => [
      handle(sendEmail, async (input, ctx) => {
        expectTypeOf(ctx.deps).toEqualTypeOf<{ db: Database }>()
        // @ts-expect-error no such dependency
        ctx.deps.cache
        return { id: await ctx.deps.db.insert(input.to) }
      }),
    ],
  })
}

type NeedsDb = HandlerContext<{ db: Database }>
const needsDb = handle(sendEmail, async ({ to }, ctx: NeedsDb) => ({
  id: await ctx.deps.db.insert(to),
}))

export async function whatTheCompilerRefuses(run: typeof runWorker): Promise<void> {
  // @ts-expect-error the handler needs deps
  await run({ handlers: [needsDb] })
  // @ts-expect-error deps are not those that the handler needs
  await run({ deps: () => ({ value: { db: 'text' } }), handlers: [needsDb] })
  // @ts-expect-error the result has no id
  handle(sendEmail, async () => ({ name: 'x' }))
  // @ts-expect-error the input has no field of this name
  handle(sendEmail, async (input) => ({ id: input.from }))
  // @ts-expect-error a version is missing
  defineJob({ type: 'a', input: z.void(), output: z.void() })
  // @ts-expect-error slots are a number
  await run({ slots: '10', handlers: [handle(sendEmail, async () => ({ id: '1' }))] })
  // @ts-expect-error the handler needs deps
  await runHandler(needsDb, { to: 'a@b.example' })
  const ran = await runHandler(needsDb, { to: 'x' }, { deps: { db: await open() } })
  expectTypeOf(ran.result).toEqualTypeOf<{ id: string } | undefined>()
}
