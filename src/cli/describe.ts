/**
 * `gq get`: one job for eyes. Its payload is not printed unless it is asked for; what it holds may be
 * nobody's business (B36).
 */
import type { StoredObject } from '../kube/client-objects.ts'
import { jobView } from '../kube/client-views.ts'
import { escapeControls } from '../observability/log.ts'
import { EXIT } from './exit.ts'
import { flagAt, listAt, numberAt, recordAt, textAt, timeAt } from './fields.ts'
import type { Given } from './given.ts'
import { jobColumns, jobRow } from './jobs.ts'
import { notFound } from './near.ts'
import type { Context } from './ports.ts'
import { formOf, jsonText, Printer, printOne } from './print.ts'
import { Table } from './table.ts'
import { timeText } from './times.ts'
import { ageText, durationText } from './values.ts'

export async function getJobs(context: Context, given: Given): Promise<number> {
  const { output, clock, zone, signal } = context
  const asked = given.text('output')
  const form = formOf(given)
  const { namespace, objects } = await context.cluster()
  const jobs: StoredObject[] = []
  for (const name of new Set(given.args)) {
    const key = { namespace, name }
    const job = await objects.get('QueueJob', key, signal)
    if (job === null) throw await notFound(context, 'QueueJob', key)
    jobs.push(job)
  }
  if (asked === undefined) {
    const times = { now: clock.now(), zone }
    const texts = jobs.map((job) => description(job, times, given.on('payload')))
    await output.write(texts.join('\n'))
    return EXIT.done
  }
  const printing = { form, columns: jobColumns(clock.now(), zone, false), row: jobRow }
  const [only] = jobs
  if (only && jobs.length === 1) {
    await printOne(output, printing, only)
    return EXIT.done
  }
  const printer = new Printer(output, printing)
  await printer.page(jobs)
  await printer.end()
  return EXIT.done
}

export interface Times {
  readonly now: number
  readonly zone: string
}

type Line = readonly [string, string]

export function description(job: StoredObject, times: Times, payload: boolean): string {
  const lines = [
    ...identity(job, times),
    ...standing(job, times),
    ...demands(job, times),
    ...outcome(job),
    ...input(job, payload),
  ].filter(([, value]) => value !== '')
  const width = Math.max(...lines.map(([name]) => name.length)) + 4
  const text = lines
    .map(([name, value]) => `${`${name}:`.padEnd(width)}${escapeControls(value)}\n`)
    .join('')
  return `${text}${history(job, times)}`
}

function at(ms: number | null, { now, zone }: Times): string {
  if (ms === null) return ''
  const left = ms - now
  return `${timeText(ms, zone)} (${left > 0 ? `in ${ageText(left)}` : `${ageText(-left)} ago`})`
}

function identity({ raw, meta }: StoredObject, times: Times): readonly Line[] {
  const job = jobView(raw, meta)
  const labels = Object.entries(meta.labels).map(([key, value]) => `${key}=${String(value)}`)
  return [
    ['Name', job.name],
    ['Namespace', job.namespace],
    ['Uid', job.uid],
    ['Queue', job.queue],
    ['Type', job.type],
    ['Priority', job.priority],
    ['Labels', labels.join(', ')],
    ['Created', at(job.createdMs, times)],
  ]
}

function standing({ raw, meta }: StoredObject, times: Times): readonly Line[] {
  const { status } = jobView(raw, meta)
  const record = recordAt(raw, 'status')
  const { phase, reason, message, progress } = status
  const used = (
    [
      ['used up', 'attempts'],
      ['lost with their worker', 'crashes'],
      ['evicted', 'evictions'],
      ['snoozed', 'snoozes'],
      ['replays', 'replays'],
    ] as const
  ).flatMap(([says, key]) =>
    numberAt(record, key) > 0 ? [`${numberAt(record, key)} ${says}`] : [],
  )
  return [
    ['Phase', reason === '' || reason === phase ? phase : `${phase} (${reason})`],
    ['Why', message],
    ['Attempts', [`${status.attempts} started`, ...used].join(', ')],
    ['Progress', progress ? `${progress.percent} % ${progress.message}` : ''],
    ['Worker', status.worker],
    ['Started', at(status.startedMs, times)],
    ['Next attempt', phase === 'Retrying' ? at(status.nextAttemptMs, times) : ''],
    ['Finished', at(status.finishedMs, times)],
    ['Duplicate of', status.duplicateOf?.name ?? ''],
  ]
}

