/**
 * The client: submit, get, list (`surface.ts`). It holds no state but the watches that somebody waits
 * behind; everything it says was read from the API server.
 */
import { z } from 'zod'
import { sentence } from '../api/reasons.ts'
import type { Clock, Random } from '../core/clock.ts'
import type { JobDefinition, Resolved, Submitted } from '../core/definition.ts'
import { GopherQueueError } from '../core/errors.ts'
import { type JobKey, keyText } from '../core/ids.ts'
import { type CreateEnd, createOnce } from './create.ts'
import {
  ApiError,
  InvalidJobError,
  JobExistsError,
  JobNotFoundError,
  SubmissionUnknownError,
} from './errors.ts'
import { Feeds } from './feeds.ts'
import { JobHandle, type JobParts } from './job.ts'
import { nameFrom, prefixOfType, submissionId } from './names.ts'
import type { ActionStore, EvidenceStore, Identity, JobFeed, JobStore, JobView } from './ports.ts'
import { linked, underSignals } from './signals.ts'
import { newJob, type SubmitOptions } from './submission.ts'
import type { GetOptions, GopherQueue, Job, ListOptions } from './surface.ts'

export interface ClientParts {
  readonly store: JobStore
  readonly feed: JobFeed
  readonly evidence: EvidenceStore
  readonly actions: ActionStore
  readonly identity: Identity
  readonly clock: Clock
  readonly random: Random
  /** Where jobs are when a call names no namespace. */
  readonly namespace: string
  /** Gives back connections. */
  readonly release: () => Promise<void>
}

const DEFAULT_TIMEOUT_MS = 60_000
/** A job that may be deleted this soon after its end is not created again after a lost answer. */
const SHORT_TTL_SECONDS = 300

export class Client implements GopherQueue {
  readonly #parts: ClientParts
  readonly #jobs: JobParts
  readonly #closer = new AbortController()

  constructor(parts: ClientParts) {
    this.#parts = parts
    this.#jobs = { ...parts, feeds: new Feeds(parts), closing: this.#closer.signal }
  }

  async submit<D extends JobDefinition>(
    definition: D,
    input: Submitted<D>,
    options: SubmitOptions = {},
  ): Promise<Job<Resolved<D>>> {
    const end = await this.#under(options, (signal) => {
      return this.#store(definition, input, { ...options, signal }).catch(refused)
    })
    if (end.kind === 'created') return this.#handle(end.object, definition)
    const key = { namespace: this.#namespace(options), name: end.name }
    throw end.kind === 'taken' ? exists(key) : unknown(key, end.cause)
  }

  async get<D extends JobDefinition = JobDefinition>(
    name: string,
    options: GetOptions<D> = {},
  ): Promise<Job<Resolved<D>>> {
    const key = { namespace: this.#namespace(options), name }
    const job = await this.#under(options, (signal) => this.#parts.store.get(key, signal))
    if (job === null) throw notFound(key)
    if (options.as && job.type !== options.as.type) throw wrongType(job, options.as)
    return this.#handle(job, options.as)
  }

  async *list(options: ListOptions = {}): AsyncGenerator<Job, void, void> {
    const { signal, release } = linked([options.signal, this.#closer.signal])
    try {
      signal.throwIfAborted()
      const namespace = this.#namespace(options)
      for await (const job of this.#parts.store.list(namespace, options, signal)) {
        yield this.#handle(job, undefined)
      }
    } finally {
      release()
    }
  }

  async close(): Promise<void> {
    if (this.#closer.signal.aborted) return
    this.#closer.abort(new GopherQueueError('Closed', 'the connection to GopherQueue was closed'))
    await this.#parts.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #store(
    definition: JobDefinition,
    input: unknown,
    options: SubmitOptions,
  ): Promise<CreateEnd<JobView>> {
    const { clock, random, store } = this.#parts
    const namespace = this.#namespace(options)
    const made = () => nameFrom(prefixOfType(definition.type), random)
    const name = options.name ?? made()
    // A name of the client's own is proof enough; one that others may choose, too, needs a mark.
    const submission = options.name === undefined ? '' : submissionId(random)
    const job = newJob(definition, input, options, { namespace, name }, submission)
    const ttl = options.ttlSecondsAfterFinished ?? Number.POSITIVE_INFINITY
    return createOnce(
      {
        name,
        anotherName: options.name === undefined ? made : null,
        create: (as, signal) => store.create({ ...job, name: as }, signal),
        find: (as, signal) => store.get({ namespace, name: as }, signal),
        own: (found) => found.submission === submission,
        repeatable: ttl >= SHORT_TTL_SECONDS,
      },
      { clock, random, timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal: options.signal },
    )
  }

  #under<T>(
    options: { readonly signal?: AbortSignal | undefined },
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return underSignals([options.signal, this.#closer.signal], run)
  }

  #namespace(options: { readonly namespace?: string | undefined }): string {
    return options.namespace ?? this.#parts.namespace
  }

  #handle<D extends JobDefinition>(job: JobView, definition: D | undefined): Job<Resolved<D>> {
    const output = (definition?.output ?? z.unknown()) as z.ZodType<Resolved<D>>
    return new JobHandle(this.#jobs, output, job)
  }
}

/** What the API server found wrong is told as what this client finds wrong. */
function refused(error: unknown): never {
  if (!(error instanceof ApiError) || error.code !== 'InvalidSpec') throw error
  const { code, message, help, field } = error
  throw new InvalidJobError(field || 'spec', { code, message, help, cause: error })
}

function exists(key: JobKey): JobExistsError {
  return new JobExistsError(key, {
    message: `job ${keyText(key)} exists already and was not made by this call; nothing was submitted`,
    help: `see it: kubectl -n ${key.namespace} get qj ${key.name}; choose another name, leave the name out, or wait for that job with gq.get(${JSON.stringify(key.name)})`,
  })
}

function unknown(key: JobKey, cause: unknown): SubmissionUnknownError {
  return new SubmissionUnknownError(key, {
    message: `whether job ${keyText(key)} was stored is not known: the API server gave no answer in time`,
    help: `see whether it is there: kubectl -n ${key.namespace} get qj ${key.name}; to submit again without a second job, give name: ${JSON.stringify(key.name)}`,
    cause,
  })
}

function notFound(key: JobKey): JobNotFoundError {
  return new JobNotFoundError(key, {
    message: sentence('TargetNotFound', { kind: 'QueueJob', ...key }),
    help: `see what there is: kubectl -n ${key.namespace} get qj`,
  })
}

function wrongType(job: JobView, wanted: JobDefinition): GopherQueueError {
  return new GopherQueueError(
    'WrongType',
    `job ${keyText(job)} is of type "${job.type}", not "${wanted.type}"`,
    { help: 'give the definition of its type as `as`, or none' },
  )
}
