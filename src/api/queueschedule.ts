/**
 * QueueSchedule: cron with a time zone that makes QueueJobs (resources.md). All of spec may change;
 * the template is a complete QueueJob spec without the rules that compare it with its past.
 */
import { z } from 'zod'
import { GROUP, VERSION } from './conditions.ts'
import {
  about,
  ascii,
  bool,
  type CelRule,
  Conditions,
  choice,
  type DeepReadonly,
  int,
  list,
  OBSERVED_GENERATION_RULE,
  ObjectMeta,
  ObservedGeneration,
  objectName,
  TEMPLATE,
  text,
  time,
} from './fields.ts'
import { QueueJobSpec } from './queuejob.ts'

const always = { mutable: 'always' } as const

/** Labels or annotations that every job of the schedule gets. */
const stringMap = (what: string, max: number, valueMax: number) =>
  about(
    z
      .record(z.string(), text(valueMax, { says: `One ${what}.` }))
      .refine((map) => Object.keys(map).length <= max, `at most ${max} ${what}s`),
    {
      says: `Every job gets each ${what}.`,
      default: 'none',
      ...always,
      with: { maxProperties: max, 'x-refined-by': 'maxProperties' },
      rules: [
        {
          rule: 'self.all(key, size(key) <= 317)',
          message: `a ${what} key must have at most 317 characters`,
        },
      ],
    },
  )

const Template = about(
  z.object({
    metadata: about(
      z.object({
        labels: stringMap('label', 32, 63).optional(),
        annotations: stringMap('annotation', 32, 1024).optional(),
      }),
      { says: 'Labels and annotations of the jobs.', default: 'none', ...always },
    ).optional(),
    spec: about(QueueJobSpec, {
      says: 'Spec of the jobs, as in a QueueJob.',
      default: 'none, required',
      ...always,
      with: { [TEMPLATE]: true },
    }),
  }),
  { says: 'The jobs that are made.', default: 'none, required', ...always },
)

export const QueueScheduleSpec = about(
  z.object({
    schedule: ascii(
      256,
      /^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[0-9A-Za-z*/,?#-]+( +[0-9A-Za-z*/,?#-]+){4})$/,
      {
        says: 'Cron expression of five fields (minute, hour, day of month, month, day of week) or one of @yearly, @monthly, @weekly, @daily, @hourly; no seconds.',
        default: 'none, required',
        ...always,
      },
    ),
    timeZone: ascii(64, /^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+){0,2}$/, {
      says: 'IANA name of the time zone, for example Europe/Berlin.',
      default: 'Etc/UTC',
      ...always,
    }).optional(),
    concurrencyPolicy: choice(['Allow', 'Forbid', 'Replace'], {
      says: 'What happens when the job of the last tick has not ended.',
      default: 'Allow',
      ...always,
    }).optional(),
    startingDeadlineSeconds: int(1, 31_536_000, {
      says: 'A tick that is later than this is skipped and counted as missed.',
      unit: 'seconds',
      default: 'none',
      ...always,
    }).optional(),
    catchUp: choice(['None', 'Last', 'All'], {
      says: 'Which ticks are made up for after an outage.',
      default: 'Last',
      ...always,
    }).optional(),
    maxCatchUp: int(1, 10_000, {
      says: 'Most ticks that `catchUp: All` makes up for.',
      default: '100',
      ...always,
    }).optional(),
    jitterSeconds: int(0, 3600, {
      says: 'Random delay of each job.',
      unit: 'seconds',
      default: '0',
      ...always,
    }).optional(),
    suspend: bool({ says: 'No job is made.', default: 'false', ...always }).optional(),
    successfulJobsHistoryLimit: int(0, 1000, {
      says: 'Completed jobs of the schedule that stay.',
      unit: 'jobs',
      default: '3',
      ...always,
    }).optional(),
    failedJobsHistoryLimit: int(0, 1000, {
      says: 'Failed jobs of the schedule that stay.',
      unit: 'jobs',
      default: '1',
      ...always,
    }).optional(),
    template: Template,
  }),
  { says: 'What the user wants.' },
)
export type QueueScheduleSpec = DeepReadonly<z.infer<typeof QueueScheduleSpec>>

export const QueueScheduleStatus = about(
  z.object({
    observedGeneration: ObservedGeneration,
    lastTickTime: time({ says: 'The last tick that made a job.' }).optional(),
    nextTickTime: time({ says: 'The first tick that has not been dealt with.' }).optional(),
    observedSchedule: text(321, {
      says: 'Expression and time zone that `nextTickTime` was computed from.',
    }).optional(),
    active: list(objectName({ says: 'Name of one job.' }), 50, {
      says: 'Jobs of the schedule that have not ended.',
    }).optional(),
    missed: int(0, 1_000_000_000, {
      says: 'Ticks that made no job; of one outage at most 1,000 are counted.',
      unit: 'ticks',
    }).optional(),
    conditions: Conditions.optional(),
  }),
  {
    says: 'What the system says. Written only by the operator.',
    rules: [OBSERVED_GENERATION_RULE],
    with: { 'x-kubernetes-map-type': 'atomic' },
  },
)
export type QueueScheduleStatus = DeepReadonly<z.infer<typeof QueueScheduleStatus>>

/** Jobs are named `<schedule>-<minute>`; their names must stay within 63 characters. */
const NAME_RULE: CelRule = {
  rule: 'size(self.metadata.name) <= 52',
  message:
    '`metadata.name` must have at most 52 characters: the names of its jobs are longer by the time of their tick',
}

const UNSEEN = { observedGeneration: -1 } as const

export const QueueScheduleRoot = about(
  z.object({
    spec: QueueScheduleSpec,
    status: QueueScheduleStatus.default({ ...UNSEEN }).optional(),
  }),
  { says: 'A QueueSchedule makes QueueJobs by the clock.', rules: [NAME_RULE] },
)

/** A QueueSchedule as read from the API server. */
export const QueueSchedule = z.object({
  apiVersion: z.literal(`${GROUP}/${VERSION}`),
  kind: z.literal('QueueSchedule'),
  metadata: ObjectMeta,
  spec: QueueScheduleSpec,
  status: QueueScheduleStatus.default({ ...UNSEEN }),
})
export type QueueSchedule = DeepReadonly<z.infer<typeof QueueSchedule>>
