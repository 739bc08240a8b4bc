// A worker program as its author would write it, for the tests of `runWorker` as a process.

import { z } from 'zod'
import { defineJob } from '../../../../sdks/typescript/src/index.ts'
import { handle, runWorker } from '../../../../sdks/typescript/src/worker.ts'

const job = defineJob({
  type: 'test.job',
  version: '1',
  input: z.object({ ms: z.number(), stubborn: z.boolean().default(false) }),
  output: z.string(),
})

await runWorker({
  slots: 3,
  logLevel: 'silent',
  httpPort: 0,
  deps: () => ({ value: null, close: () => console.log('closed') }),
  handlers: [
    handle(job, ({ ms, stubborn }, { signal }) => {
      return new Promise((resolve, reject) => {
        // Keeps the process from ending, as a handler that waits for its own sockets does.
        setTimeout(() => resolve('done'), ms)
        if (!stubborn) signal.addEventListener('abort', () => reject(signal.reason))
      })
    }),
  ],
})
console.log('resolved')
