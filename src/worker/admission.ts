/**
 * May this message be started here? Decided before its acknowledgement, while saying no is still free
 * (protocol K2, K3; wire protocol, "Worker loop"). Small checks in order; the first objection wins.
 */
import { sentence } from '../api/reasons.ts'
import type { MonoMs } from '../core/clock.ts'
import { type Epoch, type Term, termOf } from '../core/epoch.ts'
import type { Failure, WorkItem } from '../core/outcome.ts'
import { ackWithinMs } from './attempt.ts'

export const GIVE_BACK_DELAY_MS = 1000

export type Admission =
  | { readonly kind: 'take'; readonly ackWithinMs: number }
  /** Never again: it is older than what is known here, or known here already. */
  | { readonly kind: 'drop'; readonly why: 'old-term' | 'old-epoch' }
  | { readonly kind: 'give-back'; readonly delayMs: number }
  /** Too late for an ack (K3): the server delivers it again by itself. */
  | { readonly kind: 'forget' }
  /** No worker like this one can ever serve it: report `rejected`. */
  | { readonly kind: 'reject'; readonly failure: Failure }

export interface AdmissionFacts {
  readonly now: MonoMs
  readonly requestedAt: MonoMs
  readonly receivedAt: MonoMs
  readonly draining: boolean
  /** Highest announced term of this worker's shard. */
  readonly announcedTerm: Term
  /** Highest epoch taken in hand here for the job. */
  readonly takenEpoch: Epoch
  readonly namespace: string
  readonly queues: readonly string[]
  readonly types: readonly string[]
  readonly handlerKnown: boolean
}

type Check = (item: WorkItem, facts: AdmissionFacts) => Admission | null

const CHECKS: readonly Check[] = [draining, oldTerm, oldEpoch, tooLate, notServed, notHandled]

export function admit(item: WorkItem, facts: AdmissionFacts): Admission {
  for (const check of CHECKS) {
    const objection = check(item, facts)
    if (objection) return objection
  }
  return { kind: 'take', ackWithinMs: ackWithinMs(facts, facts.now) }
}

function draining(_: WorkItem, facts: AdmissionFacts): Admission | null {
  return facts.draining ? { kind: 'give-back', delayMs: GIVE_BACK_DELAY_MS } : null
}

function oldTerm(item: WorkItem, facts: AdmissionFacts): Admission | null {
  return termOf(item.epoch) < facts.announcedTerm ? { kind: 'drop', why: 'old-term' } : null
}

function oldEpoch(item: WorkItem, facts: AdmissionFacts): Admission | null {
  return item.epoch <= facts.takenEpoch ? { kind: 'drop', why: 'old-epoch' } : null
}

function tooLate(_: WorkItem, facts: AdmissionFacts): Admission | null {
  return ackWithinMs(facts, facts.now) <= 0 ? { kind: 'forget' } : null
}

/** The class of a worker makes these impossible; a message that says otherwise is not believed. */
function notServed(item: WorkItem, facts: AdmissionFacts): Admission | null {
  if (item.namespace === facts.namespace && facts.queues.includes(item.queue)) return null
  const served = `namespace ${facts.namespace}, queues ${facts.queues.join(', ')}`
  return rejected(
    'NotServed',
    `the worker got a job of ${item.namespace}, queue ${item.queue}, but serves ${served}`,
  )
}

function notHandled(item: WorkItem, facts: AdmissionFacts): Admission | null {
  if (facts.handlerKnown) return null
  const served = facts.types.join(', ')
  const type = item.handlerVersion === '' ? item.type : `${item.type}@${item.handlerVersion}`
  const slots = { queue: item.queue, type, nearest: facts.types[0] ?? '', served }
  return rejected('UnknownType', sentence('UnknownType', slots))
}

function rejected(code: string, message: string): Admission {
  return { kind: 'reject', failure: { category: 'System', code, message } }
}
