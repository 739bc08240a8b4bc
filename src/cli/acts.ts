/**
 * Asks for actions and tells what became of them. Each is a QueueAction of the caller's own name: the
 * API server says whether he may, the operator carries it out, and nobody writes one by hand.
 */
import type { QueueActionSpec } from '../api/queueaction.ts'
import { adviceFor, isReason, REASONS } from '../api/reasons.ts'
import { type ActionEnd, followAction, storeAction } from '../client/act.ts'
import { ActionFailedError, ApiError, NAMESPACE_TERMINATING } from '../client/errors.ts'
import type { ActionView } from '../client/ports.ts'
import { inParallel } from './bounded.ts'
import { EXIT } from './exit.ts'
import type { Given } from './given.ts'
import type { Cluster, Context } from './ports.ts'
import { Progress } from './progress.ts'
import { printable } from './table.ts'
import { countOf, secondsOf } from './values.ts'

/** One action to ask for. */
export interface Ask {
  readonly namespace: string
  /** What it is about, for people: `job order-1`, `jobs`, `queue shop`. */
  readonly about: string
  /** What the name of the action begins with: `cancel-order-1`. */
  readonly prefix: string
  readonly spec: QueueActionSpec
}

/** What every action takes: who asks, why, and how fast. */
export async function actionOf(
  cluster: Cluster,
  given: Given,
  act: Pick<QueueActionSpec, 'action' | 'target'> & Partial<QueueActionSpec>,
): Promise<QueueActionSpec> {
  const requestedBy = await cluster.identity.whoAmI()
  const optional = {
    comment: given.text('comment'),
    graceSeconds: given.read('grace', secondsOf),
    ratePerSecond: given.read('rate', countOf(1, 1_000)),
    maxTargets: given.read('max-targets', countOf(1, 1_000_000)),
    requestedBy: requestedBy === '' ? undefined : requestedBy,
  }
  const set = Object.entries(optional).filter(([, value]) => value !== undefined)
  return { ...act, ...Object.fromEntries(set) }
}

const PARALLEL = 8
const DEFAULT_TIMEOUT_SECONDS = 60
const STORE_MS = 30_000

/** The exit code: the worst of all. */
export async function carryOut(
  context: Context,
  given: Given,
  asks: readonly Ask[],
): Promise<number> {
  const { clock } = context
  const timeoutMs = (given.read('timeout', secondsOf) ?? DEFAULT_TIMEOUT_SECONDS) * 1000
  const until = clock.monotonic() + timeoutMs
  const progress = new Progress(context)
  const running = new Map<Ask, ActionView>()
  const ended: [Ask, Told][] = []
  const say = () => progress.say(progressText(asks, running, ended.length))
  try {
    await inParallel(asks, PARALLEL, async (ask) => {
      const seen = (action: ActionView) => {
        running.set(ask, action)
        say()
      }
      const told = await carryOutOne(context, given, ask, { until, seen })
      ended.push([ask, told])
      say()
    })
  } finally {
    progress.end()
    // In the order in which they were asked for; also those that ended before one was refused.
    for (const ask of asks) {
      const told = ended.find(([each]) => each === ask)?.[1]
      if (told) await told.tell(context)
    }
  }
  return worst(ended.map(([, { code }]) => code))
}

/** What is to be said about one action, and how it counts. */
interface Told {
  readonly code: number
  readonly tell: (context: Context) => Promise<void>
}

interface Watching {
  readonly until: number
  readonly seen: (action: ActionView) => void
}

async function carryOutOne(
  context: Context,
  given: Given,
  ask: Ask,
  { until, seen }: Watching,
): Promise<Told> {
  const { clock, random, signal } = context
  const { actions } = await context.cluster()
  const parts = { actions, clock, random }
  const { namespace, prefix, spec, about } = ask
  const says = `the ${spec.action} of ${about}`
  try {
    const stored = await storeAction(
      parts,
      { namespace, prefix, says, spec },
      { timeoutMs: STORE_MS, signal },
    )
    if (!given.on('wait')) return asked(ask, stored)
    return toldOf(ask, await followAction(parts, stored, { until, signal, seen }))
  } catch (error) {
    if (isEnding(error) && spec.target.all) return leftOut(ask)
    if (!(error instanceof ActionFailedError)) throw error
    return noting(EXIT.cancelled, [error.message, error.help])
  }
}