/** What the job says about when and how it runs. */
function demands({ raw }: StoredObject, times: Times): readonly Line[] {
  const spec = recordAt(raw, 'spec')
  const seconds = (key: string) =>
    Object.hasOwn(spec, key) ? durationText(numberAt(spec, key)) : ''
  const needs = listAt(spec, 'dependsOn').map(
    (each) => `${textAt(each, 'name')}${textAt(each, 'when') === 'Finished' ? ' (finished)' : ''}`,
  )
  return [
    ['Suspended', flagAt(spec, 'suspend') ? 'spec.suspend is true' : ''],
    ['Start after', at(timeAt(spec, 'startAfter'), times)],
    ['Delay', seconds('delaySeconds')],
    ['Depends on', needs.join(', ')],
    ['Idempotency key', textAt(spec, 'idempotencyKey')],
    ['Concurrency key', textAt(spec, 'concurrencyKey')],
    ['Fairness key', textAt(spec, 'fairnessKey')],
    ['Run id', textAt(spec, 'runId')],
    ['Attempt deadline', seconds('attemptDeadlineSeconds')],
    ['Active deadline', seconds('activeDeadlineSeconds')],
    ['Kept after end', seconds('ttlSecondsAfterFinished')],
  ]
}

function outcome({ raw, meta }: StoredObject): readonly Line[] {
  const { error, result } = jobView(raw, meta).status
  return [
    ['Error', error ? `${error.category} ${error.code}: ${error.message}` : ''],
    ['Result', result === undefined ? '' : jsonText(result, 0)],
  ]
}

function input({ raw }: StoredObject, shown: boolean): readonly Line[] {
  const spec = recordAt(raw, 'spec')
  const from = recordAt(spec, 'payloadFrom')
  const [kind] = Object.keys(from)
  if (kind !== undefined) {
    const { name, key } = recordAt(from, kind)
    return [['Payload', `from ${kind} ${String(name)}, key ${String(key)}`]]
  }
  if (!Object.hasOwn(spec, 'payload') || spec.payload === null) return []
  const text = jsonText(spec.payload, 0)
  const bytes = Buffer.byteLength(text)
  return [['Payload', shown ? text : `${bytes} bytes of JSON, shown with --payload`]]
}

function history({ raw }: StoredObject, { zone }: Times): string {
  const attempts = listAt(recordAt(raw, 'status'), 'history')
  if (attempts.length === 0) return ''
  const time = (name: string) => (entry: (typeof attempts)[number]) => {
    const ms = timeAt(entry, name)
    return ms === null ? '' : timeText(ms, zone)
  }
  const table = new Table<(typeof attempts)[number]>([
    { name: 'ATTEMPT', value: (entry) => String(numberAt(entry, 'number')) },
    { name: 'STARTED', value: time('startTime') },
    { name: 'ENDED', value: time('endTime') },
    { name: 'WORKER', value: (entry) => textAt(recordAt(entry, 'worker'), 'pod') },
    { name: 'CATEGORY', value: (entry) => textAt(entry, 'category') },
    { name: 'CODE', value: (entry) => textAt(entry, 'cause') || textAt(entry, 'code') },
    { name: 'MESSAGE', value: (entry) => textAt(entry, 'message') },
  ])
  const lines = table.page(attempts).replace(/^/gm, '  ').trimEnd()
  return `History:\n${lines}\n`
}
