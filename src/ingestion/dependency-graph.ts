/**
 * Who waits for whom: a graph over the names of the jobs that the ledger holds. A node is a name, for a
 * dependency may be named before its job is there; an edge belongs to a job that still waits and has
 * never started, so a job that started or ended neither waits nor is waited upon by anything old.
 *
 *   edge   waits ── its job ended as asked ──▶ met
 *            ├────── it ended otherwise ─────▶ failed
 *            └────── it was seen, and deleted before it had ended ─▶ deleted
 *
 * Every change costs what it touches, never a look at all jobs: edges that are not met are counted on
 * the node, and so are the classes that dependents lend to what they wait for. `depth` is an upper
 * bound of the longest chain of waits below a node; it only rises here, and whoever finds it too high
 * has it measured (`dependency-depth.ts`). No walk uses the stack: chains may be long.
 *
 * Cycles end every walk: a depth is cut, and a class changes four times at most.
 *
 * A deleted job is remembered by the edges that knew it, and by nothing else: after a restart it was
 * never there.
 */
import type { Phase } from '../api/conditions.ts'
import type { MonoMs } from '../core/clock.ts'
import { type Dependency, isTerminal, type PriorityRank } from '../core/job.ts'
import type { Entry } from '../core/ledger.ts'
import { awaitsFirstStart } from '../core/started.ts'

/** Jobs that may stand in one chain below a job. */
export const MAX_DEPTH = 100

export interface Edge {
  readonly dependent: Node
  readonly dependency: Node
  readonly when: Dependency['when']
  /** Phase of the last job of that name when its object was deleted; null = none was. */
  past: Phase | null
  state: 'waits' | 'met' | 'failed' | 'deleted'
  /** The class that the dependent lends to the dependency; null = it lends none. */
  lent: PriorityRank | null
}

export interface Node {
  readonly namespace: string
  readonly name: string
  /** Null: no such job, since `missingSince`. */
  entry: Entry | null
  missingSince: MonoMs
  /** In the order of the spec; none unless the job waits and never started. */
  edges: readonly Edge[]
  dependents: Set<Edge>
  /** Edges that wait; edges that failed or were deleted. */
  unmet: number
  broken: number
  /** Upper bound, cut at MAX_DEPTH + 1. */
  depth: number
  rank: PriorityRank
  /** Dependents by the class that they lend. */
  lenders: Lenders
}

/** One count for each class. */
type Lenders = [number, number, number, number, number]

export class DependencyGraph {
  readonly #namespaces = new Map<string, Map<string, Node>>()
  readonly #touched: (entry: Entry) => void

  /** @param touched whether the job may start, its class, or who needs it may have changed */
  constructor(touched: (entry: Entry) => void) {
    this.#touched = touched
  }

  find(namespace: string, name: string): Node | undefined {
    return this.#namespaces.get(namespace)?.get(name)
  }

  /** Undefined also for a job whose name belongs to a newer one by now. */
  nodeOf(entry: Entry): Node | undefined {
    const node = this.find(entry.object.namespace, entry.object.name)
    return node?.entry === entry ? node : undefined
  }

  changed(entry: Entry, now: MonoMs): void {
    const node = this.#at(entry.object.namespace, entry.object.name, now)
    if (node.entry && node.entry !== entry) {
      if (entry.firstSeen < node.entry.firstSeen) return
      this.#leave(node, now)
    }
    if (!node.entry) {
      node.entry = entry
      node.rank = rankOf(node)
    }
    if (!awaitsFirstStart(entry)) this.#unlink(node)
    else if (node.edges.length === 0) this.#link(node, entry, now)
    for (const edge of node.dependents) this.#refresh(edge)
    this.#settleRank(node)
  }

  removed(entry: Entry, now: MonoMs): void {
    const node = this.nodeOf(entry)
    if (!node) return
    this.#leave(node, now)
    this.#settleRank(node)
    this.#collect(node)
  }

