// Objects that tests of the client need.

import { z } from 'zod'
import type { JobView, StatusView } from '../../../src/client/ports.ts'
import { defineJob } from '../../../src/core/definition.ts'
import { PENDING } from './fake-cluster.ts'

export const sendEmail = defineJob({
  type: 'email.send',
  version: '1',
  input: z.object({ to: z.email() }),
  output: z.object({ id: z.string() }),
})

export function jobWith(status: Partial<StatusView> = {}, fields: Partial<JobView> = {}): JobView {
  return {
    namespace: 'shop',
    name: 'email-1',
    uid: 'uid-1',
    resourceVersion: '7',
    createdMs: Date.UTC(2026, 0, 1),
    submission: '',
    queue: 'default',
    type: 'email.send',
    priority: 'Normal',
    ...fields,
    status: { ...PENDING, ...status },
  }
}

/** The error that `run` ends with. */
export async function errorOf(run: () => unknown): Promise<unknown> {
  try {
    await run()
  } catch (error) {
    return error
  }
  throw new Error('there was no error')
}
