/**
 * `gq cancel`, `retry`, `replay`, `discard`, `confirm`: jobs by name, each with an action of its own
 * that names its uid, or all that match, with one action whose set is what the operator finds at its
 * start.
 *
 * Retry and replay are one thing to a user: run it again. What the API calls Retry is for a job that
 * waits for its next attempt, Replay for one that has ended; `gq retry` takes the one that fits the
 * job, and says which.
 */
import type { Phase } from '../api/conditions.ts'
import { TERMINAL_PHASES, WAITING_PHASES } from '../api/conditions.ts'
import { MAX_PAYLOAD_BYTES } from '../api/queuejob.ts'
import { advice, type Reason, sentence } from '../api/reasons.ts'
import { GopherQueueError } from '../core/errors.ts'
import type { StoredObject } from '../kube/client-objects.ts'
import { type Ask, actionOf, carryOut } from './acts.ts'
import { inParallel } from './bounded.ts'
import { countJobs, stopUnlessMeant } from './bulk.ts'
import { EXIT, UsageError } from './exit.ts'
import { recordAt, textAt } from './fields.ts'
import type { Given } from './given.ts'
import { notFound } from './near.ts'
import { payloadOf } from './payload.ts'
import type { Context } from './ports.ts'
import { FAILED_PHASES, type Selection, selectionOf, selectsAll, targetOf } from './selection.ts'

type JobAction = 'Cancel' | 'Retry' | 'Replay' | 'Discard' | 'Resume'

interface JobAct {
  /** For a mistake: `gq cancel`. */
  readonly command: string
  /** The action for one job in that phase; null: there is none. */
  readonly forOne: (phase: string) => JobAction | null
  /** Why there is none. */
  readonly unfit: (phase: string) => string
  /** Phases that are meant when none is given. */
  readonly phases: readonly Phase[]
  /** The one reason that is meant. */
  readonly reason?: Reason
  /** The action for all that match these phases. @throws UsageError for those that do not go together */
  readonly forMany: (phases: readonly string[]) => JobAction
}

const isEnded = (phase: string) => (TERMINAL_PHASES as readonly string[]).includes(phase)
const SUCCEEDED = 'it has succeeded; to run it again, change spec.runId'
const REPLAYED: readonly string[] = ['Failed', 'DeadLettered', 'Cancelled']

const CANCEL: JobAct = {
  command: 'gq cancel',
  forOne: () => 'Cancel',
  unfit: () => '',
  phases: [...WAITING_PHASES, 'Running'],
  forMany: () => 'Cancel',
}

const RETRY: JobAct = {
  command: 'gq retry',
  forOne: (phase) => (phase === 'Retrying' ? 'Retry' : REPLAYED.includes(phase) ? 'Replay' : null),
  unfit: (phase) => (phase === 'Completed' ? SUCCEEDED : `it is ${phase} and has not failed`),
  phases: FAILED_PHASES,
  forMany: (phases) => {
    if (phases.every((phase) => phase === 'Retrying')) return 'Retry'
    if (phases.every((phase) => REPLAYED.includes(phase))) return 'Replay'
    throw new UsageError(
      `gq retry: --phase ${phases.join(', ')} do not go together`,
      'either Retrying (their next attempt now), or Failed, DeadLettered, Cancelled (run again from the start)',
    )
  },
}

const REPLAY: JobAct = {
  command: 'gq replay',
  forOne: (phase) => (REPLAYED.includes(phase) ? 'Replay' : null),
  unfit: (phase) => (phase === 'Completed' ? SUCCEEDED : `it is ${phase} and has not ended`),
  phases: FAILED_PHASES,
  forMany: () => 'Replay',
}

const DISCARD: JobAct = {
  command: 'gq discard',
  forOne: () => 'Discard',
  unfit: () => '',
  phases: ['DeadLettered'],
  forMany: () => 'Discard',
}

const CONFIRM: JobAct = {
  command: 'gq confirm',
  forOne: (phase) => (isEnded(phase) ? null : 'Resume'),
  unfit: (phase) => `it has ended (${phase})`,
  phases: ['Blocked'],
  reason: 'RestoredUnconfirmed',
  forMany: () => 'Resume',
}

export const cancelJobs = commandOf(CANCEL)
export const retryJobs = commandOf(RETRY)
export const replayJobs = commandOf(REPLAY)
export const discardJobs = commandOf(DISCARD)
export const confirmJobs = commandOf(CONFIRM)

