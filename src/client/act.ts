/**
 * Actions as a client asks for them: stored once, although answers get lost, and followed until the
 * operator has carried them out (resources.md, "QueueAction"). The API server decides whether the
 * caller may; what is asked for, and what its end means, is decided by the caller.
 */
import type { QueueActionSpec } from '../api/queueaction.ts'
import { backoffMs } from '../core/backoff.ts'
import { type Clock, type MonoMs, type Random, sleep } from '../core/clock.ts'
import { type JobKey, keyText } from '../core/ids.ts'
import { createOnce } from './create.ts'
import { ActionFailedError, ApiError } from './errors.ts'
import { nameFrom } from './names.ts'
import type { ActionStore, ActionView } from './ports.ts'

export interface ActParts {
  readonly actions: ActionStore
  readonly clock: Clock
  readonly random: Random
}

export interface Act {
  readonly namespace: string
  /** What the name of the action begins with, such as `cancel-order-1001`. */
  readonly prefix: string
  /** For errors, such as `the cancel of job shop/order-1001`. */
  readonly says: string
  readonly spec: QueueActionSpec
}

export interface StoreLimits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** @throws ForbiddenError, ApiError; code `ActionUnknown`: no answer came in time */
export async function storeAction(
  parts: ActParts,
  act: Act,
  limits: StoreLimits,
): Promise<ActionView> {
  const { actions, clock, random } = parts
  const { namespace, spec } = act
  const another = () => nameFrom(act.prefix, random)
  const end = await createOnce<ActionView>(
    {
      name: another(),
      anotherName: another,
      create: (name, signal) =>
        actions.create({ namespace, name, labels: {}, annotations: {}, spec }, signal),
      find: (name, signal) => actions.get({ namespace, name }, signal),
      own: () => true,
      repeatable: true,
    },
    { clock, random, timeoutMs: limits.timeoutMs, signal: limits.signal },
  )
  if (end.kind === 'created') return end.object
  throw new ApiError('transient', {
    code: 'ActionUnknown',
    message: `whether ${act.says} was stored (QueueAction ${end.name}) is not known: no answer came in time`,
    help: `see it: kubectl -n ${namespace} get qact ${end.name}; asking again does no harm`,
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

export type ActionEnd =
  | { readonly kind: 'ended'; readonly action: ActionView }
  /** The time is over; the operator will still carry it out. */
  | { readonly kind: 'unfinished'; readonly action: ActionView }

export interface Following {
  readonly until: MonoMs
  readonly signal?: AbortSignal | undefined
  /** Told of each version that was read. */
  readonly seen?: (action: ActionView) => void
}

/**
 * Most actions end within moments, so they are asked for, at growing intervals, instead of watched.
 * @throws ActionFailedError `Deleted`, ApiError, or the reason of the signal
 */
export async function followAction(
  parts: ActParts,
  action: ActionView,
  { until, signal, seen }: Following,
): Promise<ActionEnd> {
  const { clock, random, actions } = parts
  for (let asked = 1, now = action; ; asked++) {
    seen?.(now)
    if (now.phase === 'Completed' || now.phase === 'Failed') return { kind: 'ended', action: now }
    if (clock.monotonic() >= until) return { kind: 'unfinished', action: now }
    await sleep(clock, backoffMs(POLL, asked, random.uniform()), signal)
    signal?.throwIfAborted()
    const read = await readAgain(actions, now, signal)
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

function stopped(action: ActionView): ActionFailedError {
  return new ActionFailedError(actionKey(action), {
    code: 'Deleted',
    message: `QueueAction ${keyText(action)} was deleted before it had ended`,
    help: 'deleting an action stops it; ask again if it is still wanted',
  })
}

export function actionKey({ namespace, name }: JobKey): JobKey {
  return { namespace, name }
}
