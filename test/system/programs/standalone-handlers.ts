// The handlers of the standalone suite: a module for `--handlers`.

import { z } from 'zod'
import { handle } from '../../../sdks/typescript/src/worker.ts'
import { defineJob } from '../../../src/core/definition.ts'

const greet = defineJob({
  type: 'greet',
  version: '1',
  input: z.object({ name: z.string() }),
  output: z.object({ text: z.string() }),
})

export const deps = () => ({ value: { greeting: 'hello' } })

export const handlers = [
  handle(greet, ({ name }, ctx: { readonly deps: { readonly greeting: string } }) => ({
    text: `${ctx.deps.greeting} ${name}`,
  })),
]