  /** The object behind the name is gone. */
  #leave(node: Node, now: MonoMs): void {
    const phase = node.entry?.object.status.phase ?? null
    this.#unlink(node)
    node.entry = null
    node.missingSince = now
    for (const edge of node.dependents) {
      edge.past = phase
      this.#refresh(edge)
    }
  }

  #link(node: Node, { record }: Entry, now: MonoMs): void {
    if (record.dependsOn.length === 0) return
    node.edges = record.dependsOn.map(({ name, when }) => ({
      dependent: node,
      dependency: this.#at(node.namespace, name, now),
      when,
      past: null,
      // As if met: `#refresh` counts what it is.
      state: 'met',
      lent: null,
    }))
    for (const edge of node.edges) {
      const { dependency } = edge
      if (dependency.dependents.size === 0) {
        dependency.dependents = new Set()
        dependency.lenders = [0, 0, 0, 0, 0]
      }
      dependency.dependents.add(edge)
      if (dependency.dependents.size === 1) this.#touch(dependency)
      this.#refresh(edge)
    }
  }

  #unlink(node: Node): void {
    const { edges } = node
    node.edges = NO_EDGES
    node.unmet = 0
    node.broken = 0
    node.depth = 0
    for (const edge of edges) {
      const { dependency } = edge
      dependency.dependents.delete(edge)
      if (lend(edge, null)) this.#settleRank(dependency)
      if (dependency.dependents.size > 0) continue
      dependency.dependents = NO_DEPENDENTS
      dependency.lenders = NO_LENDERS
      this.#touch(dependency)
      this.#collect(dependency)
    }
  }

  /** Counts an edge as it stands now. */
  #refresh(edge: Edge): void {
    const { dependent, dependency } = edge
    const before = { waits: edge.state === 'waits', broken: isBroken(edge) }
    edge.state = stateOf(edge)
    const waits = edge.state === 'waits'
    const broken = isBroken(edge)
    dependent.unmet += Number(waits) - Number(before.waits)
    dependent.broken += Number(broken) - Number(before.broken)
    const differs = waits !== before.waits || broken !== before.broken
    // While others are waited for, one more or less that ended well changes nothing.
    if (differs && (dependent.unmet <= 1 || broken || before.broken)) this.#touch(dependent)
    if (waits) this.#deepen(edge)
    if (lend(edge, waits ? dependent.rank : null)) this.#settleRank(dependency)
  }

  /** The dependent is at least one deeper than what it waits for, and so is all above it. */
  #deepen(first: Edge): void {
    const open = [first]
    for (let edge = open.pop(); edge; edge = open.pop()) {
      const { dependent, dependency, state } = edge
      const depth = Math.min(dependency.depth + 1, MAX_DEPTH + 1)
      if (state !== 'waits' || dependent.depth >= depth) continue
      dependent.depth = depth
      if (depth > MAX_DEPTH) this.#touch(dependent)
      for (const above of dependent.dependents) open.push(above)
    }
  }

  /** A class that changed is lent on, down to what waits for nothing. */
  #settleRank(first: Node): void {
    const open = [first]
    for (let node = open.pop(); node; node = open.pop()) {
      const rank = rankOf(node)
      if (rank === node.rank) continue
      node.rank = rank
      this.#touch(node)
      for (const edge of node.edges) {
        if (edge.state === 'waits' && lend(edge, rank)) open.push(edge.dependency)
      }
    }
  }

  #touch({ entry }: Node): void {
    if (entry) this.#touched(entry)
  }

  #at(namespace: string, name: string, now: MonoMs): Node {
    let names = this.#namespaces.get(namespace)
    if (!names) {
      names = new Map()
      this.#namespaces.set(namespace, names)
    }
    let node = names.get(name)
    if (!node) {
      node = emptyNode(namespace, name, now)
      names.set(name, node)
    }
    return node
  }

  /** A name that no object has and nobody waits for is forgotten. */
  #collect({ namespace, name, entry, dependents }: Node): void {
    if (entry || dependents.size > 0) return
    const names = this.#namespaces.get(namespace)
    names?.delete(name)
    if (names?.size === 0) this.#namespaces.delete(namespace)
  }
}

const LAST_RANK: PriorityRank = 4
const NO_EDGES: readonly Edge[] = []

/** Most jobs have no dependents: they share these, which nobody writes to. */
const NO_DEPENDENTS = new Set<Edge>()
const NO_LENDERS: Lenders = [0, 0, 0, 0, 0]

function emptyNode(namespace: string, name: string, now: MonoMs): Node {
  return {
    namespace,
    name,
    entry: null,
    missingSince: now,
    edges: NO_EDGES,
    dependents: NO_DEPENDENTS,
    unmet: 0,
    broken: 0,
    depth: 0,
    rank: LAST_RANK,
    lenders: NO_LENDERS,
  }
}

function stateOf({ dependency, when, past }: Edge): Edge['state'] {
  const phase = dependency.entry?.object.status.phase ?? past
  if (phase === null) return 'waits'
  if (!isTerminal(phase)) return dependency.entry ? 'waits' : 'deleted'
  return when === 'Finished' || phase === 'Completed' ? 'met' : 'failed'
}

export function isBroken({ state }: Edge): boolean {
  return state === 'failed' || state === 'deleted'
}

/** The lowest number goes first: its own class, or one that is lent to it. */
function rankOf({ entry, lenders }: Node): PriorityRank {
  const own = entry?.record.priority ?? LAST_RANK
  const lent = lenders.findIndex((count) => count > 0)
  return lent === -1 ? own : (Math.min(own, lent) as PriorityRank)
}

/** False: it was lent already. */
function lend(edge: Edge, rank: PriorityRank | null): boolean {
  if (edge.lent === rank) return false
  const { lenders } = edge.dependency
  if (edge.lent !== null) lenders[edge.lent] -= 1
  if (rank !== null) lenders[rank] += 1
  edge.lent = rank
  return true
}
