/** `gq queue …`: how queues stand, and their switches. Every switch is an action of the caller's name. */
import type { WallMs } from '../core/clock.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import { type Ask, actionOf, carryOut } from './acts.ts'
import { inParallel } from './bounded.ts'
import { countJobs, stopUnlessMeant } from './bulk.ts'
import { EXIT, UsageError } from './exit.ts'
import { flagAt, listAt, numberAt, recordAt, textAt, timeAt } from './fields.ts'
import type { Given } from './given.ts'
import { notFound } from './near.ts'
import type { Context } from './ports.ts'
import { formOf, jsonText, Printer, printOne } from './print.ts'
import { type Column, printable } from './table.ts'
import { timeText } from './times.ts'
import { ageText, durationText } from './values.ts'

export interface QueueRow {
  readonly namespace: string
  readonly name: string
  readonly createdMs: WallMs
  readonly waiting: number
  readonly running: number
  readonly dead: number
  readonly oldestSeconds: number | null
  readonly workers: number
  readonly slots: number
  readonly free: number
  readonly startsPerMinute: number
  /** `spec`, `action`, `draining`; '' = not paused. */
  readonly paused: string
}

export function queueRow({ raw, meta }: StoredObject): QueueRow {
  const status = recordAt(raw, 'status')
  return {
    namespace: meta.namespace,
    name: meta.name,
    createdMs: meta.creationMs,
    waiting: numberAt(status, 'waiting'),
    running: numberAt(status, 'running'),
    dead: numberAt(status, 'deadLettered'),
    oldestSeconds: Object.hasOwn(status, 'oldestWaitingSeconds')
      ? numberAt(status, 'oldestWaitingSeconds')
      : null,
    workers: numberAt(status, 'workers'),
    slots: numberAt(status, 'slots'),
    free: numberAt(status, 'freeSlots'),
    startsPerMinute: numberAt(status, 'startsPerMinute'),
    paused: pausedBy(raw),
  }
}

function pausedBy(raw: StoredObject['raw']): string {
  const status = recordAt(raw, 'status')
  const byAction = Object.hasOwn(status, 'paused') && status.paused !== null
  const bySpec = flagAt(recordAt(raw, 'spec'), 'paused')
  if (!byAction) return bySpec ? 'spec' : ''
  return flagAt(recordAt(status, 'paused'), 'drain') ? 'draining' : 'action'
}

function queueColumns(now: WallMs, namespaces: boolean): readonly Column<QueueRow>[] {
  return [
    ...(namespaces ? [{ name: 'NAMESPACE', value: (row: QueueRow) => row.namespace }] : []),
    { name: 'NAME', value: (row) => row.name },
    { name: 'WAITING', value: (row) => String(row.waiting) },
    { name: 'RUNNING', value: (row) => String(row.running) },
    { name: 'DEAD', value: (row) => String(row.dead) },
    {
      name: 'OLDEST',
      value: ({ oldestSeconds }) => (oldestSeconds === null ? '' : ageText(oldestSeconds * 1000)),
    },
    { name: 'WORKERS', value: (row) => String(row.workers) },
    { name: 'PAUSED', value: (row) => row.paused || 'no' },
    { name: 'AGE', value: (row) => ageText(now - row.createdMs) },
    { name: 'SLOTS', value: (row) => `${row.free}/${row.slots} free`, wide: true },
    { name: 'STARTS/MIN', value: (row) => String(row.startsPerMinute), wide: true },
  ]
}

export async function listQueues(context: Context, given: Given): Promise<number> {
  const { output, clock, signal } = context
  const everywhere = given.on('all-namespaces')
  const { objects, namespace } = await context.cluster()
  const columns = queueColumns(clock.now(), everywhere)
  const printer = new Printer(output, { form: formOf(given), columns, row: queueRow })
  const selector = given.text('selector')
  const selectors = selector === undefined ? {} : { label: selector }
  const where = everywhere ? '' : namespace
  for await (const page of objects.pages('Queue', where, selectors, signal)) {
    await printer.page(page)
  }
  await printer.end()
  if (printer.printed === 0) {
    output.note(`no queue ${everywhere ? 'in any namespace' : `in namespace ${namespace}`}\n`)
  }
  return EXIT.done
}

