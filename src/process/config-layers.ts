/**
 * Four layers become one configuration: flags over environment over file over defaults (names.md).
 * Pure; `process/env.ts` reads what it works on.
 *
 * Promises: the result is complete and within its bounds, or there is a list of problems, one line
 * each, that say where the value stands, what it must be and what it is (B44). The walk goes along the
 * settings, never along names that came from outside, so no name can do anything (B15).
 *
 * Two kinds of variables with our prefix are left alone: those of our other programs, and those that
 * Kubernetes puts into every container for a Service whose name begins with `gopherqueue`
 * (GOPHERQUEUE_METRICS_PORT=tcp://10.97.0.9:8443).
 */
import type { z } from 'zod'
import {
  CONFIG_API_VERSION,
  ENV_PREFIX,
  knownVariables,
  type Setting,
  settingFromText,
  settingsOf,
} from '../api/config.ts'
import { nearestName } from '../core/nearest.ts'
import { redact, safeText } from '../observability/log.ts'
import { readConfigText } from './config-file.ts'

export interface Layers {
  /** By path of the setting; the text after the flag. */
  readonly flags: ReadonlyMap<string, string>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly file: { readonly name: string; readonly text: string } | null
}

export type Source =
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'file'; readonly place: string }
  | { readonly kind: 'default' }

export interface Compiled<C> {
  readonly kind: 'compiled'
  readonly config: C
  /** By path of the setting. */
  readonly sources: ReadonlyMap<string, Source>
}
export interface Rejected {
  readonly kind: 'rejected'
  readonly problems: readonly string[]
}

interface Given {
  readonly setting: Setting
  readonly source: Source
  readonly value: unknown
}

export function compileConfig<S extends z.ZodType>(
  schema: S,
  layers: Layers,
): Compiled<z.output<S>> | Rejected {
  const settings = settingsOf(schema)
  const { file } = layers
  const reading = file && readConfigText(file.name, file.text, settings)
  const problems = [...unknownVariables(layers.environment), ...(reading?.problems ?? [])]
  const given = settings.map((setting): Given => {
    const fromFile = reading?.values.get(setting.path)
    const place = `${safeText(file?.name ?? '')}:${fromFile?.line}: ${setting.path}`
    const { source, text, value } = pick(setting, layers, fromFile && { place, ...fromFile })
    if (text === undefined) return { setting, source, value }
    const read = settingFromText(setting, text)
    if (read.ok) return { setting, source, value: read.value }
    problems.push(`${nameOf(source)}: ${read.problem}, is ${shown(text)}`)
    return { setting, source, value: setting.default }
  })
  const parsed = schema.safeParse(nested(given))
  if (!parsed.success) problems.push(...explainAll(parsed.error.issues, given))
  if (problems.length > 0 || !parsed.success) return { kind: 'rejected', problems }
  const sources = new Map(given.map(({ setting, source }) => [setting.path, source]))
  return { kind: 'compiled', config: parsed.data, sources }
}

/** The layer that decides. `text`: still to be read as a value of the setting's type. */
function pick(
  setting: Setting,
  { flags, environment }: Layers,
  fromFile: { readonly place: string; readonly value: unknown } | undefined,
): { source: Source; text?: string; value?: unknown } {
  const flag = flags.get(setting.path)
  if (flag !== undefined) return { source: { kind: 'flag', flag: setting.flag }, text: flag }
  const variable = environment[setting.env]
  if (variable !== undefined && !isServiceLink(setting.env, variable)) {
    return { source: { kind: 'environment', name: setting.env }, text: variable }
  }
  if (fromFile) return { source: { kind: 'file', place: fromFile.place }, value: fromFile.value }
  return { source: { kind: 'default' }, value: setting.default }
}

/** What Kubernetes sets for the Services of a namespace (`enableServiceLinks`). */
function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
  )
}

function unknownVariables(environment: Layers['environment']): readonly string[] {
  const known = knownVariables()
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith(ENV_PREFIX) && !isServiceLink(name, value ?? ''))
    .filter(([name]) => !known.has(name))
    .map(([name]) => {
      const nearest = nearestName(name, known)
      const hint = nearest === null ? 'unset it' : `did you mean ${nearest}?`
      return `environment: there is no setting ${safeText(name)}; ${hint}`
    })
}

