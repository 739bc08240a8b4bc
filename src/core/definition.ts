/**
 * What a job is, agreed between who submits it and who works on it: handler type, version, and the
 * schemas of input and result. One value, imported by both programs.
 *
 * A value crosses the wire as JSON, so neither side trusts what it holds in memory. The sender checks
 * the JSON that it is about to send (`toWire`), with the same schema that the receiver applies
 * (`fromWire`): a Date, a Map or a 2^53 that would arrive as something else is refused before it is
 * sent. What travels is the value as it was given, not the parsed one: a schema with defaults,
 * coercions or transforms is applied once, by the receiver.
 *
 * `null` equals absent on the way (names.md, "Payload"): `undefined` and `null` travel as no value,
 * and a schema that takes either of them takes no value.
 *
 * A payload may travel as one JSON string instead (`payloadToWire`, `asString`): each key of a payload
 * costs the API server as much as kilobytes of text (api-on-the-server.md section 6). The receiver
 * needs to be told nothing: a string that its schema refuses, and whose content it accepts, is one.
 */
import type { z } from 'zod'
import { PATTERNS } from '../api/fields.ts'
import { MAX_PAYLOAD_DEPTH } from './depth.ts'
import { GopherQueueError } from './errors.ts'
import type { HandlerKey } from './ids.ts'

export interface JobDefinition<
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
> extends HandlerKey {
  readonly input: Input
  readonly output: Output
}

/** What a submitter hands over. */
export type Submitted<D extends JobDefinition> = z.input<D['input']>
/** What the handler receives. */
export type Received<D extends JobDefinition> = z.output<D['input']>
/** What the handler returns. */
export type Returned<D extends JobDefinition> = z.input<D['output']>
/** What the one who waits for the job receives. */
export type Resolved<D extends JobDefinition> = z.output<D['output']>

const MAX_NAME = 63

/** @throws GopherQueueError `InvalidDefinition`, naming the field, when the API would refuse it */
export function defineJob<Input extends z.ZodType, Output extends z.ZodType>(
  fields: JobDefinition<Input, Output>,
): JobDefinition<Input, Output> {
  const { type, version, input, output } = fields
  demandName('type', type, PATTERNS.handlerType, 'lower-case letters, digits, "-" and "."')
  demandName('version', version, PATTERNS.version, 'letters, digits, "-", "_" and "."')
  demandSchema(type, 'input', input)
  demandSchema(type, 'output', output)
  return Object.freeze({ type, version, input, output })
}

function demandName(field: 'type' | 'version', value: unknown, pattern: RegExp, signs: string) {
  if (typeof value === 'string' && value.length <= MAX_NAME && pattern.test(value)) return
  throw new GopherQueueError(
    'InvalidDefinition',
    `defineJob: ${field} ${shown(value)} is not valid`,
    {
      help: `use at most ${MAX_NAME} of ${signs}, a letter or digit at either end, such as ${field === 'type' ? '"email.send"' : '"1"'}`,
    },
  )
}

function demandSchema(type: string, field: 'input' | 'output', schema: unknown): void {
  if (typeof schema === 'object' && schema !== null && 'safeParse' in schema) return
  throw new GopherQueueError('InvalidDefinition', `defineJob: ${field} of "${type}" is no schema`, {
    help: `give a zod schema, such as z.object({ … }); for a job without ${field === 'input' ? 'an input' : 'a result'}: z.void()`,
  })
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : `(${typeof value})`
}

export type WireProblem = {
  readonly ok: false
  /** Where in the value, such as `items[3].to`; '' = the value as a whole. */
  readonly path: string
  /** What is wrong there, in the words of the schema. */
  readonly problem: string
}

/** `json` is null for no value. */
export type ToWire = { readonly ok: true; readonly json: string | null } | WireProblem
export type FromWire<T> = { readonly ok: true; readonly value: T } | WireProblem

/** The JSON of a value, once it is certain that the receiver gets something its schema takes. */
export function toWire(schema: z.ZodType, value: unknown): ToWire {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    return { ok: false, path: '', problem: `is not JSON: ${firstLine(error)}` }
  }
  // JSON.parse of an own output cannot fail; what it gives is what the receiver will see.
  const seen: unknown = text === undefined ? null : JSON.parse(text)
  const altered = alteredOnTheWay(seen, '', 0)
  if (altered) return altered
  const read = fromWire(schema, seen)
  if (!read.ok) return read
  return { ok: true, json: seen === null ? null : (text ?? null) }
}

/** A received value through its schema. @param value parsed JSON; null or undefined = no value */
export function fromWire<S extends z.ZodType>(schema: S, value: unknown): FromWire<z.output<S>> {
  if (value !== null && value !== undefined) return parsed(schema, value)
  const absent = parsed(schema, undefined)
  if (absent.ok) return absent
  const empty = parsed(schema, null)
  return empty.ok ? empty : absent
}

/** As `toWire`, for the input of a job. @param asString send it as one JSON string */
export function payloadToWire(schema: z.ZodType, value: unknown, asString: boolean): ToWire {
  const sent = toWire(schema, value)
  if (!asString || !sent.ok || sent.json === null) return sent
  if (fromWire(schema, sent.json).ok) {
    const problem = 'cannot be sent as one string: the schema takes any string as it stands'
    return { ok: false, path: '', problem }
  }
  return { ok: true, json: JSON.stringify(sent.json) }
}

/** As `fromWire`, for the payload of a job: what a handler receives. */
export function payloadFromWire<S extends z.ZodType>(
  schema: S,
  value: unknown,
): FromWire<z.output<S>> {
  const direct = fromWire(schema, value)
  if (direct.ok || typeof value !== 'string') return direct
  const content = jsonIn(value)
  // A string that is no JSON is a wrong payload of its own, and reported as one.
  return content === undefined ? direct : fromWire(schema, content)
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function parsed<S extends z.ZodType>(schema: S, value: unknown): FromWire<z.output<S>> {
  try {
    const result = schema.safeParse(value)
    if (result.success) return { ok: true, value: result.data }
    const issue = result.error.issues[0]
    const problem = issue?.message ?? 'does not fit the schema'
    return { ok: false, path: pathText(issue?.path ?? []), problem }
  } catch (error) {
    // A refinement of the user's that throws, or one that is asynchronous.
    return { ok: false, path: '', problem: `could not be checked: ${firstLine(error)}` }
  }
}

/** Values that the API server stores as something else: it rounds large integers, replaces surrogates. */
function alteredOnTheWay(value: unknown, path: string, depth: number): WireProblem | null {
  if (depth > MAX_PAYLOAD_DEPTH) {
    return { ok: false, path: '', problem: `is nested deeper than ${MAX_PAYLOAD_DEPTH} levels` }
  }
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return { ok: false, path, problem: 'is an integer beyond 2^53; send it as a string' }
  }
  if (typeof value === 'string' && !value.isWellFormed()) {
    return { ok: false, path, problem: 'holds half of a surrogate pair, which is no text' }
  }
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${key}]` : joined(path, key)
    const altered =
      alteredOnTheWay(Array.isArray(value) ? null : key, at, depth) ??
      alteredOnTheWay(inner, at, depth + 1)
    if (altered) return altered
  }
  return null
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : joined(text, String(step))),
    '',
  )
}

function joined(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
