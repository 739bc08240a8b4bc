// What a change of a CRD takes away from those who already have objects: pure, old and new in, one
// line per loss out. "Changes only add" until 1.0 (and after): no field, value, column or kind goes, no
// bound narrows, no default moves.
//
// A new rule is allowed on a leaf only. The API server forgives an unchanged leaf of an old object, but
// not what stands above it: a stricter rule on `spec` or at the root would refuse the operator's own
// status writes, and jobs in flight could never be finished. A rule above a leaf that only speaks of a
// new field is harmless, which no program can see: such a rule is named in `reviewed.yaml` with the reason.

import { isDeepStrictEqual } from 'node:util'

export interface SchemaNode {
  readonly [keyword: string]: unknown
}

interface Version {
  readonly name: string
  readonly served: boolean
  readonly storage: boolean
  readonly subresources?: Readonly<Record<string, unknown>>
  readonly additionalPrinterColumns?: readonly {
    readonly name: string
    readonly type: string
    readonly jsonPath: string
  }[]
  readonly selectableFields?: readonly { readonly jsonPath: string }[]
  readonly schema: { readonly openAPIV3Schema: SchemaNode }
}

export interface Crd {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly group: string
    readonly scope: string
    readonly names: {
      readonly kind: string
      readonly plural: string
      readonly singular: string
      readonly shortNames?: readonly string[]
      readonly categories?: readonly string[]
    }
    readonly versions: readonly Version[]
  }
}

/** A rule above a leaf that somebody looked at and found harmless for stored objects. */
export interface Reviewed {
  readonly crd: string
  readonly path: string
  readonly rule: string
  readonly why: string
}

interface Context {
  readonly crd: string
  readonly reviewed: readonly Reviewed[]
}

/** What is lost between two sets of CRDs, one sentence each; empty when the change only adds. */
export function losses(
  before: readonly Crd[],
  after: readonly Crd[],
  reviewed: readonly Reviewed[] = [],
): readonly string[] {
  return before.flatMap((old) => {
    const name = old.metadata.name
    const now = after.find((crd) => crd.metadata.name === name)
    if (now === undefined) return [`${name}: the kind is gone`]
    return crdLosses(old, now, { crd: name, reviewed }).map((loss) => `${name}: ${loss}`)
  })
}

function crdLosses(old: Crd, now: Crd, context: Context): readonly string[] {
  const fixed = (['kind', 'plural', 'singular'] as const).filter(
    (key) => old.spec.names[key] !== now.spec.names[key],
  )
  return [
    ...(old.spec.group === now.spec.group ? [] : ['the group changed']),
    ...(old.spec.scope === now.spec.scope ? [] : ['the scope changed']),
    ...fixed.map((key) => `the ${key} changed`),
    ...gone('short name', old.spec.names.shortNames, now.spec.names.shortNames),
    ...gone('category', old.spec.names.categories, now.spec.names.categories),
    ...old.spec.versions.flatMap((version) => {
      const next = now.spec.versions.find(({ name }) => name === version.name)
      if (next === undefined) return [`version ${version.name} is gone`]
      return versionLosses(version, next, context)
    }),
  ]
}

function versionLosses(old: Version, now: Version, context: Context): readonly string[] {
  const columns = (version: Version) =>
    version.additionalPrinterColumns?.map(
      ({ name, type, jsonPath }) => `${name} (${type} ${jsonPath})`,
    )
  const selectable = (version: Version) => version.selectableFields?.map(({ jsonPath }) => jsonPath)
  return [
    ...(old.served && !now.served ? [`version ${old.name} is no longer served`] : []),
    ...(old.storage && !now.storage ? [`version ${old.name} is no longer the stored one`] : []),
    ...gone(
      'subresource',
      Object.keys(old.subresources ?? {}),
      Object.keys(now.subresources ?? {}),
    ),
    ...gone('column', columns(old), columns(now)),
    ...gone('selectable field', selectable(old), selectable(now)),
    ...nodeLosses(old.schema.openAPIV3Schema, now.schema.openAPIV3Schema, '', context),
  ]
}

function gone(
  what: string,
  old: readonly string[] = [],
  now: readonly string[] = [],
): readonly string[] {
  return old.filter((item) => !now.includes(item)).map((item) => `${what} ${item} is gone`)
}