export async function getQueue(context: Context, given: Given): Promise<number> {
  const { output, clock, zone } = context
  const queue = await queueNamed(context, given.args[0] ?? '')
  if (given.text('output') === undefined) {
    await output.write(describeQueue(queue, clock.now(), zone))
    return EXIT.done
  }
  const columns = queueColumns(clock.now(), false)
  await printOne(output, { form: formOf(given), columns, row: queueRow }, queue)
  return EXIT.done
}

async function queueNamed(context: Context, name: string): Promise<StoredObject> {
  const { objects, namespace } = await context.cluster()
  const key = { namespace, name }
  const queue = await objects.get('Queue', key, context.signal)
  if (queue === null) throw await notFound(context, 'Queue', key)
  return queue
}

export function describeQueue(queue: StoredObject, now: WallMs, zone: string): string {
  const row = queueRow(queue)
  const spec = recordAt(queue.raw, 'spec')
  const status = recordAt(queue.raw, 'status')
  const types = Array.isArray(status.types) ? status.types.map(String).join(', ') : ''
  const limits = ['concurrency', 'rateLimit', 'fairness', 'maxDepth', 'retention', 'defaults']
    .filter((key) => Object.hasOwn(spec, key))
    .map((key) => `${key} ${jsonText(spec[key], 0)}`)
  const oldest =
    row.oldestSeconds === null ? '' : `, the oldest for ${durationText(row.oldestSeconds)}`
  const lines: readonly (readonly [string, string])[] = [
    ['Name', row.name],
    ['Namespace', row.namespace],
    ['Created', `${timeText(row.createdMs, zone)} (${ageText(now - row.createdMs)} ago)`],
    ['Waiting', `${row.waiting}${oldest}`],
    ['Running', String(row.running)],
    ['Dead letters', String(row.dead)],
    ['Workers', `${row.workers}, ${row.free} of ${row.slots} slots free`],
    ['Types', types],
    ['Starts/min', String(row.startsPerMinute)],
    ['Paused', pauseText(queue, zone)],
    ...limits.map((limit) => ['Limit', limit] as const),
    ...listAt(status, 'conditions').map(
      (each) =>
        [textAt(each, 'type'), `${textAt(each, 'status')}: ${textAt(each, 'message')}`] as const,
    ),
  ]
  return lines
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${printable(`${name}:`).padEnd(15)}${printable(value)}\n`)
    .join('')
}

function pauseText({ raw }: StoredObject, zone: string): string {
  const paused = recordAt(raw, 'status', 'paused')
  const kind = pausedBy(raw)
  if (kind === '') return 'no'
  const also = flagAt(recordAt(raw, 'spec'), 'paused') ? 'spec.paused is true' : ''
  if (kind === 'spec') return also
  const since = timeAt(paused, 'since')
  const said = [
    `${kind === 'draining' ? 'being drained' : 'paused'} by ${textAt(paused, 'by') || 'somebody'}`,
    since === null ? '' : `since ${timeText(since, zone)}`,
    textAt(paused, 'comment'),
    also === '' ? '' : `and ${also}`,
  ]
  return said.filter((part) => part !== '').join(', ')
}

type QueueAction = 'Pause' | 'Resume' | 'Drain' | 'Purge'

export const pauseQueues = switchOf('Pause')
export const resumeQueues = switchOf('Resume')
export const drainQueues = switchOf('Drain')
export const purgeQueues = switchOf('Purge')

function switchOf(action: QueueAction): (context: Context, given: Given) => Promise<number> {
  return async (context, given) => {
    const all = given.on('all')
    const names = [...new Set(given.args)]
    if (all === names.length > 0) {
      throw new UsageError(
        `gq queue ${action.toLowerCase()}: give names of queues, or --all for every queue of the namespace`,
      )
    }
    const cluster = await context.cluster()
    const { namespace } = cluster
    const queues = all
      ? await everyQueue(context, namespace)
      : await inParallel(names, 8, (name) => queueNamed(context, name))
    if (queues.length === 0) {
      context.output.note(`no queue in namespace ${namespace}; nothing was changed\n`)
      return EXIT.done
    }
    const stop = await meant(context, given, action, namespace, queues)
    if (stop !== null) return stop
    warnOfSpec(context, action, queues)
    return carryOut(context, given, await asksOf(context, given, action, all ? null : queues))
  }
}

async function everyQueue(context: Context, namespace: string): Promise<readonly StoredObject[]> {
  const { objects } = await context.cluster()
  const queues: StoredObject[] = []
  for await (const page of objects.pages('Queue', namespace, {}, context.signal)) {
    queues.push(...page)
  }
  return queues
}

/** One queue by its name is what it says; many, and what deletes jobs, are asked for. */
async function meant(
  context: Context,
  given: Given,
  action: QueueAction,
  namespace: string,
  queues: readonly StoredObject[],
): Promise<number | null> {
  const names = queues.map(({ meta }) => meta.name)
  const what =
    names.length === 1 ? `queue ${names[0]}` : `${names.length} queues (${listed(names)})`
  if (action === 'Purge') {
    const counts = await inParallel(names, 4, (queue) =>
      countJobs(context, namespace, { queue, phases: WAITING, labels: '' }),
    )
    const total = counts.reduce((sum, count) => sum + count.total, 0)
    return stopUnlessMeant(context, given, {
      act: `Purge ${what} in namespace ${namespace}: delete ${total} waiting jobs`,
      mind: 'Deleted jobs leave no record. Running jobs are left alone.',
    })
  }
  if (!given.on('all') && !given.on('dry-run')) return null
  return stopUnlessMeant(context, given, {
    act: `${action} ${what} in namespace ${namespace}`,
    mind: '',
  })
}

const WAITING = ['Pending', 'Delayed', 'Blocked', 'Scheduled', 'Retrying', 'Suspended'] as const

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ')
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown
}

/** An action lifts what actions did; what Git says stays (resources.md). */
export function warnOfSpec(
  { output }: Context,
  action: string,
  queues: readonly StoredObject[],
): void {
  if (action !== 'Resume') return
  const left = queues.filter(({ raw }) => flagAt(recordAt(raw, 'spec'), 'paused'))
  if (left.length === 0) return
  const names = left.map(({ meta }) => `${meta.namespace}/${meta.name}`)
  output.note(
    `${printable(`still paused by spec.paused: ${listed(names)}; remove it there: kubectl -n ${left[0]?.meta.namespace} patch gq ${left[0]?.meta.name} --type=merge -p '{"spec":{"paused":null}}'`)}\n`,
  )
}

/** @param queues null = every queue of the namespace, by one action */
async function asksOf(
  context: Context,
  given: Given,
  action: QueueAction,
  queues: readonly StoredObject[] | null,
): Promise<readonly Ask[]> {
  const cluster = await context.cluster()
  const { namespace } = cluster
  const verb = action.toLowerCase()
  if (queues === null) {
    const spec = await actionOf(cluster, given, { action, target: { kind: 'Queue', all: true } })
    return [{ namespace, about: 'all queues', prefix: `${verb}-queues`, spec }]
  }
  return inParallel(queues, 8, async ({ meta: { name, uid } }): Promise<Ask> => {
    const target = { kind: 'Queue', name, uid } as const
    const spec = await actionOf(cluster, given, { action, target })
    return { namespace, about: `queue ${name}`, prefix: `${verb}-${name}`, spec }
  })
}
