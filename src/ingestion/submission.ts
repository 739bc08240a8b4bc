/** Order of submission (names.md): creation, then the revision first seen, then uid. A total order. */
import type { Entry } from '../core/ledger.ts'
import { compareText } from '../core/order.ts'

export function isSubmittedBefore(a: Entry, b: Entry): boolean {
  return compareSubmission(a, b) < 0
}

/** Negative: `a` was submitted first. 0: it is the same job. */
export function compareSubmission(a: Entry, b: Entry): number {
  return (
    a.object.creationMs - b.object.creationMs ||
    a.firstSeen - b.firstSeen ||
    compareText(a.uid, b.uid)
  )
}
