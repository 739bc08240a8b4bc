/**
 * `gq why`: one sentence that says why a job stands where it stands, and what would change it. It is
 * computed from the objects (`client/explain.ts`), so it depends neither on what the operator wrote nor
 * on one that runs.
 */
import { explain } from '../client/explain.ts'
import type { Explanation } from '../core/explanation.ts'
import { evidenceFrom } from '../kube/client-evidence.ts'
import { escapeControls } from '../observability/log.ts'
import { EXIT } from './exit.ts'
import type { Given } from './given.ts'
import { notFound } from './near.ts'
import type { Context } from './ports.ts'

export async function whyJobs(context: Context, given: Given): Promise<number> {
  const { output, signal, clock } = context
  const { namespace, objects } = await context.cluster()
  const evidence = evidenceFrom(objects)
  const names = [...new Set(given.args)]
  for (const name of names) {
    const key = { namespace, name }
    const explained = await explain(evidence, key, () => clock.now(), signal)
    if (explained === null) throw await notFound(context, 'QueueJob', key)
    await output.write(`${escapeControls(`${name} is ${textOf(explained)}`)}\n`)
  }
  return EXIT.done
}

function textOf({ phase, reason, message, advice }: Explanation): string {
  const named = reason === phase ? phase : `${phase} (${reason})`
  return [`${named}: ${message}`, advice]
    .filter((part) => part !== '' && part !== 'nothing')
    .join('; ')
}
