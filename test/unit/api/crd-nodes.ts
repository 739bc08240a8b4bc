// Walks the schema of a CRD and makes objects from it, for the tests beside it.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { parse } from 'yaml'

export interface SchemaNode {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode
  readonly items?: SchemaNode
  readonly 'x-kubernetes-preserve-unknown-fields'?: true
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-validations'?: readonly {
    readonly rule: string
    readonly message: string
    readonly messageExpression?: string
    readonly fieldPath?: string
    readonly reason?: string
  }[]
}

const folder = path.join(import.meta.dirname, '..', '..', '..', 'crds')

/** The checked-in files as text, by plural. */
export function crdTexts(): readonly { readonly plural: string; readonly text: string }[] {
  return readdirSync(folder).map((file) => ({
    plural: file.replace(/\.yaml$/, ''),
    text: readFileSync(path.join(folder, file), 'utf8'),
  }))
}

/** `spec` and `status` of a kind as they stand in crds/, under the root with its rules. */
export function rootOf(text: string): SchemaNode {
  return parse(text).spec.versions[0].schema.openAPIV3Schema as SchemaNode
}

/** A node with where it stands: `spec.retry.rules[].code`, a map's value as `{}`. */
export interface Placed {
  readonly path: string
  readonly node: SchemaNode
}

/** Every node below `spec` and `status`, these two included. */
export function nodesOf(root: SchemaNode): readonly Placed[] {
  const { spec, status } = root.properties ?? {}
  return [...below(spec, 'spec'), ...below(status, 'status')]
}

function below(node: SchemaNode | undefined, at: string): readonly Placed[] {
  if (node === undefined) return []
  return [
    { path: at, node },
    ...Object.entries(node.properties ?? {}).flatMap(([name, child]) =>
      below(child, `${at}.${name}`),
    ),
    ...below(node.items, `${at}[]`),
    ...below(node.additionalProperties, `${at}{}`),
  ]
}

const times = fc
  .tuple(
    fc.date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T00:00:00Z'),
      noInvalidDate: true,
    }),
    fc.constantFrom('Z', 'z', '+00:00', '-11:30', '+14:00'),
    fc.constantFrom('', '.1', '.123456789'),
  )
  .map(([date, zone, fraction]) => `${date.toISOString().slice(0, 19)}${fraction}${zone}`)

/** Objects that satisfy the schema; `full`: with every optional field, and something in each list. */
export function valid(node: SchemaNode, full = false): fc.Arbitrary<unknown> {
  if (node['x-kubernetes-preserve-unknown-fields'] === true) return fc.jsonValue()
  if (node.enum !== undefined) return fc.constantFrom(...node.enum)
  switch (node.type) {
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer({ min: node.minimum ?? 0, max: node.maximum ?? 0 })
    case 'string':
      return strings(node)
    case 'array':
      return fc.array(valid(node.items ?? {}, full), {
        minLength: full ? 1 : 0,
        maxLength: Math.min(node.maxItems ?? 0, 3),
      })
    default:
      return node.additionalProperties === undefined ? objects(node, full) : maps(node, full)
  }
}

function strings(node: SchemaNode): fc.Arbitrary<string> {
  if (node.format === 'date-time') return times
  const max = node.maxLength ?? 0
  const count = (text: string) => [...text].length
  if (node.pattern === undefined) {
    return fc
      .string({ unit: 'binary', maxLength: Math.min(max, 40) })
      .filter((text) => count(text) <= max)
  }
  return fc
    .stringMatching(new RegExp(node.pattern), { maxLength: Math.min(max, 40) })
    .filter((text) => text.length >= (node.minLength ?? 0))
}

function objects(node: SchemaNode, full: boolean): fc.Arbitrary<unknown> {
  const properties = Object.entries(node.properties ?? {})
  const parts = Object.fromEntries(properties.map(([name, child]) => [name, valid(child, full)]))
  const required = full ? Object.keys(parts) : [...(node.required ?? [])]
  return fc.record(parts, { requiredKeys: required })
}

function maps(node: SchemaNode, full: boolean): fc.Arbitrary<unknown> {
  return fc.dictionary(
    fc.stringMatching(/^[a-z]{1,5}$/),
    valid(node.additionalProperties ?? {}, full),
    { minKeys: full ? 1 : 0, maxKeys: Math.min(node.maxProperties ?? 0, 3) },
  )
}

