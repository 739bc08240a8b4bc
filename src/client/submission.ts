/**
 * From a definition, an input and options to the object that is sent, or to an error that names the
 * field. Everything that intake or handler would refuse later is refused here, before a job exists.
 */

import { ANNOTATIONS, SUBMISSION_ANNOTATION } from '../api/conditions.ts'
import { MAX_PAYLOAD_BYTES, QueueJobSpec, type QueueJobSpecInput } from '../api/queuejob.ts'
import { advice, sentence } from '../api/reasons.ts'
import { type JobDefinition, payloadToWire } from '../core/definition.ts'
import type { JobKey } from '../core/ids.ts'
import { InvalidJobError } from './errors.ts'
import type { NewJob } from './ports.ts'

/** What the API can say about a job that is not decided by definition and input. */
type SpecFields = Omit<
  QueueJobSpecInput,
  'type' | 'payload' | 'payloadFrom' | 'array' | 'startAfter' | 'dependsOn'
>

/** A job to wait for: its name, its handle, or either with what to wait for. */
export type Dependency =
  | string
  | { readonly name: string; readonly when?: 'Succeeded' | 'Finished' | undefined }

/** Everything is optional; what is left out is decided by the queue, else built in. */
export interface SubmitOptions extends SpecFields {
  /** Default: that of the connection. */
  readonly namespace?: string | undefined
  /** Default: `<type with dots as dashes>-<random>`. A name that is taken is a JobExistsError. */
  readonly name?: string | undefined
  /** Not before this time. A text is RFC 3339. Excludes `delaySeconds`. */
  readonly startAfter?: Date | string | undefined
  readonly dependsOn?: readonly Dependency[] | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
  /** Travel to the handler and into logs. */
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
  readonly correlationId?: string | undefined
  /** Sends the input as one JSON string: cheaper when it has many keys (hundreds). Default: false. */
  readonly asString?: boolean | undefined
  /** For all tries of storing the job together. Default: 60,000. */
  readonly timeoutMs?: number | undefined
  /** Ends the submission; the job may have been stored. */
  readonly signal?: AbortSignal | undefined
}

/** @throws InvalidJobError */
export function newJob<D extends JobDefinition>(
  definition: D,
  input: unknown,
  options: SubmitOptions,
  key: JobKey,
  submission: string,
): NewJob {
  const spec = specOf(definition, payloadOf(definition, input, options.asString ?? false), options)
  const checked = QueueJobSpec.safeParse(spec)
  if (!checked.success) {
    const issue = checked.error.issues[0]
    throw invalidSpec(issue?.path.join('.') ?? '', issue?.message ?? 'is not valid')
  }
  return {
    ...key,
    labels: options.labels ?? {},
    annotations: {
      ...options.annotations,
      ...(options.traceparent ? { [ANNOTATIONS.traceparent]: options.traceparent } : {}),
      ...(options.tracestate ? { [ANNOTATIONS.tracestate]: options.tracestate } : {}),
      ...(options.correlationId ? { [ANNOTATIONS.correlationId]: options.correlationId } : {}),
      ...(submission === '' ? {} : { [SUBMISSION_ANNOTATION]: submission }),
    },
    spec,
  }
}

type Value = { readonly payload?: unknown }

function payloadOf(definition: JobDefinition, input: unknown, asString: boolean): Value {
  const wire = payloadToWire(definition.input, input, asString)
  if (!wire.ok) {
    const field = wire.path === '' ? 'spec.payload' : `spec.payload.${wire.path}`
    const where = wire.path === '' ? '' : ` at ${wire.path}`
    throw new InvalidJobError(field, {
      code: 'InvalidPayload',
      message: `the input does not fit job type "${definition.type}" version ${definition.version}${where}: ${wire.problem}`,
      help: 'nothing was submitted: correct the input, or the `input` schema of the definition',
    })
  }
  if (wire.json === null) return {}
  const bytes = Buffer.byteLength(wire.json)
  if (bytes > MAX_PAYLOAD_BYTES) {
    throw new InvalidJobError('spec.payload', {
      code: 'PayloadTooLarge',
      message: sentence('PayloadTooLarge', { bytes, limit: MAX_PAYLOAD_BYTES }),
      help: `nothing was submitted: ${advice('PayloadTooLarge', {})}`,
    })
  }
  return { payload: JSON.parse(wire.json) }
}

function specOf(
  definition: JobDefinition,
  payload: Value,
  options: SubmitOptions,
): QueueJobSpecInput {
  const {
    namespace: _namespace,
    name: _name,
    labels: _labels,
    annotations: _annotations,
    traceparent: _traceparent,
    tracestate: _tracestate,
    correlationId: _correlationId,
    asString: _asString,
    timeoutMs: _timeoutMs,
    signal: _signal,
    startAfter,
    dependsOn,
    ...fields
  } = options
  return {
    ...fields,
    type: definition.type,
    ...payload,
    ...(startAfter === undefined ? {} : { startAfter: timeText(startAfter) }),
    ...(dependsOn === undefined ? {} : { dependsOn: dependsOn.map(dependencyOf) }),
  }
}

function timeText(time: Date | string): string {
  if (typeof time === 'string') return time
  if (Number.isNaN(time.getTime())) throw invalidSpec('startAfter', 'is not a time')
  return time.toISOString()
}

function dependencyOf(dependency: Dependency): { name: string; when?: 'Succeeded' | 'Finished' } {
  if (typeof dependency === 'string') return { name: dependency }
  const { name, when } = dependency
  return when === undefined ? { name } : { name, when }
}

function invalidSpec(path: string, problem: string): InvalidJobError {
  const field = path === '' ? 'spec' : `spec.${path}`
  return new InvalidJobError(field, {
    code: 'InvalidSpec',
    message: sentence('InvalidSpec', { field, error: problem }),
    help: `nothing was submitted; what may stand there: kubectl explain qj.${field.replace(/\.\d+/g, '')}`,
  })
}
