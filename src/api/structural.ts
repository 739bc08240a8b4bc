/**
 * zod → JSON Schema → the structural schema of a CustomResourceDefinition.
 *
 * Kubernetes takes less than JSON Schema can say, and zod can say more than JSON Schema: a check that
 * would vanish on the way would leave the API server accepting what we refuse. So the converter never
 * drops meaning: it rewrites what has an equal, and throws, with the path, on everything else.
 *
 *   zod                            here
 *   object                         `additionalProperties: false` goes; pruning does its work
 *   loose object, unknown, any     throws unless marked `x-kubernetes-preserve-unknown-fields`
 *   union, tuple, recursion        throws: write a flat object and a rule "exactly one of"
 *   refine                         throws unless the node names the keyword or has the rule that says it
 *   transform, date, bigint, set   throws (a default is taken from the input side)
 *   integer                        int32 or int64 by its bounds, which must exist
 *   number with fractions          throws: integers only
 *   pattern with look-around       throws: the server uses RE2
 *   pattern beside date-time       dropped: the format says it
 *   record                         its keys need a rule, its size `maxProperties`
 *   readonly                       dropped
 *   nullable                       throws: null and absent differ under apply
 *   a key that YAML reads as a boolean   throws (`on`, `yes`, …)
 */
import { z } from 'zod'
import { INT32_MAX, TEMPLATE, templateDescription } from './fields.ts'

export interface StructuralSchema {
  readonly [keyword: string]: unknown
}

type Node = Readonly<Record<string, unknown>>

const PRESERVE = 'x-kubernetes-preserve-unknown-fields'
const RULES = 'x-kubernetes-validations'
/** Set on a node that has a check only JavaScript knows. */
const REFINED = 'x-refined'
/** Names the keyword that says the same as the refinement. */
const REFINED_BY = 'x-refined-by'

const DROPPED = new Set(['$schema', 'readOnly', 'pattern', REFINED, REFINED_BY, TEMPLATE])
const ORDER = [
  'type',
  'format',
  'description',
  'enum',
  'default',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'maxItems',
  'maxProperties',
  'required',
  'properties',
  'additionalProperties',
  'items',
  PRESERVE,
  'x-kubernetes-map-type',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  RULES,
]
const UNSUPPORTED = ['anyOf', 'oneOf', 'allOf', 'not', '$ref', 'definitions', '$defs', 'nullable']

/** Words that YAML 1.1 reads as booleans or null; as a key or a value they never arrive as text. */
const YAML_WORDS = new Set(['y', 'n', 'yes', 'no', 'on', 'off', 'true', 'false', 'null', '~'])

export function isYamlWord(text: string): boolean {
  return YAML_WORDS.has(text.toLowerCase())
}

function fail(path: string, problem: string): never {
  throw new Error(`${path === '' ? 'the root' : path}: ${problem}`)
}

/** Conversion of one schema; the same schema always gives the same bytes. */
export function structural(schema: z.ZodType, path = ''): StructuralSchema {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    cycles: 'throw',
    unrepresentable: 'throw',
    override: ({ zodSchema, jsonSchema }) => {
      const checks = zodSchema._zod.def.checks ?? []
      if (checks.some((check) => check._zod.def.check === 'custom')) {
        Object.assign(jsonSchema, { [REFINED]: true })
      }
    },
  })
  return rewrite(json as Node, path, false)
}

function rewrite(node: Node, path: string, inTemplate: boolean): StructuralSchema {
  for (const keyword of UNSUPPORTED) {
    if (keyword in node) fail(path, `\`${keyword}\` cannot be said in a structural schema`)
  }
  const template = inTemplate || node[TEMPLATE] === true
  checkRefinement(node, path)
  if (node[PRESERVE] === true) return tidy(withRules(node, template), template)
  switch (node.type) {
    case 'object':
      return tidy({ ...node, ...objectParts(node, path, template) }, template)
    case 'array':
      return tidy({ ...node, ...arrayParts(node, path, template) }, template)
    case 'integer':
      return tidy({ ...node, ...integerParts(node, path) }, template)
    case 'string':
      return tidy({ ...node, ...stringParts(node, path) }, template)
    case 'boolean':
      return tidy(node, template)
    default:
      return fail(
        path,
        `type ${JSON.stringify(node.type ?? null)} cannot be said in a structural schema`,
      )
  }
}

function checkRefinement(node: Node, path: string): void {
  if (node[REFINED] !== true) return
  const keyword = node[REFINED_BY]
  const said = typeof keyword === 'string' && keyword in node
  if (!said && !Array.isArray(node[RULES])) {
    fail(path, 'a refinement without a rule or keyword that says the same to the API server')
  }
}

