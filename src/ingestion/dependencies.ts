/**
 * `dependsOn`: may this job start as far as other jobs go (job-model.md, "Dependencies")?
 *
 *   met      every dependency ended as its `when` asks
 *   waits    one has not ended, or no job has its name: the first one in the spec is told
 *   refused  one ended otherwise, was deleted before it had ended, or the chain is a cycle or too deep:
 *            `Failed`, one write. Its own dependents meet that as the end of a dependency, so a whole
 *            chain ends job by job, each naming the chain from its root
 *
 * Only a job that waits for its first start is judged. A dependency that runs again holds those that
 * still wait for it, and touches nobody else. `Completed` meets `Succeeded` whatever led to it: a
 * `Duplicate` is one, because the job that it names was asked to do the same.
 *
 * Dependents lend their class to what they wait for (`rankOf`), so that a Critical job never waits
 * for a Bulk one behind others.
 */
import { type SentenceSlots, sentence } from '../api/reasons.ts'
import { cut } from '../api/text.ts'
import type { MonoMs, WallMs } from '../core/clock.ts'
import type { Hold } from '../core/hold.ts'
import { isTerminal, type PriorityRank } from '../core/job.ts'
import type { Entry } from '../core/ledger.ts'
import { awaitsFirstStart } from '../core/started.ts'
import { measure } from './dependency-depth.ts'
import { DependencyGraph, type Edge, isBroken, MAX_DEPTH, type Node } from './dependency-graph.ts'
import type { Refusal } from './validate.ts'

export type Standing =
  | { readonly kind: 'met' }
  | { readonly kind: 'waits'; readonly hold: Hold }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

const MET: Standing = { kind: 'met' }

export class Dependencies {
  readonly #graph: DependencyGraph

  /** @param touched whether the job may start, its class, or who needs it may have changed */
  constructor(touched: (entry: Entry) => void) {
    this.#graph = new DependencyGraph(touched)
  }

  changed(entry: Entry, now: MonoMs): void {
    this.#graph.changed(entry, now)
  }

  removed(entry: Entry, now: MonoMs): void {
    this.#graph.removed(entry, now)
  }

  standing(entry: Entry): Standing {
    const node = this.#graph.nodeOf(entry)
    if (!node || !awaitsFirstStart(entry)) return MET
    const refusal = this.#brokenEdge(node) ?? refusalOfChain(node)
    if (refusal) return { kind: 'refused', refusal }
    const edge = node.unmet === 0 ? undefined : node.edges.find(({ state }) => state === 'waits')
    return edge ? { kind: 'waits', hold: holdOf(edge, node.unmet) } : MET
  }

  /** End of the last dependency; 0 = none, or none is known any more. Null: one is waited for. */
  readySince(entry: Entry): WallMs | null {
    const { dependsOn, namespace } = entry.record
    if (dependsOn.length === 0) return 0
    if (this.standing(entry).kind !== 'met') return null
    let last: WallMs = 0
    for (const { name } of dependsOn) {
      const end = this.#graph.find(namespace, name)?.entry?.object.status.completionTime
      if (end !== undefined) last = Math.max(last, Date.parse(end))
    }
    return last
  }

  /** Its own class, or a higher one of a job that waits for it, through others or not. */
  rankOf(entry: Entry): PriorityRank {
    return this.#graph.nodeOf(entry)?.rank ?? entry.record.priority
  }

  /** A job that waits for its first start names this one: it must not be deleted, nor held for room. */
  isNeeded(entry: Entry): boolean {
    return (this.#graph.nodeOf(entry)?.dependents.size ?? 0) > 0
  }

  #brokenEdge(node: Node): Refusal | null {
    if (node.broken === 0) return null
    const edge = node.edges.find(isBroken)
    if (!edge) return null
    const { name } = edge.dependency
    if (edge.state === 'deleted') {
      return refusal('DependencyDeleted', { dependency: name })
    }
    return refusal('DependencyFailed', {
      dependency: name,
      phase: edge.dependency.entry?.object.status.phase ?? edge.past ?? 'otherwise',
      chain: chainText([...this.#rootsOf(edge.dependency), node.name]),
    })
  }

  /** From the job that failed first to this one, as far as the objects are still there. */
  #rootsOf(failed: Node): readonly string[] {
    const chain = [failed.name]
    let at = failed.entry
    while (at && at.object.status.reason === 'DependencyFailed' && chain.length <= MAX_DEPTH) {
      const cause = this.#causeOf(at)
      if (!cause) break
      chain.unshift(cause.object.name)
      at = cause
    }
    return chain
  }

  /** The first dependency that ended otherwise than asked. */
  #causeOf({ record }: Entry): Entry | null {
    for (const { name, when } of record.dependsOn) {
      const entry = this.#graph.find(record.namespace, name)?.entry
      const phase = entry?.object.status.phase
      if (!entry || !phase || when === 'Finished') continue
      if (isTerminal(phase) && phase !== 'Completed') return entry
    }
    return null
  }
}

function refusalOfChain(node: Node): Refusal | null {
  const below = measure(node)
  if (below.kind === 'fine') return null
  return refusal('DependencyCycle', { chain: chainText(below.chain) })
}

type DependencyReason = 'DependencyFailed' | 'DependencyDeleted' | 'DependencyCycle'

function refusal<R extends DependencyReason>(reason: R, slots: SentenceSlots<R>): Refusal {
  return { reason, message: sentence(reason, slots) }
}

function holdOf({ dependency }: Edge, unmet: number): Hold {
  return {
    kind: 'dependency',
    name: dependency.name,
    phase: dependency.entry?.object.status.phase ?? null,
    missingSince: dependency.missingSince,
    unmet,
  }
}

/** Names that are told from either end of a chain, and how much of each: a slot of a sentence holds 256. */
const TOLD = 2
const NAME_MAX = 54

/** Each name is waited for by the next one. */
export function chainText(names: readonly string[]): string {
  const more = names.length - 2 * TOLD
  const told = more > 1 ? [...names.slice(0, TOLD), `(${more} more)`, ...names.slice(-TOLD)] : names
  return told.map((name) => cut(name, NAME_MAX)).join(' → ')
}
