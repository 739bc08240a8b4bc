/**
 * The four CustomResourceDefinitions as plain objects: names, columns, selectable fields, schema
 * (job-model.md section 4, resources.md). `main/generate.ts` prints them; no YAML here.
 */
import type { z } from 'zod'
import { CATEGORY, GROUP, KINDS, type Kind, VERSION } from './conditions.ts'
import { QueueRoot } from './queue.ts'
import { QueueActionRoot } from './queueaction.ts'
import { QueueJobRoot } from './queuejob.ts'
import { QueueScheduleRoot } from './queueschedule.ts'
import { type StructuralSchema, structural } from './structural.ts'

export interface Column {
  readonly name: string
  readonly type: 'string' | 'integer' | 'boolean' | 'date'
  readonly jsonPath: string
  readonly description: string
  /** 1: only with `-o wide`. */
  readonly priority?: 1
}

interface KindOutput {
  readonly root: z.ZodType
  readonly columns: readonly Column[]
  readonly selectable: readonly string[]
}

const column = (
  name: string,
  type: Column['type'],
  jsonPath: string,
  description: string,
): Column => ({ name, type, jsonPath, description })
const wide = (...args: Parameters<typeof column>): Column => ({ ...column(...args), priority: 1 })
const AGE = column('Age', 'date', '.metadata.creationTimestamp', 'Since creation.')

const OUTPUT: Readonly<Record<Kind, KindOutput>> = {
  QueueJob: {
    root: QueueJobRoot,
    columns: [
      column('Queue', 'string', '.spec.queue', 'Queue of the job.'),
      column('Type', 'string', '.spec.type', 'Handler of the job.'),
      column('Phase', 'string', '.status.phase', 'Where the job stands.'),
      column('Attempt', 'integer', '.status.attempt', 'Number of the last attempt.'),
      AGE,
      wide('Priority', 'string', '.spec.priority', 'Priority of the job.'),
      wide('Reason', 'string', '.status.reason', 'Why it stands there.'),
      wide('Worker', 'string', '.status.worker.pod', 'Worker of the last attempt.'),
      wide('Started', 'date', '.status.startTime', 'Since the start of the last attempt.'),
      wide('Finished', 'date', '.status.completionTime', 'Since the end of the job.'),
      wide('Message', 'string', '.status.message', 'The reason in one sentence.'),
    ],
    selectable: ['.spec.queue', '.spec.type', '.spec.priority', '.status.phase', '.status.reason'],
  },
  Queue: {
    root: QueueRoot,
    columns: [
      column('Waiting', 'integer', '.status.waiting', 'Jobs that wait.'),
      column('Running', 'integer', '.status.running', 'Running attempts.'),
      column('Dead', 'integer', '.status.deadLettered', 'Dead letters that are kept.'),
      column('Oldest', 'date', '.status.oldestWaitingTime', 'Age of the job that waits longest.'),
      column('Workers', 'integer', '.status.workers', 'Connected workers.'),
      column(
        'Paused',
        'string',
        '.status.conditions[?(@.type=="Paused")].status',
        'True: by spec or by an action.',
      ),
      AGE,
      wide('Ready', 'integer', '.status.ready', 'Waiting jobs that a free slot would start.'),
      wide('Slots', 'integer', '.status.slots', 'Slots of all workers.'),
      wide('Free', 'integer', '.status.freeSlots', 'Slots without an attempt.'),
      wide(
        'Starts',
        'integer',
        '.status.startsPerMinute',
        'Starts in a minute, when last written.',
      ),
    ],
    selectable: ['.spec.paused', '.spec.controllerName'],
  },
  QueueSchedule: {
    root: QueueScheduleRoot,
    columns: [
      column('Schedule', 'string', '.spec.schedule', 'Cron expression.'),
      column('TimeZone', 'string', '.spec.timeZone', 'Time zone.'),
      column('Suspend', 'boolean', '.spec.suspend', 'No job is made.'),
      column('Last', 'date', '.status.lastTickTime', 'Since the last tick.'),
      AGE,
      wide('Next', 'string', '.status.nextTickTime', 'The next tick.'),
      wide('Missed', 'integer', '.status.missed', 'Ticks that made no job.'),
    ],
    selectable: ['.spec.suspend'],
  },
  QueueAction: {
    root: QueueActionRoot,
    columns: [
      column('Action', 'string', '.spec.action', 'What is done.'),
      column('Kind', 'string', '.spec.target.kind', 'To what.'),
      column('Target', 'string', '.spec.target.name', 'To which; empty for a selector.'),
      column('Phase', 'string', '.status.phase', 'Where the action stands.'),
      column('Done', 'integer', '.status.done', 'Targets that were changed.'),
      AGE,
      wide('Matched', 'integer', '.status.matched', 'Objects that matched.'),
      wide('Failed', 'integer', '.status.failed', 'Targets that could not be changed.'),
      wide('Reason', 'string', '.status.reason', 'Why it stands there.'),
      wide('Message', 'string', '.status.message', 'The reason in one sentence.'),
    ],
    selectable: ['.spec.action', '.status.phase'],
  },
}

/** The root of a kind: only spec and status are ours to describe. */
function rootSchema(kind: Kind): StructuralSchema {
  const root = structural(OUTPUT[kind].root)
  const properties = root.properties as Readonly<Record<string, StructuralSchema>>
  return {
    ...root,
    properties: {
      apiVersion: { type: 'string', description: 'Version of this representation.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      metadata: { type: 'object' },
      ...properties,
    },
  }
}

/** One CustomResourceDefinition, ready to be applied. */
export function customResourceDefinition(kind: Kind) {
  const { columns, selectable } = OUTPUT[kind]
  const names = KINDS[kind]
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: names.kind,
        listKind: `${names.kind}List`,
        plural: names.plural,
        singular: names.singular,
        shortNames: [names.shortName],
        categories: [CATEGORY],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          selectableFields: selectable.map((jsonPath) => ({ jsonPath })),
          schema: { openAPIV3Schema: rootSchema(kind) },
        },
      ],
    },
  }
}
export type CustomResourceDefinition = ReturnType<typeof customResourceDefinition>

export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  return (Object.keys(KINDS) as Kind[]).map(customResourceDefinition)
}
