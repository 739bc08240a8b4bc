/**
 * Cancels one job: a QueueAction that names it by name and uid, so that a job that was created again
 * under the name is never hit, and that says who asks (resources.md, "QueueAction"). The API server
 * decides whether the caller may (verb `cancel` on the job); the operator carries it out. An outcome
 * that was recorded first wins, and the action then changes nothing.
 */
import { QueueActionSpec } from '../api/queueaction.ts'
import { backoffMs } from '../core/backoff.ts'
import { type Clock, type Random, sleep } from '../core/clock.ts'
import { GopherQueueError } from '../core/errors.ts'
import { type JobKey, keyText } from '../core/ids.ts'
import { adviceFor } from './advice.ts'
import { createOnce } from './create.ts'
import { ActionFailedError, ApiError, type JobRef } from './errors.ts'
import { nameFrom } from './names.ts'
import type { ActionStore, ActionView, Identity, NewAction } from './ports.ts'
import type { CancelOptions, CancelReceipt } from './surface.ts'

export interface CancelParts {
  readonly actions: ActionStore
  readonly identity: Identity
  readonly clock: Clock
  readonly random: Random
}

const DEFAULT_TIMEOUT_MS = 60_000

/** @throws ForbiddenError, ApiError, ActionFailedError, or code `InvalidSpec`, `ActionUnfinished` */
export async function cancelJob(
  parts: CancelParts,
  job: JobRef,
  options: CancelOptions,
): Promise<CancelReceipt> {
  const until = parts.clock.monotonic() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  const spec = specOf(job, options.comment, await parts.identity.whoAmI())
  const stored = await store(parts, job, spec, options)
  if (!options.wait) return { action: stored.name, done: false }
  await carriedOut(parts, stored, until, options.signal)
  return { action: stored.name, done: true }
}

function specOf(job: JobRef, comment: string | undefined, requestedBy: string): QueueActionSpec {
  const read = QueueActionSpec.safeParse({
    action: 'Cancel',
    target: { kind: 'QueueJob', name: job.name, uid: job.uid },
    ...(comment ? { comment } : {}),
    ...(requestedBy === '' ? {} : { requestedBy }),
  })
  if (read.success) return read.data
  const issue = read.error.issues[0]
  throw new GopherQueueError(
    'InvalidSpec',
    `the cancel of job ${keyText(job)} is not valid at spec.${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    { help: 'what may stand there: kubectl explain qact.spec' },
  )
}

async function store(
  parts: CancelParts,
  job: JobRef,
  spec: QueueActionSpec,
  options: CancelOptions,
): Promise<ActionView> {
  const { actions, clock, random } = parts
  const { namespace } = job
  const another = () => nameFrom(`cancel-${job.name}`, random)
  const end = await createOnce<ActionView>(
    {
      name: another(),
      anotherName: another,
      create: (name, signal) => {
        const action: NewAction = { namespace, name, labels: {}, annotations: {}, spec }
        return actions.create(action, signal)
      },
      find: (name, signal) => actions.get({ namespace, name }, signal),
      own: () => true,
      repeatable: true,
    },
    {
      clock,
      random,
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      signal: options.signal,
    },
  )
  if (end.kind === 'created') return end.object
  throw new ApiError('transient', {
    code: 'ActionUnknown',
    message: `whether the cancel of job ${keyText(job)} was stored (QueueAction ${end.name}) is not known: no answer came in time`,
    help: `see it: kubectl -n ${namespace} get qact ${end.name}; cancelling again does no harm`,
    cause: end.kind === 'unknown' ? end.cause : undefined,
  })
}

const POLL = {
  strategy: 'Exponential',
  initialMs: 50,
  maxMs: 2_000,
  multiplier: 2,
  jitter: 0.2,
} as const

/** An action ends within moments, so it is asked for, at growing intervals, instead of watched. */
async function carriedOut(
  parts: CancelParts,
  action: ActionView,
  until: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { clock, random } = parts
  for (let asked = 1, now = action; ; asked++) {
    if (now.phase === 'Completed') return
    if (now.phase === 'Failed') throw failed(now)
    if (clock.monotonic() >= until) throw unfinished(now)
    await sleep(clock, backoffMs(POLL, asked, random.uniform()), signal)
    signal?.throwIfAborted()
    const read = await readAgain(parts.actions, now, signal)
    if (read === null || read.uid !== action.uid) throw stopped(action)
    now = read
  }
}

/** What is known already when the API server does not answer for a moment. */
async function readAgain(
  actions: ActionStore,
  known: ActionView,
  signal: AbortSignal | undefined,
): Promise<ActionView | null> {
  try {
    return await actions.get(known, signal)
  } catch (error) {
    if (error instanceof ApiError && error.failure !== 'terminal') return known
    throw error
  }
}

function failed(action: ActionView): ActionFailedError {
  const { namespace, name } = action
  const reason = action.failure?.reason ?? action.reason
  return new ActionFailedError(keyOf(action), {
    code: reason || 'Failed',
    message: `QueueAction ${keyText(action)} failed (${reason}): ${action.failure?.message || action.message}`,
    help:
      adviceFor(reason, { namespace, kind: 'QueueJob' }) ||
      `see it: kubectl -n ${namespace} get qact ${name} -o yaml`,
  })
}

function stopped(action: ActionView): ActionFailedError {
  return new ActionFailedError(keyOf(action), {
    code: 'Deleted',
    message: `QueueAction ${keyText(action)} was deleted before it had ended`,
    help: 'deleting an action stops it; cancel again if it is still wanted',
  })
}

function unfinished(action: ActionView): ActionFailedError {
  return new ActionFailedError(keyOf(action), {
    code: 'ActionUnfinished',
    message: `QueueAction ${keyText(action)} is stored and ${action.phase}; the operator has not carried it out in time`,
    help: `it will be carried out: kubectl -n ${action.namespace} get qact ${action.name}; if nothing happens, see whether the operator runs`,
  })
}

function keyOf({ namespace, name }: JobKey): JobKey {
  return { namespace, name }
}
