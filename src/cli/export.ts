/**
 * `gq export`: manifests that can be created again, on this cluster or another (job-model.md section 5).
 * Creating an object drops its status, so everything that the status said and that matters is said by
 * the spec:
 *
 *   a job that has ended          `suspend: true`: it would run again
 *   a delay that is running       `startAfter`: it would begin anew; one that is over is left out
 *   a dependency that is met      left out: it comes back suspended, and nobody would ever meet it
 *
 * A job that runs is exported as one that waits. Left out are uid, versions, owners and what tools and
 * the client noted about this very object.
 */
import { API_VERSION, SUBMISSION_ANNOTATION, TERMINAL_PHASES } from '../api/conditions.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import type { RawObject } from '../kube/objects.ts'
import { EXIT, UsageError } from './exit.ts'
import { listAt, numberAt, recordAt, textAt } from './fields.ts'
import type { Given } from './given.ts'
import { matchingJobs } from './jobs.ts'
import type { Context } from './ports.ts'
import { jsonText, yamlText } from './print.ts'
import { type Selection, selectionOf } from './selection.ts'

export async function exportJobs(context: Context, given: Given): Promise<number> {
  const { clock, zone, output, signal } = context
  const form = given.text('output') ?? 'yaml'
  if (form !== 'yaml' && form !== 'json') {
    throw new UsageError(`--output ${JSON.stringify(form)}: manifests are yaml or json`)
  }
  const selection = selectionOf(given, clock.now(), zone)
  const cluster = await context.cluster()
  const namespace = given.on('all-namespaces') ? '' : cluster.namespace
  const met = await endedJobs(context, namespace)
  let written = 0
  for await (const page of matchingJobs(context, namespace, selection, signal)) {
    for (const job of page) {
      const manifest = manifestOf(job, { now: clock.now(), met })
      await output.write(form === 'yaml' ? `---\n${yamlText(manifest)}` : `${jsonText(manifest)}\n`)
      written++
    }
  }
  output.note(`${written} jobs were exported; read them back with: kubectl create -f FILE\n`)
  return EXIT.done
}

/** How a job ended, by `namespace/name`; a job that is not here has not. */
export type Ended = ReadonlyMap<string, 'Succeeded' | 'Finished'>

/** Whether a dependency is met stands on another job, which the selection may not hold. */
async function endedJobs(context: Context, namespace: string): Promise<Ended> {
  const selection: Selection = { phases: [...TERMINAL_PHASES], labels: '' }
  const ended = new Map<string, 'Succeeded' | 'Finished'>()
  for await (const page of matchingJobs(context, namespace, selection, context.signal)) {
    for (const { raw, meta } of page) {
      const succeeded = textAt(recordAt(raw, 'status'), 'phase') === 'Completed'
      ended.set(`${meta.namespace}/${meta.name}`, succeeded ? 'Succeeded' : 'Finished')
    }
  }
  return ended
}

export interface ExportFacts {
  readonly now: WallMs
  readonly met: Ended
}

export function manifestOf(job: StoredObject, facts: ExportFacts): RawObject {
  const { raw, meta } = job
  const phase = textAt(recordAt(raw, 'status'), 'phase')
  const spec = { ...recordAt(raw, 'spec') }
  const ended = (TERMINAL_PHASES as readonly string[]).includes(phase)
  const labels = recordAt(raw, 'metadata', 'labels')
  const annotations = Object.fromEntries(
    Object.entries(recordAt(raw, 'metadata', 'annotations')).filter(([key]) => !NOTED.has(key)),
  )
  return {
    apiVersion: API_VERSION,
    kind: job.kind,
    metadata: {
      name: meta.name,
      namespace: meta.namespace,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: ended ? { ...spec, suspend: true } : unended(job, spec, facts),
  }
}

/** About this very object; would be wrong on another. */
const NOTED: ReadonlySet<string> = new Set([
  SUBMISSION_ANNOTATION,
  'kubectl.kubernetes.io/last-applied-configuration',
])

function unended({ meta }: StoredObject, spec: RawObject, { now, met }: ExportFacts): RawObject {
  const { delaySeconds, dependsOn, ...rest } = spec
  const due = meta.creationMs + numberAt(spec, 'delaySeconds') * 1000
  const open = listAt(spec, 'dependsOn').filter((each) => {
    const end = met.get(`${meta.namespace}/${textAt(each, 'name')}`)
    return end === undefined || (end === 'Finished' && textAt(each, 'when') !== 'Finished')
  })
  return {
    ...rest,
    ...(delaySeconds !== undefined && due > now ? { startAfter: rfc3339(due) } : {}),
    ...(dependsOn !== undefined && open.length > 0 ? { dependsOn: open } : {}),
  }
}
