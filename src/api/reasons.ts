/**
 * The closed table of reasons (reasons.md): for each reason its phase, what it does to conditions,
 * failure category, Event type, metric label, log code, sentence, advice, runbook page, exit code.
 * Conditions, Events, metrics, logs and `gq why` all read it; a reason that is not here cannot be
 * written. The rows stand in `reasons-table.ts`.
 *
 * `sentence('NoWorkers', { queue, namespace })` gives the text of `status.message`: slots are checked
 * by the compiler, values are cut and stripped of control characters, so a hostile name or error text
 * can neither break a line nor grow a status.
 */
import type { FAILURE_CATEGORIES, Phase } from './conditions.ts'
import { type ConditionEffect, type ReasonScope, ROWS } from './reasons-table.ts'
import { cut, oneLine } from './text.ts'

export { ATTEMPT_ENDS, type ConditionEffect, type ReasonScope } from './reasons-table.ts'

export type Reason = keyof typeof ROWS

/** Reasons of one scope, e.g. `ReasonOf<'Job'>` for `status.reason` of a QueueJob. */
export type ReasonOf<S extends ReasonScope> = {
  [R in Reason]: (typeof ROWS)[R]['scope'] extends S ? R : never
}[Reason]

export interface ReasonRow {
  readonly reason: Reason
  readonly scope: ReasonScope
  /** Phase of the object that carries the reason; null when it is not a phase's reason. */
  readonly phase: Phase | null
  readonly condition: ConditionEffect
  readonly category: (typeof FAILURE_CATEGORIES)[number] | null
  /** Type of the Kubernetes Event; null: none is written. */
  readonly event: 'Normal' | 'Warning' | null
  /** Value of the label `reason` in metrics. */
  readonly metricLabel: string
  /** Value of the key `code` in logs, and code of errors. */
  readonly logCode: string
  /** Sentence with slots in braces. */
  readonly says: string
  /** What would change it, with the same slots. */
  readonly next: string
  /** Page of the runbook, `docs/runbook/<page>.md`. */
  readonly page: string
  /** Exit code of `gq` when it ends on this reason (names.md). */
  readonly exitCode: number
}

/** A queue that is missing longer than this turns from Reconciling into Stalled. */
export const STALLED_AFTER_SECONDS = 60

/** Longest value of one slot, in characters. */
const SLOT_MAX = 256
/** Longest sentence: what `status.message` holds. */
const SENTENCE_MAX = 1024

function kebab(reason: string): string {
  return reason
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()
}

export const REASON_NAMES = Object.keys(ROWS) as readonly Reason[]

export const REASONS: Readonly<Record<Reason, ReasonRow>> = Object.fromEntries(
  REASON_NAMES.map((reason): [Reason, ReasonRow] => {
    const row = ROWS[reason]
    return [reason, { ...row, reason, metricLabel: reason, logCode: reason, page: kebab(reason) }]
  }),
) as Record<Reason, ReasonRow>

/** Whether a string, e.g. a failure code from a worker, is a reason of the table. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(ROWS, text)
}

type SlotNames<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${string}${' ' | '"' | '.' | ':'}${string}` ? never : Name) | SlotNames<Rest>
  : never

/** The slots that the sentence of a reason needs. */
export type SentenceSlots<R extends Reason> = Readonly<
  Record<SlotNames<(typeof ROWS)[R]['says']>, string | number>
>
/** The slots that its advice needs. */
export type AdviceSlots<R extends Reason> = Readonly<
  Record<SlotNames<(typeof ROWS)[R]['next']>, string | number>
>

/** Words in braces; JSON and JSONPath inside a command are left alone. */
const SLOT = /\{([a-z]+)\}/g

export function slotsOf(text: string): readonly string[] {
  return [...new Set([...text.matchAll(SLOT)].map((match) => match[1] ?? ''))]
}

function fill(template: string, slots: Readonly<Record<string, string | number>>): string {
  const filled = template.replace(SLOT, (slot, name: string) => {
    const value = Object.hasOwn(slots, name) ? slots[name] : undefined
    const shown = value === undefined ? slot : cut(oneLine(String(value)), SLOT_MAX)
    return shown === '' ? '(none)' : shown
  })
  return cut(filled, SENTENCE_MAX)
}

/** The sentence of a reason: at most 1,024 characters, one line. */
export function sentence<R extends Reason>(reason: R, slots: SentenceSlots<R>): string {
  return fill(ROWS[reason].says, slots)
}

/** What would change it: a command or a line of a manifest. */
export function advice<R extends Reason>(reason: R, slots: AdviceSlots<R>): string {
  return fill(ROWS[reason].next, slots)
}

/**
 * The advice of a word that may be a reason, when all that it speaks of is known; else ''.
 */
export function adviceFor(reason: string, known: Readonly<Record<string, string>>): string {
  if (!isReason(reason)) return ''
  const sayable = slotsOf(REASONS[reason].next).every((slot) => Object.hasOwn(known, slot))
  return sayable ? advice(reason, known as AdviceSlots<typeof reason>) : ''
}

/**
 * The other way round: what stood in the slots of a sentence that somebody wrote. For advice on an
 * object of which nothing else is known; null when the text is another one.
 */
export function slotsSaid(reason: Reason, text: string): Readonly<Record<string, string>> | null {
  const { says } = REASONS[reason]
  const literals = says.split(SLOT).filter((_, n) => n % 2 === 0)
  const names = [...says.matchAll(SLOT)].map((match) => match[1] ?? '')
  const pattern = literals.map((literal) => literal.replace(/[^\w ]/g, '\\$&')).join('(.*?)')
  const found = new RegExp(`^${pattern}$`, 's').exec(text)
  return found ? Object.fromEntries(names.map((name, n) => [name, found[n + 1] ?? ''])) : null
}
