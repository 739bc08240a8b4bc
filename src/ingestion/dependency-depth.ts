/**
 * What lies below a job whose chain of waits may be too long: measured exactly, with the cycles in it.
 * Asked only when the upper bound that the graph keeps says so, which is rare; what was measured goes
 * back into the graph, so that nobody measures it again.
 *
 *   a job on a cycle          can never start: refused
 *   a job above a cycle       ends when a job of the cycle does, and counts nothing for it here
 *   a chain of 101 or more    refused, the job whose own chain it is
 *
 * Strongly connected components by Tarjan's algorithm, with a stack of its own: a chain may be longer
 * than the one of the process.
 */
import { type Edge, MAX_DEPTH, type Node } from './dependency-graph.ts'

export type Below =
  | { readonly kind: 'fine' }
  /** From the job, along what waits for it, back to the job. */
  | { readonly kind: 'cycle'; readonly chain: readonly string[] }
  /** From what waits for nothing to the job. */
  | { readonly kind: 'deep'; readonly chain: readonly string[] }

const FINE: Below = { kind: 'fine' }

export function measure(node: Node): Below {
  if (node.depth <= MAX_DEPTH) return FINE
  const search = new Search()
  search.run(node)
  const component = search.cycleOf(node)
  if (component) return { kind: 'cycle', chain: cycleThrough(node, component) }
  const depth = search.depthOf(node)
  return depth <= MAX_DEPTH ? FINE : { kind: 'deep', chain: search.longestTo(node) }
}

interface Visit {
  readonly node: Node
  readonly index: number
  low: number
  next: number
  onStack: boolean
}

class Search {
  readonly #visits = new Map<Node, Visit>()
  readonly #depths = new Map<Node, number>()
  readonly #cycles = new Map<Node, ReadonlySet<Node>>()
  readonly #stack: Visit[] = []

  run(root: Node): void {
    const path = [this.#enter(root)]
    for (let visit = path.at(-1); visit; visit = path.at(-1)) {
      const edge = visit.node.edges[visit.next]
      if (!edge) {
        path.pop()
        if (visit.low === visit.index) this.#close(visit)
        const parent = path.at(-1)
        if (parent) parent.low = Math.min(parent.low, visit.low)
        continue
      }
      visit.next += 1
      if (edge.state !== 'waits') continue
      const seen = this.#visits.get(edge.dependency)
      if (!seen) path.push(this.#enter(edge.dependency))
      else if (seen.onStack) visit.low = Math.min(visit.low, seen.index)
    }
  }

  cycleOf(node: Node): ReadonlySet<Node> | undefined {
    return this.#cycles.get(node)
  }

  depthOf(node: Node): number {
    return this.#depths.get(node) ?? 0
  }

  /** The longest chain, its end first. */
  longestTo(node: Node): readonly string[] {
    const chain = [node.name]
    for (let at = this.#deepest(node); at; at = this.#deepest(at)) chain.unshift(at.name)
    return chain
  }

  #enter(node: Node): Visit {
    const index = this.#visits.size
    const visit: Visit = { node, index, low: index, next: 0, onStack: true }
    this.#visits.set(node, visit)
    this.#stack.push(visit)
    return visit
  }

  /** All that is left above it on the stack is one component; what is below each was closed before. */
  #close(visit: Visit): void {
    const members: Visit[] = []
    for (let top = this.#stack.pop(); top; top = this.#stack.pop()) {
      top.onStack = false
      members.push(top)
      if (top === visit) break
    }
    const isCycle =
      members.length > 1 || visit.node.edges.some((edge) => waitsFor(edge, visit.node))
    if (isCycle) {
      const component = new Set(members.map(({ node }) => node))
      for (const node of component) this.#cycles.set(node, component)
      return
    }
    const waits = visit.node.edges.filter(({ state }) => state === 'waits')
    const deepest = this.#deepest(visit.node)
    this.#depths.set(visit.node, deepest ? this.depthOf(deepest) + 1 : Math.min(1, waits.length))
    // Still a bound for all that may come below: above a cycle it stays at the top.
    const bound = waits.reduce((most, { dependency }) => Math.max(most, dependency.depth + 1), 0)
    visit.node.depth = Math.min(bound, MAX_DEPTH + 1)
  }

  /** What a chain through this job goes on with; what is on a cycle ends it. */
  #deepest(node: Node): Node | null {
    let deepest: Node | null = null
    for (const { state, dependency } of node.edges) {
      if (state !== 'waits' || this.#cycles.has(dependency)) continue
      if (!deepest || this.depthOf(dependency) > this.depthOf(deepest)) deepest = dependency
    }
    return deepest
  }
}

function waitsFor({ state, dependency }: Edge, node: Node): boolean {
  return state === 'waits' && dependency === node
}

/** The shortest way back to the job, turned round: each name is waited for by the next one. */
function cycleThrough(node: Node, component: ReadonlySet<Node>): readonly string[] {
  const from = new Map<Node, Node>()
  const open = [node]
  for (const at of open) {
    for (const { state, dependency } of at.edges) {
      if (state !== 'waits' || !component.has(dependency)) continue
      if (dependency === node) return wayTo(at, node, from)
      if (from.has(dependency)) continue
      from.set(dependency, at)
      open.push(dependency)
    }
  }
  return [node.name, node.name]
}

function wayTo(last: Node, node: Node, from: ReadonlyMap<Node, Node>): readonly string[] {
  const chain = [node.name]
  for (let at: Node | undefined = last; at && at !== node; at = from.get(at)) chain.push(at.name)
  return [...chain, node.name]
}
