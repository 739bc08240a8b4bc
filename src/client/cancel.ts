/**
 * Cancels one job: a QueueAction that names it by name and uid, so that a job that was created again
 * under the name is never hit, and that says who asks (resources.md, "QueueAction"). The API server
 * decides whether the caller may (verb `cancel` on the job); the operator carries it out. An outcome
 * that was recorded first wins, and the action then changes nothing.
 */
import { QueueActionSpec } from '../api/queueaction.ts'
import { adviceFor } from '../api/reasons.ts'
import { GopherQueueError } from '../core/errors.ts'
import { keyText } from '../core/ids.ts'
import { type ActParts, actionKey, followAction, storeAction } from './act.ts'
import { ActionFailedError, type JobRef } from './errors.ts'
import type { ActionView, Identity } from './ports.ts'
import type { CancelOptions, CancelReceipt } from './surface.ts'

export interface CancelParts extends ActParts {
  readonly identity: Identity
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
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  const { namespace } = job
  const says = `the cancel of job ${keyText(job)}`
  const act = { namespace, prefix: `cancel-${job.name}`, says, spec }
  const stored = await storeAction(parts, act, { timeoutMs, signal })
  if (!options.wait) return { action: stored.name, done: false }
  const end = await followAction(parts, stored, { until, signal })
  if (end.kind === 'unfinished') throw unfinished(end.action)
  if (end.action.phase === 'Failed') throw failed(end.action)
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

function failed(action: ActionView): ActionFailedError {
  const { namespace, name } = action
  const reason = action.failure?.reason ?? action.reason
  return new ActionFailedError(actionKey(action), {
    code: reason || 'Failed',
    message: `QueueAction ${keyText(action)} failed (${reason}): ${action.failure?.message || action.message}`,
    help:
      adviceFor(reason, { namespace, kind: 'QueueJob' }) ||
      `see it: kubectl -n ${namespace} get qact ${name} -o yaml`,
  })
}

function unfinished(action: ActionView): ActionFailedError {
  return new ActionFailedError(actionKey(action), {
    code: 'ActionUnfinished',
    message: `QueueAction ${keyText(action)} is stored and ${action.phase}; the operator has not carried it out in time`,
    help: `it will be carried out: kubectl -n ${action.namespace} get qact ${action.name}; if nothing happens, see whether the operator runs`,
  })
}
