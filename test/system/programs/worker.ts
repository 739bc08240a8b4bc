// The worker of the system suites. Every start and end of a handler is one appended line in the file
// EFFECTS: the ledger that the suites count. What a handler does is in the payload.

import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import {
  type HandlerContext,
  handle,
  Permanent,
  runWorker,
} from '../../../sdks/typescript/src/worker.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { ODD } from './odd-handlers.ts'

const effects = process.env.EFFECTS ?? ''
const me = process.env.GOPHERQUEUE_WORKER_ID ?? String(process.pid)

const Input = z
  .object({
    /** How long it runs. */
    ms: z.number().default(0),
    /** The first attempts fail. */
    failures: z.number().default(0),
    permanent: z.boolean().default(false),
    /** Ignores its signal. */
    stubborn: z.boolean().default(false),
    result: z.unknown().optional(),
    /** Ends as `odd-handlers.ts` says. */
    odd: z.enum(Object.keys(ODD)).optional(),
    /** Progress that is nobody's idea of it. */
    oddProgress: z.boolean().default(false),
  })
  .nullish()

async function tellOddly(ctx: HandlerContext): Promise<void> {
  for (const percent of [Number.NaN, -1, 1e300, 50.5, '7' as unknown as number]) {
    await ctx.progress(percent, `\u001b[31m${'x'.repeat(1_000_000)}\n`)
  }
}

const types = (process.env.TYPES ?? 'work').split(',')

await runWorker({
  handlers: types.map((type) =>
    handle(
      defineJob({ type, version: '1', input: Input, output: z.unknown() }),
      async (input, ctx) => {
        const record = (what: string) =>
          appendFileSync(
            effects,
            `${JSON.stringify({ what, name: ctx.job.name, uid: ctx.job.uid, epoch: ctx.epoch, attempt: ctx.attempt, worker: me, at: Date.now() })}\n`,
          )
        record('start')
        const { ms = 0, failures = 0, permanent = false, stubborn = false, result } = input ?? {}
        if (input?.oddProgress) await tellOddly(ctx)
        try {
          if (ms > 0) await sleep(ms, undefined, stubborn ? {} : { signal: ctx.signal })
        } catch (error) {
          record('abort')
          throw error
        }
        if (permanent) throw new Permanent('asked to fail for good', { code: 'asked' })
        if (ctx.attempt <= failures) throw new Error(`asked to fail in attempt ${ctx.attempt}`)
        record('end')
        if (input?.odd !== undefined) return ODD[input.odd]?.run()
        return result ?? null
      },
    ),
  ),
})