const isEnding = (error: unknown) =>
  error instanceof ApiError && error.code === NAMESPACE_TERMINATING

/** What is asked of everything must not end at a namespace that ends by itself. */
function leftOut(ask: Ask): Told {
  return noting(EXIT.done, [
    `gq: ${about(ask)}: the namespace is being deleted and takes no ${ask.spec.action}; left out`,
    `what still runs there: kubectl -n ${ask.namespace} get qj`,
  ])
}

function asked(ask: Ask, { namespace, name }: ActionView): Told {
  const line = `${about(ask)}: ${ask.spec.action} was asked for (QueueAction ${name} in namespace ${namespace})`
  return { code: EXIT.done, tell: ({ output }) => output.write(`${printable(line)}\n`) }
}

const about = (ask: Ask): string => `${ask.about} in namespace ${ask.namespace}`

function toldOf(ask: Ask, { kind, action }: ActionEnd): Told {
  if (kind === 'unfinished') return unfinished(ask, action)
  return action.phase === 'Failed' ? refused(ask, action) : completed(ask, action)
}

function completed(ask: Ask, action: ActionView): Told {
  const { done, skipped, failed, matched } = action.counts
  const counts = `${done} of ${matched} done, ${skipped} needed no change${failed === 0 ? '' : `, ${failed} could not be changed`}`
  const one = ask.spec.target.name !== undefined
  const how = one ? (done > 0 ? 'done' : failed > 0 ? 'failed' : 'nothing to do') : counts
  const why = action.message === '' || (one && done > 0) ? '' : ` (${action.message})`
  const failures = action.failures.map(
    ({ name, reason, message }) => `${name}: ${reason}${message === '' ? '' : `: ${message}`}`,
  )
  return {
    code: failed > 0 ? EXIT.failed : EXIT.done,
    tell: async ({ output }) => {
      await output.write(`${printable(`${about(ask)}: ${ask.spec.action} ${how}${why}`)}\n`)
      for (const line of failures) output.note(`    ${printable(line)}\n`)
    },
  }
}

function refused(ask: Ask, action: ActionView): Told {
  const { namespace, name, reason, message } = action
  const code = isReason(reason) ? REASONS[reason].exitCode : EXIT.failed
  const { kind } = ask.spec.target
  const help =
    adviceFor(reason, { namespace, kind }) ||
    `see it: kubectl -n ${namespace} get qact ${name} -o yaml`
  return noting(code === EXIT.done ? EXIT.failed : code, [
    `gq: ${about(ask)}: ${ask.spec.action} failed (${reason || 'no reason'}): ${message}`,
    help,
  ])
}

function unfinished(ask: Ask, action: ActionView): Told {
  const { namespace, name, phase } = action
  const pending = phase === 'Pending' ? 'no operator has taken it up yet' : `it is ${phase}`
  return noting(EXIT.timedOut, [
    `gq: ${about(ask)}: ${ask.spec.action} is stored and was not carried out in time: ${pending}`,
    `it goes on: kubectl -n ${namespace} get qact ${name}; deleting it stops it`,
  ])
}

function noting(code: number, [what = '', help = '']: readonly string[]): Told {
  return {
    code,
    tell: async ({ output }) => output.note(`${printable(what)}\n    ${printable(help)}\n`),
  }
}

/** What a script must not miss comes first. */
const WEIGHT: readonly number[] = [
  EXIT.forbidden,
  EXIT.failed,
  EXIT.notFound,
  EXIT.timedOut,
  EXIT.cancelled,
]

export function worst(codes: readonly number[]): number {
  return WEIGHT.find((code) => codes.includes(code)) ?? codes.find((code) => code !== 0) ?? 0
}

function progressText(
  asks: readonly Ask[],
  running: ReadonlyMap<Ask, ActionView>,
  ended: number,
): string {
  const [only] = asks
  const action = only && running.get(only)
  if (asks.length !== 1 || !action) return `${ended} of ${asks.length} actions carried out`
  const { matched, done, skipped, failed } = action.counts
  if (matched === 0) return `${only.spec.action}: ${action.phase}`
  return `${only.spec.action}: ${done + skipped + failed} of ${matched} targets (${failed} failed)`
}
