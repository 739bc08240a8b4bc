// One definition, two judges: what zod takes is what the schema in crds/ takes (here judged by ajv, whose
// `date-time` is as strict as the API server's). Objects made from the schema pass both; objects with
// one place changed are refused by both or by neither. CEL rules stand outside: the contract suite has them.

import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { PATTERNS } from '../../../src/api/fields.ts'
import { QueueRoot } from '../../../src/api/queue.ts'
import { QueueActionRoot } from '../../../src/api/queueaction.ts'
import { QueueJobRoot } from '../../../src/api/queuejob.ts'
import { QueueScheduleRoot } from '../../../src/api/queueschedule.ts'
import { crdTexts, mutated, rootOf, type SchemaNode, valid, variants } from './crd-nodes.ts'

const zods: Readonly<Record<string, z.ZodType>> = {
  queuejobs: QueueJobRoot,
  queues: QueueRoot,
  queueschedules: QueueScheduleRoot,
  queueactions: QueueActionRoot,
}

/** RFC 3339 with a day that exists. */
function isTime(text: string): boolean {
  if (!PATTERNS.time.test(text)) return false
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number)
  const date = new Date(Date.UTC(2000, month - 1, day))
  date.setUTCFullYear(year, month - 1, day)
  return date.getUTCMonth() === month - 1
}

const ajv = new Ajv({ strict: false, allErrors: false })
ajv.addFormat('int32', true)
ajv.addFormat('int64', true)
ajv.addFormat('date-time', isTime)

describe.each(crdTexts().map(({ plural, text }) => ({ plural, root: rootOf(text) })))(
  '$plural',
  ({ plural, root }) => {
    const { spec = {}, status = {} } = root.properties ?? {}
    const schema: SchemaNode = { type: 'object', properties: { spec, status }, required: ['spec'] }
    const byAjv = ajv.compile(schema)
    const byZod = (object: unknown) => zods[plural]?.safeParse(object) ?? { success: false }

    it('an object made from the schema is taken by both', () => {
      fc.assert(
        fc.property(valid(schema), (object) => {
          expect(byAjv(object), JSON.stringify(byAjv.errors)).toBe(true)
          expect(byZod(object)).toMatchObject({ success: true })
        }),
      )
    })

    it('an object with one place changed is refused by both or by neither', () => {
      const changed = valid(schema).chain((object) => mutated(object, schema))
      fc.assert(
        fc.property(changed, ([at, object]) => {
          expect(byZod(object).success, `zod at ${at}, ajv says ${byAjv(object)}`).toBe(
            byAjv(object),
          )
        }),
        { numRuns: 60 },
      )
    })

    it('the edges of every field are where both say they are', () => {
      const [whole] = fc.sample(valid(schema, true), { numRuns: 1, seed: 1 })
      expect(byAjv(whole)).toBe(true)
      const all = variants(whole, schema)
      const differ = all.filter(([, object]) => byZod(object).success !== byAjv(object))
      expect(differ.map(([at]) => at)).toEqual([])
      const refused = new Set(all.filter(([, object]) => !byAjv(object)).map(([at]) => at))
      const open = all.map(([at]) => at).filter((at) => !refused.has(at))
      // Only where any JSON may stand is nothing wrong.
      for (const at of open) expect(at).toMatch(/(^|\.)(payload|result)$/)
    })
  },
)