/** Keywords that must stay as they are, absent included. */
const FIXED = [
  'type',
  'format',
  'default',
  'nullable',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-int-or-string',
  'x-kubernetes-map-type',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
]
const LOWER = ['minimum', 'minLength', 'minItems', 'minProperties']
const UPPER = ['maximum', 'maxLength', 'maxItems', 'maxProperties']

function nodeLosses(
  old: SchemaNode,
  now: SchemaNode,
  path: string,
  context: Context,
): readonly string[] {
  const at = path === '' ? 'the root' : path
  return [
    ...FIXED.filter((key) => !isDeepStrictEqual(old[key], now[key])).map(
      (key) => `${at}: \`${key}\` was ${shown(old[key])} and is ${shown(now[key])}`,
    ),
    ...boundLosses(old, now, at),
    ...valueLosses(old, now, at),
    ...ruleLosses(old, now, at, context),
    ...childLosses(old, now, path, context),
  ]
}

function boundLosses(old: SchemaNode, now: SchemaNode, at: string): readonly string[] {
  const bound = (node: SchemaNode, key: string, absent: number) => {
    const value = node[key]
    return typeof value === 'number' ? value : absent
  }
  const narrowed = [
    ...LOWER.filter((key) => bound(now, key, -Infinity) > bound(old, key, -Infinity)),
    ...UPPER.filter((key) => bound(now, key, Infinity) < bound(old, key, Infinity)),
  ]
  return narrowed.map(
    (key) => `${at}: \`${key}\` was ${shown(old[key])} and is narrower, ${shown(now[key])}`,
  )
}

function valueLosses(old: SchemaNode, now: SchemaNode, at: string): readonly string[] {
  const required = (node: SchemaNode) => (node.required ?? []) as readonly string[]
  const values = (node: SchemaNode) => node.enum as readonly string[] | undefined
  const pattern = now.pattern !== undefined && now.pattern !== old.pattern
  const enumAppears = values(old) === undefined && values(now) !== undefined
  return [
    ...required(now)
      .filter((key) => !required(old).includes(key))
      .map((key) => `${at}: \`${key}\` is required now`),
    ...(values(now) === undefined ? [] : gone(`${at}: value`, values(old), values(now))),
    ...(enumAppears ? [`${at}: only listed values are taken now`] : []),
    ...(pattern
      ? [`${at}: \`pattern\` was ${shown(old.pattern)} and is ${shown(now.pattern)}`]
      : []),
  ]
}

const LEAVES = ['string', 'integer', 'number', 'boolean']

function ruleLosses(
  old: SchemaNode,
  now: SchemaNode,
  at: string,
  context: Context,
): readonly string[] {
  if (LEAVES.includes(String(now.type))) return []
  const rules = (node: SchemaNode) =>
    ((node['x-kubernetes-validations'] ?? []) as readonly { rule: string }[]).map(
      ({ rule }) => rule,
    )
  const known = new Set(rules(old))
  const reviewed = (rule: string) =>
    context.reviewed.some(
      (row) => row.crd === context.crd && row.path === at && row.rule === rule && row.why !== '',
    )
  return rules(now)
    .filter((rule) => !known.has(rule) && !reviewed(rule))
    .map((rule) => `${at}: a new rule above a leaf, which stored objects are not forgiven: ${rule}`)
}

function childLosses(
  old: SchemaNode,
  now: SchemaNode,
  path: string,
  context: Context,
): readonly string[] {
  const properties = (node: SchemaNode) =>
    (node.properties ?? {}) as Readonly<Record<string, SchemaNode>>
  const inside = (key: 'items' | 'additionalProperties', mark: string): readonly string[] => {
    const [before, after] = [old[key], now[key]] as readonly (SchemaNode | undefined)[]
    if (before === undefined) return []
    if (after === undefined) return [`${path}: \`${key}\` is gone`]
    return nodeLosses(before, after, `${path}${mark}`, context)
  }
  return [
    ...Object.entries(properties(old)).flatMap(([name, node]) => {
      const next = properties(now)[name]
      const below = `${path}.${name}`
      return next === undefined ? [`${below} is gone`] : nodeLosses(node, next, below, context)
    }),
    ...inside('items', '[]'),
    ...inside('additionalProperties', '{}'),
  ]
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value)
}
