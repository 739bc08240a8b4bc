/**
 * The commands of `gq`, as data: name, arguments, options, the rights that the caller needs, and the
 * function that does it. Help, completion and the table of docs/cli.md are made from these rows.
 */
import { completion } from './completion.ts'
import { getJobs } from './describe.ts'
import { exportJobs } from './export.ts'
import type { Given } from './given.ts'
import { cancelJobs, confirmJobs, discardJobs, replayJobs, retryJobs } from './job-acts.ts'
import { listJobs } from './jobs.ts'
import {
  ACT,
  ALL_NAMESPACES,
  ALL_QUEUES,
  ASKED_ACT,
  GRACE,
  JOB_SELECTION,
  LIST_OUTPUT,
  MANY,
  type OptionRow,
  outputOption,
  SUBMIT,
  WAIT,
} from './options.ts'
import type { Context } from './ports.ts'
import {
  drainQueues,
  getQueue,
  listQueues,
  pauseQueues,
  purgeQueues,
  resumeQueues,
} from './queues.ts'
import { listSchedules, resumeSchedules, runSchedules, suspendSchedules } from './schedules.ts'
import { DISPATCH_HINT, pauseEverything, resumeEverything } from './stop.ts'
import { submitJob } from './submit.ts'
import { waitForJobs } from './wait.ts'
import { whyJobs } from './why.ts'

export interface CommandRow {
  /** `submit`, `queue pause` */
  readonly name: string
  /** As commander reads them: `<job...>`; '' = none. */
  readonly args: string
  readonly says: string
  /** More than fits into a line. */
  readonly more?: string
  readonly options: readonly OptionRow[]
  readonly examples: readonly string[]
  /** Verbs by resource; of the whole cluster where the command is for all namespaces. */
  readonly rights: Readonly<Record<string, readonly string[]>>
  readonly run: (context: Context, given: Given) => Promise<number>
}

const FIND = ['get'] as const
const actRights = (resource: string, verbs: readonly string[]) => ({
  [resource]: verbs,
  queueactions: ['create', 'get'],
})

