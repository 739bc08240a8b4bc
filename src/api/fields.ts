/**
 * The building blocks of every resource schema: a bounded leaf, its description in one fixed form,
 * and the CEL rules beside it.
 *
 * A description says what the field means, its unit, its default and who may change it when, always
 * in this order (`kubectl explain` is the reference that users read). Nothing without bounds can be
 * made from these blocks, and what JavaScript and the API server would count differently (strings
 * beyond ASCII) is counted here as the server counts it: in code points.
 */
import { z } from 'zod'
import { CONDITION_STATUSES } from './conditions.ts'

/** One `x-kubernetes-validations` entry, as the CRD holds it. */
export interface CelRule {
  readonly rule: string
  readonly message: string
  readonly messageExpression?: string
  readonly fieldPath?: string
  readonly reason?: 'FieldValueForbidden' | 'FieldValueInvalid' | 'FieldValueRequired'
}

/** `system`: only the operator writes it. `inherited`: as the object that holds the field. */
export type Mutability = 'never' | 'while waiting' | 'always' | 'system' | 'inherited'

const MUTABILITY_TEXT: Readonly<Record<Mutability, string>> = {
  never: 'Must not be changed.',
  'while waiting': 'May be changed while the job waits.',
  always: 'May be changed at any time.',
  system: '',
  inherited: '',
}

/** Marks a spec inside a template: there nothing is compared with its past. */
export const TEMPLATE = 'x-template'

/** Description of a field that stands in a template, where everything may change. */
export function templateDescription(description: string): string {
  return description
    .replace(MUTABILITY_TEXT.never, MUTABILITY_TEXT.always)
    .replace(MUTABILITY_TEXT['while waiting'], MUTABILITY_TEXT.always)
}

export interface About {
  readonly says: string
  readonly unit?: string
  readonly default?: string
  readonly mutable?: Mutability
  /** Path of a field that must not change: adds the rule that refuses it by name. */
  readonly frozen?: string
  readonly rules?: readonly CelRule[]
  /** Further keywords of the node, such as list types. */
  readonly with?: Readonly<Record<string, unknown>>
}

/** Refuses a change of one leaf, by name; its cost is one comparison without property access. */
export function immutable(path: string, noun = 'job'): CelRule {
  return {
    rule: 'self == oldSelf',
    message: `\`${path}\` must not be changed: delete the ${noun} and create it again`,
    reason: 'FieldValueForbidden',
  }
}

/** Gives a schema its description and rules; unit, default and mutability come in fixed words. */
export function about<S extends z.ZodType>(schema: S, info: About): S {
  const words = [
    info.says,
    info.unit === undefined ? '' : `Unit: ${info.unit}.`,
    info.default === undefined ? '' : `Default: ${info.default}.`,
    info.frozen !== undefined
      ? MUTABILITY_TEXT.never
      : MUTABILITY_TEXT[info.mutable ?? 'inherited'],
  ]
  const rules = [
    ...(info.rules ?? []),
    ...(info.frozen === undefined ? [] : [immutable(info.frozen)]),
  ]
  return schema.meta({
    description: words.filter((word) => word !== '').join(' '),
    ...(rules.length === 0 ? {} : { 'x-kubernetes-validations': rules }),
    ...info.with,
  }) as S
}

export const INT32_MAX = 2_147_483_647

/** Bounded integer; above 2^31 − 1 it becomes an int64 that JavaScript can still hold. */
export function int(min: number, max: number, info: About) {
  return about(z.int().min(min).max(max), info)
}

export function bool(info: About) {
  return about(z.boolean(), info)
}

/** One of a closed set. */
export function choice<const V extends readonly [string, ...string[]]>(values: V, info: About) {
  const longest = Math.max(...values.map((value) => value.length))
  return about(z.enum(values), { ...info, with: { maxLength: longest, ...info.with } })
}

/** Number of code points, which is what the API server counts. */
export function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}

/** Free text for people, up to `max` code points. */
export function text(max: number, info: About) {
  const schema = z
    .string()
    .refine((value) => value.length <= max || codePoints(value) <= max, `at most ${max} characters`)
  return about(schema, {
    ...info,
    with: { maxLength: max, 'x-refined-by': 'maxLength', ...info.with },
  })
}

/** ASCII only, by pattern: everything that identifies something. */
export function ascii(max: number, pattern: RegExp, info: About, min = 1) {
  return about(z.string().min(min).max(max).regex(pattern), info)
}

