/**
 * `gq submit`: one job from options. What the intake would refuse is refused here, before a job exists,
 * with the same words; an answer that is lost makes no second job. Manifests are kubectl's:
 * `kubectl create -f`.
 */
import { z } from 'zod'
import { SUBMISSION_ANNOTATION } from '../api/conditions.ts'
import { createOnce } from '../client/create.ts'
import { JobExistsError, SubmissionUnknownError } from '../client/errors.ts'
import { nameFrom, prefixOfType, submissionId } from '../client/names.ts'
import { newJob, type SubmitOptions } from '../client/submission.ts'
import { defineJob, type JobDefinition } from '../core/definition.ts'
import { type JobKey, keyText } from '../core/ids.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import { jobView } from '../kube/client-views.ts'
import { UsageError } from './exit.ts'
import { recordAt, textAt } from './fields.ts'
import type { Given } from './given.ts'
import { jobColumns, jobRow } from './jobs.ts'
import { payloadOf } from './payload.ts'
import type { Context } from './ports.ts'
import { formOf, nameText, printOne } from './print.ts'
import { countOf, dependencyOf, labelOf, priorityOf, secondsOf, timeOf } from './values.ts'
import { untilAllEnded, waitOf } from './wait.ts'

const STORE_MS = 60_000
/** A job that is deleted this soon after its end could run twice: it is not sent again (client/create.ts). */
const SHORT_TTL_SECONDS = 300

export async function submitJob(context: Context, given: Given): Promise<number> {
  const form = given.text('output') === undefined ? null : formOf(given)
  const wait = given.on('wait') ? waitOf(given) : null
  const dryRun = given.on('dry-run')
  if (wait && dryRun)
    throw new UsageError('--wait and --dry-run do not go together: no job is stored')
  if (given.text('delay') !== undefined && given.text('start-after') !== undefined) {
    throw new UsageError('--delay and --start-after do not go together: give one of them')
  }
  const definition = typed(given.args[0] ?? '')
  const payload = given.text('payload')
  const input = payload === undefined ? null : await payloadOf(context, payload)
  const stored = await store(context, definition, input, optionsOf(context, given), dryRun)
  if (form !== null) {
    const columns = jobColumns(context.clock.now(), context.zone, false)
    await printOne(context.output, { form, columns, row: jobRow }, stored)
  } else {
    const said = dryRun ? 'would be submitted (dry run)' : 'submitted'
    await context.output.write(`${nameText(stored)} ${said}\n`)
  }
  return wait ? untilAllEnded(context, [jobView(stored.raw, stored.meta)], wait) : 0
}

/** Any input: what the handler of the type takes is known where it runs. */
function typed(type: string): JobDefinition {
  return defineJob({ type, version: '1', input: z.unknown(), output: z.unknown() })
}

function optionsOf({ zone }: Context, given: Given): SubmitOptions {
  const startAfter = given.read('start-after', timeOf(zone))
  const attempts = given.read('max-attempts', countOf(1, 100))
  const options = {
    name: given.text('name'),
    queue: given.text('queue'),
    priority: given.read('priority', priorityOf),
    delaySeconds: given.read('delay', secondsOf),
    startAfter: startAfter === undefined ? undefined : new Date(startAfter),
    idempotencyKey: given.text('idempotency-key'),
    dependsOn: dependenciesOf(given),
    concurrencyKey: given.text('concurrency-key'),
    fairnessKey: given.text('fairness-key'),
    handlerVersion: given.text('handler-version'),
    runId: given.text('run-id'),
    retry: attempts === undefined ? undefined : { maxAttempts: attempts },
    attemptDeadlineSeconds: given.read('attempt-deadline', secondsOf),
    activeDeadlineSeconds: given.read('active-deadline', secondsOf),
    ttlSecondsAfterFinished: given.read('ttl', secondsOf),
    suspend: given.on('suspend') ? true : undefined,
    labels: Object.fromEntries(given.readAll('label', labelOf)),
    annotations: Object.fromEntries(given.readAll('annotation', labelOf)),
    correlationId: given.text('correlation-id'),
  }
  const set = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(set) as SubmitOptions
}

function dependenciesOf(given: Given) {
  const dependencies = given.readAll('depends-on', dependencyOf)
  return dependencies.length === 0 ? undefined : dependencies
}

async function store(
  context: Context,
  definition: JobDefinition,
  input: unknown,
  options: SubmitOptions,
  dryRun: boolean,
): Promise<StoredObject> {
  const { clock, random, signal } = context
  const { objects, namespace } = await context.cluster()
  const made = () => nameFrom(prefixOfType(definition.type), random)
  const name = options.name ?? made()
  // As in client/client.ts: a name that others may choose, too, needs a mark.
  const submission = options.name === undefined ? '' : submissionId(random)
  const job = newJob(definition, input, options, { namespace, name }, submission)
  const end = await createOnce<StoredObject>(
    {
      name,
      anotherName: options.name === undefined ? made : null,
      create: (as, under) => objects.create('QueueJob', { ...job, name: as }, { dryRun }, under),
      find: (as, under) => objects.get('QueueJob', { namespace, name: as }, under),
      own: ({ raw }) =>
        textAt(recordAt(raw, 'metadata', 'annotations'), SUBMISSION_ANNOTATION) === submission,
      repeatable:
        dryRun || (options.ttlSecondsAfterFinished ?? SHORT_TTL_SECONDS) >= SHORT_TTL_SECONDS,
    },
    { clock, random, timeoutMs: STORE_MS, signal },
  )
  if (end.kind === 'created') return end.object
  const key = { namespace, name: end.name }
  throw end.kind === 'taken' ? taken(key) : unknown(key, end.cause)
}

function taken(key: JobKey): JobExistsError {
  return new JobExistsError(key, {
    message: `job ${keyText(key)} exists already and was not made by this call; nothing was submitted`,
    help: `see it: gq -n ${key.namespace} get ${key.name}; choose another --name, or leave it out`,
  })
}

function unknown(key: JobKey, cause: unknown): SubmissionUnknownError {
  return new SubmissionUnknownError(key, {
    message: `whether job ${keyText(key)} was stored is not known: the API server gave no answer in time`,
    help: `see whether it is there: gq -n ${key.namespace} get ${key.name}; to submit again without a second job, give --name ${key.name}`,
    cause,
  })
}