function commandOf(act: JobAct): (context: Context, given: Given) => Promise<number> {
  return async (context, given) => {
    const selection = selectionOf(given, context.clock.now(), context.zone)
    const all = given.on('all')
    if (given.args.length > 0) {
      if (all || !selectsAll(selection)) {
        throw new UsageError(
          `${act.command}: names and a selection do not go together`,
          'give names of jobs, or options that select them',
        )
      }
      return actByName(act, context, given)
    }
    if (!all && selectsAll(selection)) {
      throw new UsageError(
        `${act.command}: which jobs?`,
        'give names, or a selection (--queue, --type, --phase, --failed, -l …), or --all',
      )
    }
    if (given.text('payload') !== undefined) {
      throw new UsageError('--payload goes with the name of one job only')
    }
    return actOnMany(act, context, given, selection)
  }
}

async function actByName(act: JobAct, context: Context, given: Given): Promise<number> {
  const names = [...new Set(given.args)]
  const payload = await replacement(context, given, names)
  const cluster = await context.cluster()
  const { namespace } = cluster
  const jobs = await inParallel(names, 8, async (name) => {
    const key = { namespace, name }
    const job = await cluster.objects.get('QueueJob', key, context.signal)
    return job ?? (await notFound(context, 'QueueJob', key))
  })
  const missing = jobs.find((job) => job instanceof Error)
  if (missing) throw missing
  const found = jobs.filter((job): job is StoredObject => !(job instanceof Error))
  const asks = await inParallel(found, 8, async ({ raw, meta }): Promise<Ask> => {
    const phase = textAt(recordAt(raw, 'status'), 'phase') || 'Pending'
    const action = act.forOne(phase)
    if (action === null) throw unfit(act, namespace, meta.name, phase)
    if (payload && action !== 'Replay') {
      throw new UsageError(
        `--payload: job ${meta.name} is ${phase}, only a job that has ended takes another payload`,
      )
    }
    const target = { kind: 'QueueJob', name: meta.name, uid: meta.uid } as const
    return {
      namespace,
      about: `job ${meta.name}`,
      prefix: `${action.toLowerCase()}-${meta.name}`,
      spec: await actionOf(cluster, given, { action, target, ...payload }),
    }
  })
  if (given.on('dry-run')) {
    for (const { spec, about } of asks) {
      await context.output.write(`${spec.action} ${about}: nothing was changed (dry run)\n`)
    }
    return EXIT.done
  }
  return carryOut(context, given, asks)
}

function unfit(act: JobAct, namespace: string, name: string, phase: string): GopherQueueError {
  return new GopherQueueError(
    'Unfit',
    `${act.command}: job ${name}: ${act.unfit(phase)}; nothing was changed`,
    {
      help: `see it: gq -n ${namespace} get ${name}`,
    },
  )
}

async function replacement(
  context: Context,
  given: Given,
  names: readonly string[],
): Promise<{ readonly payload: unknown } | null> {
  const text = given.text('payload')
  if (text === undefined) return null
  if (names.length !== 1) throw new UsageError('--payload goes with the name of one job only')
  const payload = await payloadOf(context, text)
  const bytes = Buffer.byteLength(JSON.stringify(payload))
  if (bytes <= MAX_PAYLOAD_BYTES) return { payload }
  throw new GopherQueueError(
    'PayloadTooLarge',
    sentence('PayloadTooLarge', { bytes, limit: MAX_PAYLOAD_BYTES }),
    { help: `nothing was changed: ${advice('PayloadTooLarge', {})}` },
  )
}

/** More than this an action refuses unless it is told otherwise (resources.md). */
const DEFAULT_MAX_TARGETS = 10_000

async function actOnMany(
  act: JobAct,
  context: Context,
  given: Given,
  asked: Selection,
): Promise<number> {
  const selection = {
    ...asked,
    phases: asked.phases.length > 0 ? asked.phases : act.phases,
    reason: asked.reason ?? act.reason,
  }
  const action = act.forMany(selection.phases)
  const target = targetOf(selection)
  const cluster = await context.cluster()
  const { namespace } = cluster
  const spec = await actionOf(cluster, given, { action, target })
  const { total, says } = await countJobs(context, namespace, selection)
  if (total === 0) {
    context.output.note(`no job in namespace ${namespace} matches; nothing was changed\n`)
    return EXIT.done
  }
  const most = spec.maxTargets ?? DEFAULT_MAX_TARGETS
  if (total > most && !given.on('dry-run')) {
    throw new UsageError(
      `${act.command}: ${total} jobs match (${says}), and an action takes at most ${most}; nothing was changed`,
      `narrow the selection, or give --max-targets ${total}`,
    )
  }
  const stop = await stopUnlessMeant(context, given, {
    act: `${action} ${total} ${total === 1 ? 'job' : 'jobs'} in namespace ${namespace} (${says})`,
    mind: '',
  })
  if (stop !== null) return stop
  const prefix = `${action.toLowerCase()}-jobs`
  return carryOut(context, given, [{ namespace, about: 'jobs', prefix, spec }])
}