export const PATTERNS = {
  /** DNS label. */
  label: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  /** DNS subdomain: an object name. */
  objectName: /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
  /** Handler type, such as `email.send`. */
  handlerType: /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
  /** Version, run id. */
  version: /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/,
  /** Failure code: a reason of ours or a handler's own. */
  code: /^[A-Za-z0-9_.-]+$/,
  /** Printable ASCII without a space at either end. */
  key: /^[!-~]([ -~]*[!-~])?$/,
  /** CamelCase word. */
  camelCase: /^[A-Z][A-Za-z0-9]*$/,
  /** Key of a ConfigMap or Secret. */
  dataKey: /^[-._a-zA-Z0-9]+$/,
  uid: /^[A-Za-z0-9-]+$/,
  controllerName: /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/,
  labelKey: /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/,
  labelValue: /^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/,
  base64: /^[A-Za-z0-9+/=]*$/,
  /** RFC 3339 as the API server takes it: with seconds and a zone, no leap second, no 24:00. */
  time: /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/,
} as const

/** DNS label of at most 63 characters: queue names, namespaces. */
export function label(info: About) {
  return ascii(63, PATTERNS.label, info)
}

export function objectName(info: About) {
  return ascii(253, PATTERNS.objectName, info)
}

/** The day of an RFC 3339 time is one that its month has. */
function hasItsDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number)
  if (month !== 2) return day < 31 || [1, 3, 5, 7, 8, 10, 12].includes(month)
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day <= (leap ? 29 : 28)
}

/** RFC 3339 time. The server checks `format: date-time`; pattern and day are its JavaScript twin. */
export function time(info: About) {
  const schema = z
    .string()
    .max(35)
    .regex(PATTERNS.time)
    .refine(hasItsDay, 'a day that its month does not have')
  return about(schema, {
    ...info,
    with: { format: 'date-time', 'x-refined-by': 'format', ...info.with },
  })
}

/** Any JSON value; the only nodes whose content the API server does not look into. */
export function anyJson(info: About) {
  return about(z.unknown(), {
    ...info,
    with: { 'x-kubernetes-preserve-unknown-fields': true, ...info.with },
  })
}

/** A list replaced as a whole. */
export function list<S extends z.ZodType>(item: S, max: number, info: About) {
  return about(z.array(item).max(max), {
    ...info,
    with: { 'x-kubernetes-list-type': 'atomic', ...info.with },
  })
}

/** A list whose entries are identified by one of their fields; the server refuses duplicates. */
export function listBy<S extends z.ZodType>(key: string, item: S, max: number, info: About) {
  return about(z.array(item).max(max), {
    ...info,
    with: { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key], ...info.with },
  })
}

const ATOMIC = { 'x-kubernetes-map-type': 'atomic' } as const

/** An object with one managed-fields entry and no merging inside: cheaper, for one writer. */
export function atomic<S extends z.ZodType>(schema: S, info: About): S {
  return about(schema, { ...info, with: { ...ATOMIC, ...info.with } })
}

/** `status.conditions` of every kind; types and order are given by `conditions.ts`. */
export const Condition = about(
  z.object({
    type: ascii(64, PATTERNS.camelCase, { says: 'What the condition is about.' }),
    status: choice(CONDITION_STATUSES, { says: 'Whether it holds.' }),
    reason: ascii(64, PATTERNS.camelCase, { says: 'Why, one word of the table of reasons.' }),
    message: text(1024, { says: 'Why, for people.' }).optional(),
    lastTransitionTime: time({ says: 'When `status` last changed.' }),
  }),
  { says: 'One condition.' },
)
export type Condition = Readonly<z.infer<typeof Condition>>

export const Conditions = listBy('type', Condition, 8, {
  says: 'A condition is written only when it says something; an absent one means "not so".',
})

/** `status.observedGeneration`: -1 until the operator has written something. */
export const ObservedGeneration = int(-1, Number.MAX_SAFE_INTEGER, {
  says: 'Generation of the spec that this status is about; -1 before anything was written.',
  default: '-1',
}).default(-1)

/** Catches a status that was removed, too: the default of -1 comes back and is lower. */
export const OBSERVED_GENERATION_RULE: CelRule = {
  rule: 'self.observedGeneration >= oldSelf.observedGeneration',
  message: '`status.observedGeneration` must not fall',
  fieldPath: '.observedGeneration',
}

/** `metadata` as the API server hands it out, reduced to what the system reads. */
export const ObjectMeta = z.object({
  name: z.string().max(253),
  namespace: z.string().max(63),
  uid: z.string().max(64),
  resourceVersion: z.string().max(64),
  generation: z.int().min(0).default(0),
  creationTimestamp: z.string().max(64),
  deletionTimestamp: z.string().max(64).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
})
export type ObjectMeta = DeepReadonly<z.infer<typeof ObjectMeta>>

/** Records are read-only everywhere: a change makes a new record. */
export type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T