/** Values at the places that their paths name; the paths are ours. */
function nested(given: readonly Given[]): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const { setting, value } of given) {
    const parts = setting.path.split('.')
    const last = parts.pop() ?? ''
    let at = root
    for (const part of parts) {
      at[part] ??= {}
      at = at[part] as Record<string, unknown>
    }
    at[last] = value
  }
  return root
}

/** One line for each value, however much is wrong with it. */
function explainAll(
  issues: readonly z.core.$ZodIssue[],
  given: readonly Given[],
): readonly string[] {
  const firsts = new Map<string, z.core.$ZodIssue>()
  for (const issue of issues) {
    const path = pathOf(issue)
    if (!firsts.has(path)) firsts.set(path, issue)
  }
  return [...firsts.values()].map((issue) => explain(issue, given))
}

/** Of the setting, without the place in a list. */
const pathOf = (issue: z.core.$ZodIssue) =>
  issue.path.filter((part) => typeof part === 'string').join('.')

function explain(issue: z.core.$ZodIssue, given: readonly Given[]): string {
  const path = pathOf(issue)
  const found = given.find(({ setting }) => setting.path === path)
  if (!found) return safeText(`${path}: ${issue.message}`)
  return `${nameOf(found.source, path)}: ${must(issue, found.setting)}, is ${shown(found.value)}`
}

function must(issue: z.core.$ZodIssue, setting: Setting): string {
  if (issue.code === 'custom') return issue.message
  if (setting.values) return `must be one of ${setting.values.join(', ')}`
  if (setting.type === 'integer') {
    return `must be an integer from ${setting.minimum} to ${setting.maximum}`
  }
  if (issue.code === 'invalid_format') return `must match ${issue.pattern ?? issue.format}`
  if (issue.code === 'too_big' || issue.code === 'too_small') {
    const bound =
      issue.code === 'too_big' ? `at most ${issue.maximum}` : `at least ${issue.minimum}`
    return `must have ${bound} ${issue.origin === 'array' ? 'items' : 'characters'}`
  }
  return setting.type === 'array' ? 'must be a list of texts' : `must be a ${setting.type}`
}

function nameOf(source: Source, path = ''): string {
  switch (source.kind) {
    case 'flag':
      return `--${source.flag}`
    case 'environment':
      return source.name
    case 'file':
      return source.place
    case 'default':
      return path
  }
}

function shown(value: unknown): string {
  return safeText(JSON.stringify(value) ?? String(value), 80)
}

function sourceText(source: Source): string {
  switch (source.kind) {
    case 'flag':
      return `flag --${source.flag}`
    case 'environment':
      return `environment ${source.name}`
    case 'file':
      return `file ${source.place.split(': ')[0]}`
    case 'default':
      return 'default'
  }
}

/** `--print-config`: a configuration file that would give the same, with the source of each value. */
export function printConfig(schema: z.ZodType, compiled: Compiled<unknown>): string {
  const lines = [`apiVersion: ${CONFIG_API_VERSION}`]
  let group = ''
  for (const { path } of settingsOf(schema)) {
    const parts = path.split('.')
    const [head = '', leaf] = parts
    if (leaf !== undefined && head !== group) lines.push(`${head}:`)
    group = leaf === undefined ? '' : head
    const source = compiled.sources.get(path) ?? { kind: 'default' }
    const value = flow(valueAt(compiled.config, parts))
    lines.push(`${leaf === undefined ? '' : '  '}${leaf ?? head}: ${value} # ${sourceText(source)}`)
  }
  return `${lines.join('\n')}\n`
}

/** JSON in printable ASCII, which is YAML too; a password inside an address is not shown. */
function flow(value: unknown): string {
  const plain = typeof value === 'string' ? redact(value) : value
  return JSON.stringify(plain).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The value at a path of ours. */
export function valueAt(config: unknown, parts: readonly string[]): unknown {
  return parts.reduce<unknown>(
    (at, part) => (at as Readonly<Record<string, unknown>> | undefined)?.[part],
    config,
  )
}
