/**
 * What the API can say and this release of the operator does not serve yet. Such an object is stored
 * (the CRD is complete from the start) and then refused by the intake with `NotYetSupported`, naming
 * the fields: a field is served or refused, never ignored. A release that serves a field deletes its
 * row here.
 */
import type { Kind } from './conditions.ts'

/** One path below `spec`. Without `served`, its mere presence is refused. */
export interface Unserved {
  readonly path: string
  /** Values that are served; any other is refused. */
  readonly served?: readonly string[]
}

const present = (...paths: readonly string[]): readonly Unserved[] =>
  paths.map((path) => ({ path }))

export const NOT_YET_SUPPORTED: Readonly<Record<Kind, readonly Unserved[]>> = {
  QueueJob: present('array', 'resources'),
  Queue: present('defaults.resources', 'autoscaling', 'breaker'),
  QueueAction: [],
  QueueSchedule: present('template.spec.array', 'template.spec.resources'),
}

/** Own properties only: a key such as `constructor` in a manifest is data. */
function valueAt(spec: unknown, path: string): unknown {
  let value = spec
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[key]
  }
  return value
}

/** Paths of an object, `spec.` in front, that this release refuses; empty when all is served. */
export function notYetSupported(kind: Kind, spec: unknown): string[] {
  return NOT_YET_SUPPORTED[kind]
    .filter(({ path, served }) => {
      const value = valueAt(spec, path)
      if (value === undefined || value === null) return false
      return served === undefined || typeof value !== 'string' || !served.includes(value)
    })
    .map(({ path }) => `spec.${path}`)
}
