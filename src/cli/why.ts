/**
 * `gq why`: one sentence that says why a job stands where it stands, and what would change it. Of a job
 * that waits it is computed from the objects (`client/explain.ts`), so it depends neither on what the
 * operator wrote nor on one that runs.
 */
import { adviceFor } from '../api/reasons.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import { jobView } from '../kube/client-views.ts'
import { EXIT } from './exit.ts'
import type { Given } from './given.ts'
import { notFound } from './near.ts'
import type { Context } from './ports.ts'
import { printable } from './table.ts'

export async function whyJobs(context: Context, given: Given): Promise<number> {
  const { output, signal } = context
  const { namespace, objects } = await context.cluster()
  const names = [...new Set(given.args)]
  for (const name of names) {
    const key = { namespace, name }
    const job = await objects.get('QueueJob', key, signal)
    if (job === null) throw await notFound(context, 'QueueJob', key)
    const said = writtenReason(job)
    await output.write(`${printable(`${name} is ${said}`)}\n`)
  }
  return EXIT.done
}

/** What the status says, for a job that runs or has ended. */
function writtenReason(job: StoredObject): string {
  const { namespace, name, queue, type, status } = jobView(job.raw, job.meta)
  const { phase, reason, message } = status
  const advice = adviceFor(reason, { namespace, job: name, queue, type })
  const named = reason === '' || reason === phase ? phase : `${phase} (${reason})`
  return [`${named}${message === '' ? '' : `: ${message}`}`, advice]
    .filter((part) => part !== '' && part !== 'nothing')
    .join('; ')
}
