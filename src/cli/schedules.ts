/**
 * `gq schedule …`: when schedules fire, and one run now. Suspending is a field of the spec, so it is
 * written there; a schedule that a GitOps tool manages is set back by it, and `gq` says so.
 */
import { GITOPS_MARKS } from '../api/conditions.ts'
import type { WallMs } from '../core/clock.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import { type Ask, actionOf, carryOut } from './acts.ts'
import { inParallel } from './bounded.ts'
import { EXIT } from './exit.ts'
import { flagAt, recordAt, textAt, timeAt } from './fields.ts'
import type { Given } from './given.ts'
import { notFound } from './near.ts'
import type { Context } from './ports.ts'
import { formOf, nameText, Printer } from './print.ts'
import { type Column, printable } from './table.ts'
import { timeText } from './times.ts'
import { ageText } from './values.ts'

type Row = ReturnType<typeof scheduleRow>

function scheduleRow({ raw, meta }: StoredObject) {
  const spec = recordAt(raw, 'spec')
  const status = recordAt(raw, 'status')
  return {
    namespace: meta.namespace,
    name: meta.name,
    createdMs: meta.creationMs,
    schedule: textAt(spec, 'schedule'),
    zone: textAt(spec, 'timeZone') || 'Etc/UTC',
    suspended: flagAt(spec, 'suspend'),
    active: Array.isArray(status.active) ? status.active.length : 0,
    lastMs: timeAt(status, 'lastTickTime'),
    nextMs: timeAt(status, 'nextTickTime'),
  }
}

function columnsOf(now: WallMs, zone: string, namespaces: boolean): readonly Column<Row>[] {
  const at = (ms: number | null) => (ms === null ? '' : timeText(ms, zone))
  return [
    ...(namespaces ? [{ name: 'NAMESPACE', value: (row: Row) => row.namespace }] : []),
    { name: 'NAME', value: (row) => row.name },
    { name: 'SCHEDULE', value: (row) => row.schedule },
    { name: 'TIMEZONE', value: (row) => row.zone },
    { name: 'SUSPENDED', value: (row) => (row.suspended ? 'yes' : 'no') },
    { name: 'ACTIVE', value: (row) => String(row.active) },
    { name: 'LAST', value: (row) => at(row.lastMs) },
    { name: 'NEXT', value: (row) => (row.suspended ? '' : at(row.nextMs)) },
    { name: 'AGE', value: (row) => ageText(now - row.createdMs), wide: true },
  ]
}

export async function listSchedules(context: Context, given: Given): Promise<number> {
  const { output, clock, zone, signal } = context
  const everywhere = given.on('all-namespaces')
  const { objects, namespace } = await context.cluster()
  const columns = columnsOf(clock.now(), zone, everywhere)
  const printer = new Printer(output, { form: formOf(given), columns, row: scheduleRow })
  for await (const page of objects.pages(
    'QueueSchedule',
    everywhere ? '' : namespace,
    {},
    signal,
  )) {
    await printer.page(page)
  }
  await printer.end()
  if (printer.printed === 0) {
    output.note(`no schedule ${everywhere ? 'in any namespace' : `in namespace ${namespace}`}\n`)
  }
  return EXIT.done
}

export async function runSchedules(context: Context, given: Given): Promise<number> {
  const cluster = await context.cluster()
  const { namespace } = cluster
  const schedules = await named(context, given)
  const asks = await inParallel(schedules, 8, async ({ meta: { name, uid } }): Promise<Ask> => {
    const target = { kind: 'QueueSchedule', name, uid } as const
    const spec = await actionOf(cluster, given, { action: 'Run', target })
    return { namespace, about: `schedule ${name}`, prefix: `run-${name}`, spec }
  })
  return carryOut(context, given, asks)
}

export const suspendSchedules = switchOf(true)
export const resumeSchedules = switchOf(false)

function switchOf(suspend: boolean) {
  return async (context: Context, given: Given): Promise<number> => {
    const { output, signal } = context
    const { objects } = await context.cluster()
    for (const schedule of await named(context, given)) {
      const { namespace, name } = schedule.meta
      const key = { namespace, name }
      const change = { spec: { suspend } }
      const changed = await objects.patch('QueueSchedule', key, change, signal)
      if (changed === null) throw await notFound(context, 'QueueSchedule', key)
      await output.write(`${nameText(changed)} ${suspend ? 'suspended' : 'resumed'}\n`)
      if (gitOps(changed)) {
        output.note(
          `${printable(`schedule ${name} is managed by a GitOps tool, which may set spec.suspend back: change it in its repository, too`)}\n`,
        )
      }
    }
    return EXIT.done
  }
}

async function named(context: Context, given: Given): Promise<readonly StoredObject[]> {
  const { objects, namespace } = await context.cluster()
  return inParallel([...new Set(given.args)], 8, async (name) => {
    const key = { namespace, name }
    const schedule = await objects.get('QueueSchedule', key, context.signal)
    if (schedule === null) throw await notFound(context, 'QueueSchedule', key)
    return schedule
  })
}

function gitOps({ meta: { labels, annotations } }: StoredObject): boolean {
  const { annotation, labels: marks, managedBy } = GITOPS_MARKS
  return (
    Object.hasOwn(annotations, annotation) ||
    marks.some((mark) => Object.hasOwn(labels, mark)) ||
    labels[managedBy.label] === managedBy.value
  )
}
