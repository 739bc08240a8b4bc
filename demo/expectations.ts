// How each example is meant to end, as its manifest says itself: the annotations
//
//   examples.gopherqueue.io/ends: DeadLettered     the phase it ends in
//   examples.gopherqueue.io/attempts: "2"          how many attempts that takes, where it matters
//
// and what its spec promises: not before `delaySeconds`. So a manifest that is added to examples/jobs
// is shown and checked by the demo without a change here.

import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { GROUP, TERMINAL_PHASES, type TerminalPhase } from '../src/api/conditions.ts'

const endsAnnotation = `examples.${GROUP}/ends`
const attemptsAnnotation = `examples.${GROUP}/attempts`

export interface Expectation {
  readonly name: string
  readonly ends: TerminalPhase
  /** Null: any number. */
  readonly attempts: number | null
  /** Earliest start after the creation. */
  readonly delaySeconds: number
}

const Manifest = z.object({
  kind: z.literal('QueueJob'),
  metadata: z.object({
    name: z.string(),
    annotations: z.object({
      [endsAnnotation]: z.enum(TERMINAL_PHASES),
      [attemptsAnnotation]: z.coerce.number().int().min(1).optional(),
    }),
  }),
  spec: z.object({ delaySeconds: z.int().min(0).default(0) }),
})

/**
 * @param file for messages
 * @param text YAML, any number of QueueJobs
 * @throws Error naming the file, for a manifest that does not say how it ends
 */
export function expectationsIn(file: string, text: string): Expectation[] {
  return parseAllDocuments(text).map((document) => {
    const manifest = Manifest.safeParse(document.toJS())
    if (!manifest.success) {
      throw new Error(`${file}: ${z.prettifyError(manifest.error)}`)
    }
    const { metadata, spec } = manifest.data
    const { name, annotations } = metadata
    return {
      name,
      ends: annotations[endsAnnotation],
      attempts: annotations[attemptsAnnotation] ?? null,
      delaySeconds: spec.delaySeconds,
    }
  })
}