function objectParts(node: Node, path: string, template: boolean): Node {
  const properties = (node.properties ?? {}) as Readonly<Record<string, Node>>
  const extra = node.additionalProperties
  if (typeof extra === 'object' && extra !== null)
    return mapParts(node, extra as Node, path, template)
  const names = Object.keys(properties)
  for (const name of names) {
    if (isYamlWord(name)) fail(`${path}.${name}`, 'YAML 1.1 reads this key as a boolean')
  }
  return {
    properties: Object.fromEntries(
      names.map((name) => [name, rewrite(properties[name] ?? {}, `${path}.${name}`, template)]),
    ),
    additionalProperties: undefined,
  }
}

function mapParts(node: Node, value: Node, path: string, template: boolean): Node {
  if (Object.keys(value).length === 0) {
    fail(path, `an open object: mark it ${PRESERVE} or name its fields`)
  }
  if (Object.keys((node.properties ?? {}) as object).length > 0) {
    fail(path, '`additionalProperties` beside `properties`')
  }
  if (typeof node.maxProperties !== 'number') fail(path, 'a map without `maxProperties`')
  if (!Array.isArray(node[RULES])) fail(path, 'a map without a rule on its keys')
  return { properties: undefined, additionalProperties: rewrite(value, `${path}{}`, template) }
}

function arrayParts(node: Node, path: string, template: boolean): Node {
  const items = node.items
  if (typeof items !== 'object' || items === null || Array.isArray(items)) {
    fail(path, 'a list without one schema for all items')
  }
  if (typeof node.maxItems !== 'number') fail(path, 'a list without `maxItems`')
  if (typeof node['x-kubernetes-list-type'] !== 'string') fail(path, 'a list without a list type')
  return { items: rewrite(items as Node, `${path}[]`, template) }
}

function integerParts(node: Node, path: string): Node {
  const { minimum, maximum } = node
  if (typeof minimum !== 'number' || typeof maximum !== 'number') {
    return fail(path, 'an integer without both bounds')
  }
  const unbounded = -Number.MAX_SAFE_INTEGER
  if (minimum === unbounded) fail(path, 'an integer without a lower bound')
  const small = maximum <= INT32_MAX && minimum >= -INT32_MAX - 1
  return { format: small ? 'int32' : 'int64' }
}

function stringParts(node: Node, path: string): Node {
  const { pattern, format, maxLength } = node
  const values = node.enum
  if (Array.isArray(values)) {
    for (const value of values) {
      if (isYamlWord(String(value)) && !isConditionStatus(values)) {
        fail(path, `YAML 1.1 reads the value ${String(value)} as a boolean`)
      }
    }
    const longest = Math.max(...values.map((value) => String(value).length))
    return { maxLength: longest }
  }
  if (typeof maxLength !== 'number') fail(path, 'a string without `maxLength`')
  if (format !== undefined && format !== 'date-time') fail(path, `format ${String(format)}`)
  if (typeof pattern !== 'string' || format === 'date-time') return {}
  if (/\(\?[=!<]/.test(pattern)) fail(path, 'a pattern with look-around: the API server uses RE2')
  return { keptPattern: pattern }
}

/** `True`, `False`, `Unknown`: fixed by the Kubernetes API conventions, and only written by us. */
function isConditionStatus(values: readonly unknown[]): boolean {
  return values.join() === 'True,False,Unknown'
}

/** In a template nothing has a past: rules on `oldSelf` go. */
function withRules(node: Node, template: boolean): Node {
  const rules = node[RULES]
  if (!template || !Array.isArray(rules)) return node
  const kept = rules.filter((rule: { rule: string }) => !rule.rule.includes('oldSelf'))
  return { ...node, [RULES]: kept.length === 0 ? undefined : kept }
}

/** Keywords in a fixed order, without what was dropped. */
function tidy(input: Node, template: boolean): StructuralSchema {
  const node = withRules(input, template)
  const known: Record<string, unknown> = {}
  for (const keyword of ORDER) {
    const value = keyword === 'pattern' ? node.keptPattern : node[keyword]
    if (value !== undefined) known[keyword] = value
  }
  if (template && typeof known.description === 'string') {
    known.description = templateDescription(known.description)
  }
  for (const keyword of Object.keys(node)) {
    if (node[keyword] === undefined || DROPPED.has(keyword) || keyword === 'keptPattern') continue
    if (!ORDER.includes(keyword)) throw new Error(`keyword \`${keyword}\` is unknown to a CRD`)
  }
  return known
}
