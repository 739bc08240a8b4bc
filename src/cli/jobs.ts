/** `gq list`: jobs as a table, as objects, or as names, page by page. */
import type { WallMs } from '../core/clock.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import { jobView } from '../kube/client-views.ts'
import { EXIT } from './exit.ts'
import type { Given } from './given.ts'
import type { Context } from './ports.ts'
import { formOf, Printer } from './print.ts'
import { matches, type Selection, selectionOf, selectorsOf } from './selection.ts'
import type { Column } from './table.ts'
import { timeText } from './times.ts'
import { ageText, countOf } from './values.ts'

export type JobRow = ReturnType<typeof jobRow>

export function jobRow({ raw, meta }: StoredObject) {
  return jobView(raw, meta)
}

export function jobColumns(
  now: WallMs,
  zone: string,
  namespaces: boolean,
): readonly Column<JobRow>[] {
  const at = (ms: number | null) => (ms === null ? '' : timeText(ms, zone))
  return [
    ...(namespaces ? [{ name: 'NAMESPACE', value: (job: JobRow) => job.namespace }] : []),
    { name: 'NAME', value: (job) => job.name },
    { name: 'QUEUE', value: (job) => job.queue },
    { name: 'TYPE', value: (job) => job.type },
    { name: 'PHASE', value: (job) => job.status.phase },
    {
      name: 'REASON',
      value: ({ status }) => (status.reason === status.phase ? '' : status.reason),
    },
    { name: 'ATTEMPT', value: (job) => String(job.status.attempts) },
    { name: 'AGE', value: (job) => ageText(now - job.createdMs) },
    { name: 'PRIORITY', value: (job) => job.priority, wide: true },
    { name: 'WORKER', value: (job) => job.status.worker, wide: true },
    { name: 'STARTED', value: (job) => at(job.status.startedMs), wide: true },
    { name: 'FINISHED', value: (job) => at(job.status.finishedMs), wide: true },
    { name: 'MESSAGE', value: (job) => job.status.message, wide: true },
  ]
}

export async function listJobs(context: Context, given: Given): Promise<number> {
  const { output, clock, zone, signal } = context
  const form = formOf(given)
  const limit = given.read('limit', countOf(1, 1_000_000_000)) ?? Number.POSITIVE_INFINITY
  const selection = selectionOf(given, clock.now(), zone)
  const everywhere = given.on('all-namespaces')
  const cluster = await context.cluster()
  const namespace = everywhere ? '' : cluster.namespace
  const columns = jobColumns(clock.now(), zone, everywhere)
  const printer = new Printer(output, { form, columns, row: jobRow })
  for await (const page of matchingJobs(context, namespace, selection, signal)) {
    await printer.page(page.slice(0, limit - printer.printed))
    if (printer.printed >= limit) break
  }
  await printer.end()
  if (printer.printed === 0) output.note(`${nothing(namespace, selection)}\n`)
  return EXIT.done
}

/** Pages of jobs that match; a page may be empty. */
export async function* matchingJobs(
  context: Context,
  namespace: string,
  selection: Selection,
  signal: AbortSignal,
): AsyncGenerator<readonly StoredObject[], void, void> {
  const { objects } = await context.cluster()
  for await (const page of objects.pages('QueueJob', namespace, selectorsOf(selection), signal)) {
    yield page.filter((object) => matches(selection, object))
  }
}

function nothing(namespace: string, { queue }: Selection): string {
  const where = namespace === '' ? 'in any namespace' : `in namespace ${namespace}`
  return `no job matches ${queue === undefined ? '' : `in queue ${queue} `}${where}`
}
