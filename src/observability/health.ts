/**
 * Alive and ready, as pure decisions over what the parts of the process say and how old it is.
 *
 * Not alive means: only a restart helps. So nothing outside the process can make it so: an API server
 * or a NATS server that is away would otherwise restart every operator, again and again, and the
 * handover with it. Not ready means: something keeps the process from its work; each part says what,
 * in one line, with what would change it. A part that informs (a standby, a pause) is shown and
 * changes neither. Whether the event loop runs needs no line: one that does not answers nothing.
 */
import { safeText } from './log.ts'

export interface Component {
  readonly name: string
  /** One line; '' = well. */
  readonly problem: string
  /** What the problem keeps from being so. Default: ready. */
  readonly weighs?: 'ready' | 'alive' | 'nothing'
}

export interface Health {
  readonly alive: boolean
  readonly ready: boolean
  /** One line for each component: `ok NAME`, `not ready NAME: why`, `not alive …`, `note …`. */
  readonly lines: readonly string[]
}

/** Longest line of an answer. */
const MAX_LINE = 512

export function judgeHealth(components: readonly Component[]): Health {
  const ill = components.filter(({ problem }) => problem !== '')
  const keeps = (what: 'ready' | 'alive') =>
    ill.some(({ weighs = 'ready' }) => weighs === what || (what === 'ready' && weighs === 'alive'))
  return { alive: !keeps('alive'), ready: !keeps('ready'), lines: components.map(lineOf) }
}

const WORDS = { ready: 'not ready', alive: 'not alive', nothing: 'note' } as const

function lineOf({ name, problem, weighs = 'ready' }: Component): string {
  if (problem === '') return `ok ${name}`
  return safeText(`${WORDS[weighs]} ${name}: ${problem}`, MAX_LINE)
}

/** A watch that hears nothing for so long is not current, whatever it believes. */
export const SILENT_AFTER_MS = 60_000

export interface WatchState {
  /** Plural name of the resource. */
  readonly resource: string
  readonly synced: boolean
  /** One line of its own; '' = none. */
  readonly problem: string
  /** Since the server said anything, bookmarks included. */
  readonly silentForMs: number
}

export function watchComponent(state: WatchState): Component {
  const { resource, synced, problem, silentForMs } = state
  const name = `watch ${resource}`
  if (problem !== '') return { name, problem }
  if (!synced) return { name, problem: 'the first list is not complete' }
  if (silentForMs < SILENT_AFTER_MS) return { name, problem: '' }
  const seconds = Math.round(silentForMs / 1000)
  return {
    name,
    problem: `the API server has been silent for ${seconds} s; the watch is opened anew by itself`,
  }
}

export interface ApiServerState {
  readonly server: string
  /** Since the last answer of any kind; Infinity = none yet. */
  readonly silentForMs: number
}

export function apiServerComponent({ server, silentForMs }: ApiServerState): Component {
  const name = 'kubernetes'
  if (silentForMs < SILENT_AFTER_MS) return { name, problem: '' }
  const since = Number.isFinite(silentForMs)
    ? `has not answered for ${Math.round(silentForMs / 1000)} s`
    : 'has not answered yet'
  return {
    name,
    problem: `API server ${server} ${since}; nothing is lost, everything goes on when it is back`,
  }
}

export interface LinkState {
  readonly connected: boolean
  /** Why not, in one line: unreachable, refused, too old. */
  readonly problem: string
  /** Since `connected` changed. */
  readonly forMs: number
}

export function natsComponent({ connected, problem, forMs }: LinkState): Component {
  const name = 'nats'
  if (connected) return { name, problem: '' }
  const why = problem === '' ? 'not connected' : problem
  const seconds = Math.round(forMs / 1000)
  return {
    name,
    problem: `${why} (for ${seconds} s); jobs are accepted and kept, nothing starts until it is back`,
  }
}