const text = (length: number) => 'a'.repeat(length)

/** Values around the edges of one node, right and wrong; whoever asks finds out which. */
function edges(node: SchemaNode): readonly unknown[] {
  const strangers = [null, true, 0, -1, 1.5, '', 'a', [], {}, [1], { a: 1 }]
  const { minimum, maximum, minLength, maxLength, maxItems } = node
  return [
    ...strangers,
    ...(minimum === undefined ? [] : [minimum, minimum - 1, minimum + 0.5]),
    ...(maximum === undefined ? [] : [maximum, maximum + 1, -maximum, 2 ** 53, 1e300]),
    ...(node.enum ?? []).flatMap((value) => [value, value.toLowerCase(), ` ${value}`, `${value}s`]),
    ...(maxLength === undefined || maxLength > 10_000
      ? []
      : [text(maxLength), text(maxLength + 1), '😀'.repeat(maxLength), '😀'.repeat(maxLength + 1)]),
    ...(minLength === undefined ? [] : [text(minLength)]),
    ...(node.type === 'string' ? HOSTILE : []),
    ...(node.format === 'date-time' ? ODD_TIMES : []),
    ...(maxItems === undefined ? [] : [Array.from({ length: maxItems + 1 }, () => 'a')]),
  ]
}

const HOSTILE = [
  'A',
  'a.b',
  'a-b',
  '-a',
  'a-',
  '.a',
  'a b',
  'a*',
  'a>',
  'a\n',
  'a\r\nb',
  '\ta',
  'é',
  'pаypal',
  '\u200b',
  '\u202e',
  '\u0000',
  '__proto__',
  'a/b',
  'A/B',
  '~',
  'True',
]

/** As the API server judges them (test/contract/api/queuejob-create.test.ts). */
const ODD_TIMES = [
  '2026-11-24T10:00:00Z',
  '2026-11-24t10:00:00z',
  '2024-02-29T00:00:00Z',
  '2023-02-29T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-11-24',
  '2026-11-24T10:00:00',
  '2026-11-24 10:00:00Z',
  '2026-11-24T10:00:60Z',
  '2026-11-24T24:00:00Z',
  '2026-11-24T10:00:00+0200',
  '2026-13-01T00:00:00Z',
  '2026-11-24T10:00:00+24:00',
  '2026-11-24T10:00Z',
  '0001-01-01T00:00:00Z',
]

/** Every variant of the object in which one place holds a value around its edge, or nothing. */
export function variants(
  object: unknown,
  root: SchemaNode,
): readonly (readonly [string, unknown])[] {
  return placesIn(object, root, []).flatMap(({ at, node }) =>
    [...edges(node), ...(at.length > 0 ? [REMOVED] : [])].map(
      (value) => [at.join('.'), replaced(object, at, value)] as const,
    ),
  )
}

/** One of these variants, for an object that is itself random. */
export function mutated(
  object: unknown,
  root: SchemaNode,
): fc.Arbitrary<readonly [string, unknown]> {
  return fc.constantFrom(...variants(object, root))
}

const REMOVED = Symbol('removed')
type At = readonly (string | number)[]

function placesIn(
  value: unknown,
  node: SchemaNode,
  at: At,
): readonly { at: At; node: SchemaNode }[] {
  const here = { at, node }
  if (node['x-kubernetes-preserve-unknown-fields'] === true) return [here]
  if (Array.isArray(value))
    return [here, ...value.flatMap((item, i) => placesIn(item, node.items ?? {}, [...at, i]))]
  if (typeof value !== 'object' || value === null) return [here]
  return [
    here,
    ...Object.entries(value).flatMap(([key, child]) => {
      const schema = node.properties?.[key] ?? node.additionalProperties
      return schema === undefined ? [] : placesIn(child, schema, [...at, key])
    }),
  ]
}

function replaced(object: unknown, [head, ...rest]: At, value: unknown): unknown {
  if (head === undefined) return value
  const copy = (Array.isArray(object) ? [...object] : { ...(object as object) }) as Record<
    string | number,
    unknown
  >
  if (rest.length === 0 && value === REMOVED) delete copy[head]
  else copy[head] = replaced(copy[head], rest, value)
  return copy
}