const JOB_ROWS: readonly CommandRow[] = [
  {
    name: 'submit',
    args: '<type>',
    says: 'Submit a job.',
    more: 'A manifest is submitted with kubectl create -f FILE.',
    options: SUBMIT,
    examples: [
      `gq submit email.send --payload '{"to":"jane@example.com"}'`,
      'gq submit report.build --payload @input.json --queue reports --delay 1h30m --wait',
      'gq submit invoice.send --depends-on order-1,order-2:Finished --label team=billing',
    ],
    rights: { queuejobs: ['create', 'get'] },
    run: submitJob,
  },
  {
    name: 'list',
    args: '',
    says: 'List jobs, in the order of their names.',
    options: [
      ...JOB_SELECTION,
      ALL_NAMESPACES,
      { flags: '--limit <n>', says: 'At most so many.' },
      LIST_OUTPUT,
    ],
    examples: ['gq list --failed', 'gq list --queue mail --phase Running --phase Retrying -o wide'],
    rights: { queuejobs: ['list'] },
    run: listJobs,
  },
  {
    name: 'get',
    args: '<job...>',
    says: 'Show a job: where it stands and why, its attempts, its result.',
    options: [{ flags: '--payload', says: 'Show the payload, too.' }, LIST_OUTPUT],
    examples: ['gq get order-1001'],
    rights: { queuejobs: FIND },
    run: getJobs,
  },
  {
    name: 'why',
    args: '<job...>',
    says: 'Say why a job stands where it stands, and what would change it.',
    more: 'Reads objects only: it answers also when no operator runs.',
    options: [],
    examples: ['gq why order-1001'],
    rights: { queuejobs: ['get', 'list'], queues: ['get'] },
    run: whyJobs,
  },
  {
    name: 'wait',
    args: '<job...>',
    says: 'Wait until jobs have ended.',
    more: 'Exit code: 0 done, 1 failed, 2 timed out, 3 cancelled or discarded, 4 not found.',
    options: WAIT,
    examples: ['gq wait order-1001 --timeout 60s', 'gq wait a b c --for finished'],
    rights: { queuejobs: ['get', 'list', 'watch'] },
    run: waitForJobs,
  },
  {
    name: 'cancel',
    args: '[job...]',
    says: 'Cancel jobs: a waiting one never starts, a running one is told to stop.',
    options: [...MANY, GRACE],
    examples: ['gq cancel order-1001', 'gq cancel --queue mail --type email.send --dry-run'],
    rights: actRights('queuejobs', ['get', 'list', 'cancel']),
    run: cancelJobs,
  },
  {
    name: 'retry',
    args: '[job...]',
    says: 'Run jobs again: the next attempt now, or from the start if the job has failed.',
    more: 'Of a selection, --failed is meant unless phases are given. Failed and dead-lettered jobs are replayed (verb replay), Retrying ones retried (verb retry).',
    options: MANY,
    examples: ['gq retry order-1001', 'gq retry --failed --since 2h', 'gq retry --phase Retrying'],
    rights: actRights('queuejobs', ['get', 'list', 'retry', 'replay']),
    run: retryJobs,
  },
  {
    name: 'replay',
    args: '[job...]',
    says: 'Run jobs again that have ended, with all their attempts.',
    options: [
      {
        flags: '--payload <json>',
        says: 'Another payload, for one job by its name: JSON, @FILE, or -.',
      },
      ...MANY,
    ],
    examples: [
      'gq replay invoice-7 --payload @corrected.json',
      'gq replay --error-code CardDeclined',
    ],
    rights: actRights('queuejobs', ['get', 'list', 'replay']),
    run: replayJobs,
  },
  {
    name: 'discard',
    args: '[job...]',
    says: 'Give dead letters up: they become Cancelled.',
    options: MANY,
    examples: ['gq discard invoice-7', 'gq discard --all --before 30d'],
    rights: actRights('queuejobs', ['get', 'list', 'discard']),
    run: discardJobs,
  },
  {
    name: 'confirm',
    args: '[job...]',
    says: 'Let jobs run that came back from a backup (RestoredUnconfirmed).',
    options: MANY,
    examples: ['gq confirm order-1001', 'gq confirm -l velero.io/restore-name=nightly'],
    rights: actRights('queuejobs', ['get', 'list', 'resume']),
    run: confirmJobs,
  },
  {
    name: 'export',
    args: '',
    says: 'Print jobs as manifests that can be created again; ended ones with suspend: true.',
    options: [
      ...JOB_SELECTION,
      ALL_NAMESPACES,
      outputOption(['yaml', 'json'], 'Form of the manifests.'),
    ],
    examples: ['gq export --queue mail > mail.yaml', 'kubectl create -f mail.yaml'],
    rights: { queuejobs: ['list'] },
    run: exportJobs,
  },
]

