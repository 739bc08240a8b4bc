/** Options of the commands, as data: what commander parses, what help, completion and docs print. */

export interface OptionRow {
  /** As commander reads it: `-q, --queue <name>`. */
  readonly flags: string
  readonly says: string
  /** May be given again; values with commas are split. */
  readonly repeats?: 'each' | 'commas'
  /** Words that can stand there, for completion. */
  readonly values?: readonly string[]
}

/** For every command, before or after its name. */
export const GLOBAL_OPTIONS: readonly OptionRow[] = [
  { flags: '--kubeconfig <file>', says: 'Kubeconfig. Default: as kubectl finds it.' },
  { flags: '--context <name>', says: 'Context of the kubeconfig. Default: the current one.' },
  { flags: '-n, --namespace <name>', says: 'Namespace. Default: that of the context.' },
  { flags: '--utc', says: 'Show and read times in UTC instead of local time.' },
]

export const ALL_NAMESPACES: OptionRow = {
  flags: '-A, --all-namespaces',
  says: 'In every namespace.',
}

export const outputOption = (values: readonly string[], says: string): OptionRow => ({
  flags: '-o, --output <form>',
  says: `${says} One of ${values.join(', ')}.`,
  values,
})

export const LIST_OUTPUT = outputOption(
  ['table', 'wide', 'json', 'yaml', 'name'],
  'Form of the output.',
)

const PHASE: OptionRow = {
  flags: '--phase <phase>',
  says: 'In this phase; may be repeated.',
  repeats: 'commas',
}

/** Which jobs: the same for lists, exports and acts. */
export const JOB_SELECTION: readonly OptionRow[] = [
  { flags: '--queue <name>', says: 'Of this queue.' },
  { flags: '--type <type>', says: 'Of this type.' },
  PHASE,
  { flags: '--failed', says: 'Failed or dead-lettered.' },
  { flags: '--reason <reason>', says: 'With this reason, one word of docs/reasons.md.' },
  { flags: '--error-code <code>', says: 'Whose last failure has this code.' },
  { flags: '-l, --selector <labels>', says: 'Label selector, as kubectl takes it.' },
  { flags: '--since <time>', says: 'Ended at or after: a time, or how long ago (2h).' },
  { flags: '--before <time>', says: 'Ended before: a time, or how long ago (2h).' },
]

const COMMENT: OptionRow = { flags: '--comment <text>', says: 'Why; shown on what is changed.' }
const NO_WAIT: OptionRow = {
  flags: '--no-wait',
  says: 'Ask for the action and do not wait until the operator has carried it out.',
}
const TIMEOUT: OptionRow = {
  flags: '--timeout <duration>',
  says: 'How long to wait for the operator. Default: 60s.',
}
const YES: OptionRow = { flags: '-y, --yes', says: 'Do not ask.' }
const DRY_RUN: OptionRow = {
  flags: '--dry-run',
  says: 'Say what would be changed, and change nothing.',
}

/** For everything that becomes a QueueAction. */
export const ACT: readonly OptionRow[] = [COMMENT, NO_WAIT, TIMEOUT]
export const ASKED_ACT: readonly OptionRow[] = [...ACT, DRY_RUN, YES]

export const MANY: readonly OptionRow[] = [
  { flags: '--all', says: 'Every job of the namespace that the command is for.' },
  ...JOB_SELECTION,
  { flags: '--rate <n>', says: 'Targets per second. Default: 50.' },
  { flags: '--max-targets <n>', says: 'Do nothing if more match. Default: 10000.' },
  ...ASKED_ACT,
]

export const ALL_QUEUES: OptionRow = { flags: '--all', says: 'Every queue of the namespace.' }

export const WAIT: readonly OptionRow[] = [
  { flags: '--timeout <duration>', says: 'Give up after this time. Default: never.' },
  {
    flags: '--for <state>',
    says: 'succeeded: the exit code says how it ended (default); finished: any end is fine.',
    values: ['succeeded', 'finished'],
  },
]

export const SUBMIT: readonly OptionRow[] = [
  {
    flags: '--payload <json>',
    says: 'Input of the handler: JSON, @FILE, or - for standard input.',
  },
  { flags: '--queue <name>', says: 'Queue. Default: default.' },
  {
    flags: '--priority <class>',
    says: 'Critical, High, Normal, Low or Bulk.',
    values: ['Critical', 'High', 'Normal', 'Low', 'Bulk'],
  },
  { flags: '--name <name>', says: 'Name of the job. Default: made of the type.' },
  { flags: '--delay <duration>', says: 'Not before this time has passed (1h30m).' },
  { flags: '--start-after <time>', says: 'Not before this time.' },
  { flags: '--idempotency-key <key>', says: 'A later job with the same key is not run.' },
  {
    flags: '--depends-on <jobs>',
    says: 'Jobs to wait for: a,b:Finished.',
    repeats: 'commas',
  },
  { flags: '--concurrency-key <key>', says: 'Limited by concurrency.perKey of the queue.' },
  { flags: '--fairness-key <key>', says: 'Takes turns with the other keys of the queue.' },
  { flags: '--handler-version <version>', says: 'Only workers with this version.' },
  { flags: '--run-id <id>', says: 'Changing it later runs the job again.' },
  { flags: '--max-attempts <n>', says: 'Attempts before it is dead-lettered.' },
  { flags: '--attempt-deadline <duration>', says: 'Time of one attempt.' },
  { flags: '--active-deadline <duration>', says: 'Time of all attempts.' },
  { flags: '--ttl <duration>', says: 'How long it stays after its end.' },
  { flags: '--suspend', says: 'Do not start it yet.' },
  { flags: '--label <key=value>', says: 'Label; may be repeated.', repeats: 'each' },
  { flags: '--annotation <key=value>', says: 'Annotation; may be repeated.', repeats: 'each' },
  { flags: '--correlation-id <id>', says: 'Travels to the handler and into logs.' },
  { flags: '--wait', says: 'Wait until it has ended, as gq wait does.' },
  ...WAIT,
  { flags: '--dry-run', says: 'Let the API server check it, and store nothing.' },
  outputOption(['json', 'yaml', 'name', 'table', 'wide'], 'Print the job that was stored.'),
]

export const GRACE: OptionRow = {
  flags: '--grace <duration>',
  says: 'How long a running attempt may take to end. Default: 30s.',
}

/** The long name of an option, without its dashes: `queue`. */
export function longName({ flags }: OptionRow): string {
  return /--(?:no-)?([a-z-]+)/.exec(flags)?.[1] ?? ''
}
