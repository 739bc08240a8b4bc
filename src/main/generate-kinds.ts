/**
 * A reference page for each kind, docs/reference/<kind>.md, made from its CRD: every field with type,
 * bounds and description, every rule that the API server holds, what kubectl shows and can select by,
 * and every reason that can stand on an object of the kind.
 */
import { KINDS, type Kind } from '../api/conditions.ts'
import { customResourceDefinition } from '../api/crd.ts'
import { REASON_NAMES, REASONS, type ReasonScope } from '../api/reasons.ts'
import { NOT_YET_SUPPORTED } from '../api/served.ts'
import type { StructuralSchema } from '../api/structural.ts'
import type { Output } from './generate.ts'
import { cell, HEADER } from './generate-reference.ts'

interface Described {
  /** What the page is about, and where the rest is said. */
  readonly intro: string
  readonly scopes: readonly ReasonScope[]
}

const DESCRIBED: Readonly<Record<Kind, Described>> = {
  QueueJob: {
    intro:
      'One unit of work. What the fields mean together, states, conditions, deletion and retention: [../job-model.md](../job-model.md). An example of each: [../../examples/fields](../../examples/fields).',
    scopes: ['Job', 'Attempt', 'Gone'],
  },
  Queue: {
    intro:
      'The policy for the jobs that name it. How limits, fairness and retention work: [../resources.md](../resources.md).',
    scopes: ['Queue'],
  },
  QueueSchedule: {
    intro:
      'Makes jobs by the clock. Time zones, daylight saving, outages: [../resources.md](../resources.md).',
    scopes: ['Schedule'],
  },
  QueueAction: {
    intro:
      'One act on jobs, queues or schedules. What each action does and who may ask for it: [../resources.md](../resources.md).',
    scopes: ['Action'],
  },
}

export function kindFiles(): readonly Output[] {
  return (Object.keys(KINDS) as Kind[]).map((kind) => ({
    path: `docs/reference/${KINDS[kind].singular}.md`,
    content: pageOf(kind),
  }))
}

function pageOf(kind: Kind): string {
  const crd = customResourceDefinition(kind)
  const { plural, shortName } = KINDS[kind]
  const [version] = crd.spec.versions
  const root = version?.schema.openAPIV3Schema ?? {}
  const properties = root.properties as Readonly<Record<string, StructuralSchema>>
  return [
    `${HEADER}# ${kind}\n`,
    `\`${crd.spec.group}/${version?.name}\`, namespaced; \`kubectl get ${plural}\` or \`${shortName}\`. ${DESCRIBED[kind].intro}\n`,
    '## Spec\n',
    fieldTable('spec', properties.spec ?? {}),
    unserved(kind),
    '## Status\n',
    'Written by the operator alone; nobody else has the right.\n',
    fieldTable('status', properties.status ?? {}),
    '## Rules held by the API server\n',
    rulesOf('', root).join('\n'),
    '',
    '## Columns and selectors\n',
    columnsOf(version?.additionalPrinterColumns ?? []),
    `\`--field-selector\` takes ${(version?.selectableFields ?? []).map(({ jsonPath }) => `\`${jsonPath.slice(1)}\``).join(', ')}.\n`,
    '## Reasons\n',
    `${reasonsOf(DESCRIBED[kind].scopes)} Each with its sentence and what to do: [../reasons.md](../reasons.md).\n`,
  ].join('\n')
}

function fieldTable(path: string, node: StructuralSchema): string {
  return [
    '| Field | Type, bounds | Meaning |',
    '|---|---|---|',
    ...fieldsOf(path, node).map(
      ([name, field]) =>
        `| \`${name}\` | ${cell(typeOf(field))} | ${cell(String(field.description ?? ''))} |`,
    ),
    '',
  ].join('\n')
}

/** Every field below a node, depth first, in the order of its definition. */
function fieldsOf(path: string, node: StructuralSchema): readonly [string, StructuralSchema][] {
  const properties = (node.properties ?? {}) as Readonly<Record<string, StructuralSchema>>
  return Object.entries(properties).flatMap(([name, field]) => {
    const at = `${path}.${name}`
    const items = field.items as StructuralSchema | undefined
    return [
      [at, field] as [string, StructuralSchema],
      ...fieldsOf(items ? `${at}[]` : at, items ?? field),
    ]
  })
}

function typeOf(node: StructuralSchema): string {
  const items = node.items as StructuralSchema | undefined
  if (items) return `list of ${typeOf(items)}, at most ${node.maxItems}`
  if (node.additionalProperties) {
    return `map to ${typeOf(node.additionalProperties as StructuralSchema)}, at most ${node.maxProperties} keys`
  }
  if (Array.isArray(node.enum)) return node.enum.map(String).join(', ')
  if (node.type === 'integer') return `${node.minimum} … ${node.maximum}`
  if (node.format === 'date-time') return 'RFC 3339 time'
  if (node.type === 'string') return `text, at most ${node.maxLength} characters`
  if (node.type === 'boolean') return 'true or false'
  return node.type === undefined ? 'any JSON' : String(node.type)
}

/** The sentence of each rule, with the node that it stands on. */
function rulesOf(path: string, node: StructuralSchema): readonly string[] {
  const rules = (node['x-kubernetes-validations'] ?? []) as readonly { readonly message: string }[]
  const properties = (node.properties ?? {}) as Readonly<Record<string, StructuralSchema>>
  const items = node.items as StructuralSchema | undefined
  return [
    ...rules.map(({ message }) => `- ${path === '' ? 'the object' : `\`${path}\``}: ${message}`),
    ...Object.entries(properties).flatMap(([name, field]) =>
      rulesOf(path === '' ? name : `${path}.${name}`, field),
    ),
    ...(items ? rulesOf(`${path}[]`, items) : []),
  ]
}

function columnsOf(
  columns: readonly {
    readonly name: string
    readonly priority?: 1
    readonly description: string
  }[],
): string {
  const rows = columns.map(
    ({ name, priority, description }) =>
      `| ${name} | ${priority === 1 ? '`-o wide`' : 'always'} | ${cell(description)} |`,
  )
  return ['| Column | Shown | Says |', '|---|---|---|', ...rows, ''].join('\n')
}

function unserved(kind: Kind): string {
  const paths = NOT_YET_SUPPORTED[kind].map(({ path }) => `\`spec.${path}\``)
  return paths.length === 0
    ? ''
    : `Not served by this release, and refused with reason \`NotYetSupported\`: ${paths.join(', ')}.\n`
}

function reasonsOf(scopes: readonly ReasonScope[]): string {
  const names = REASON_NAMES.filter((name) => scopes.includes(REASONS[name].scope))
  return `${names.map((name) => `\`${name}\``).join(', ')}.`
}