const QUEUE_ROWS: readonly CommandRow[] = [
  {
    name: 'queue list',
    args: '',
    says: 'List queues with their counts.',
    options: [
      ALL_NAMESPACES,
      { flags: '-l, --selector <labels>', says: 'Label selector, as kubectl takes it.' },
      LIST_OUTPUT,
    ],
    examples: ['gq queue list -A'],
    rights: { queues: ['list'] },
    run: listQueues,
  },
  {
    name: 'queue get',
    args: '<queue>',
    says: 'Show a queue: counts, workers, limits, who paused it.',
    options: [LIST_OUTPUT],
    examples: ['gq queue get mail'],
    rights: { queues: FIND },
    run: getQueue,
  },
  {
    name: 'queue pause',
    args: '[queue...]',
    says: 'Start no job of the queue; running attempts go on.',
    options: [ALL_QUEUES, ...ASKED_ACT],
    examples: ["gq queue pause mail --comment 'provider is down'"],
    rights: actRights('queues', ['get', 'list', 'pause']),
    run: pauseQueues,
  },
  {
    name: 'queue resume',
    args: '[queue...]',
    says: 'Lift a pause or a drain that was asked for by an action.',
    options: [ALL_QUEUES, ...ASKED_ACT],
    examples: ['gq queue resume mail'],
    rights: actRights('queues', ['get', 'list', 'resume']),
    run: resumeQueues,
  },
  {
    name: 'queue drain',
    args: '[queue...]',
    says: 'Pause the queue until its running attempts have finished, and after.',
    options: [ALL_QUEUES, ...ASKED_ACT],
    examples: ['gq queue drain mail'],
    rights: actRights('queues', ['get', 'list', 'drain']),
    run: drainQueues,
  },
  {
    name: 'queue purge',
    args: '[queue...]',
    says: 'Delete the waiting jobs of the queue.',
    options: [
      ALL_QUEUES,
      { flags: '--rate <n>', says: 'Targets per second. Default: 50.' },
      { flags: '--max-targets <n>', says: 'Do nothing if more match. Default: 10000.' },
      ...ASKED_ACT,
    ],
    examples: ['gq queue purge mail --dry-run'],
    rights: {
      queues: ['get', 'list', 'purge'],
      queuejobs: ['list'],
      queueactions: ['create', 'get'],
    },
    run: purgeQueues,
  },
  {
    name: 'pause',
    args: '',
    says: 'The stop button: pause every queue in every namespace.',
    more: DISPATCH_HINT,
    options: [{ ...ALL_NAMESPACES, says: 'Required.' }, ...ASKED_ACT],
    examples: ["gq pause --all-namespaces --comment 'incident 42'"],
    rights: actRights('queues', ['list', 'pause']),
    run: pauseEverything,
  },
  {
    name: 'resume',
    args: '',
    says: 'Lift the pauses of every queue in every namespace.',
    options: [{ ...ALL_NAMESPACES, says: 'Required.' }, ...ASKED_ACT],
    examples: ['gq resume --all-namespaces'],
    rights: actRights('queues', ['list', 'resume']),
    run: resumeEverything,
  },
]

const SCHEDULE_ROWS: readonly CommandRow[] = [
  {
    name: 'schedule list',
    args: '',
    says: 'List schedules with their last and next times.',
    options: [ALL_NAMESPACES, LIST_OUTPUT],
    examples: ['gq schedule list'],
    rights: { queueschedules: ['list'] },
    run: listSchedules,
  },
  {
    name: 'schedule run',
    args: '<schedule...>',
    says: 'Make one job of the schedule now.',
    options: ACT,
    examples: ['gq schedule run nightly'],
    rights: actRights('queueschedules', ['get', 'run']),
    run: runSchedules,
  },
  {
    name: 'schedule suspend',
    args: '<schedule...>',
    says: 'Make no more jobs: sets spec.suspend.',
    options: [],
    examples: ['gq schedule suspend nightly'],
    rights: { queueschedules: ['get', 'patch'] },
    run: suspendSchedules,
  },
  {
    name: 'schedule resume',
    args: '<schedule...>',
    says: 'Make jobs again: clears spec.suspend.',
    options: [],
    examples: ['gq schedule resume nightly'],
    rights: { queueschedules: ['get', 'patch'] },
    run: resumeSchedules,
  },
]

const OTHER_ROWS: readonly CommandRow[] = [
  {
    name: 'completion',
    args: '<shell>',
    says: 'Print a completion script for bash, zsh or fish.',
    options: [],
    examples: ['source <(gq completion bash)'],
    rights: {},
    run: (context, given) => completion(context, given, COMMANDS),
  },
  {
    name: 'version',
    args: '',
    says: 'Print the version.',
    options: [],
    examples: [],
    rights: {},
    run: async ({ output, version }) => {
      await output.write(`gq ${version}\n`)
      return 0
    },
  },
]

export const COMMANDS: readonly CommandRow[] = [
  ...JOB_ROWS,
  ...QUEUE_ROWS,
  ...SCHEDULE_ROWS,
  ...OTHER_ROWS,
]
