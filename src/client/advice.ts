/** The advice of the table of reasons, when all that it speaks of is known. */
import { type AdviceSlots, advice, isReason, REASONS, slotsOf } from '../api/reasons.ts'

/** @returns '' for a reason that is not in the table, or whose advice speaks of something else */
export function adviceFor(reason: string, known: Readonly<Record<string, string>>): string {
  if (!isReason(reason)) return ''
  const told = slotsOf(REASONS[reason].next).every((slot) => Object.hasOwn(known, slot))
  return told ? advice(reason, known as AdviceSlots<typeof reason>) : ''
}
