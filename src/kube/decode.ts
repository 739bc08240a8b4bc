/**
 * From an object of the API server to a record of the inner rooms, through the schemas of `api/`.
 *
 * An object passed the CRD of the server, which may be older or newer than this program: what our
 * schema does not take is named, with the path of the field and never its value, and told as
 * unreadable (B46). It is nobody's problem but its own: decoding never throws.
 *
 * Fields of a status that this version does not know are kept: the status is written as a whole, and
 * a newer operator wants them back (B33).
 */
import type { z } from 'zod'
import { plain } from './errors.ts'
import type { Decode, Decoded, ObjectMeta, RawObject } from './objects.ts'
import { unreadable } from './objects.ts'

/** What every object has, as `core/resources.ts` names it. */
export interface IdentityFields {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly creationMs: number
  readonly deleting: boolean
}

export function identityOf(meta: ObjectMeta): IdentityFields {
  const { namespace, name, uid, resourceVersion, generation, creationMs, deleting } = meta
  return { namespace, name, uid, resourceVersion, generation, creationMs, deleting }
}

export type Part<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string }

/** One part of an object, such as its spec, through its schema. */
export function partOf<T>(schema: z.ZodType<T>, name: string, value: unknown): Part<T> {
  const parsed = schema.safeParse(value)
  return parsed.success
    ? { ok: true, value: parsed.data }
    : { ok: false, problem: problemOf(parsed.error, name) }
}

function problemOf(error: z.ZodError, part: string): string {
  const [first, ...more] = error.issues
  const path = [part, ...(first?.path ?? [])].map(String).join('.')
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`
  return `${plain(path, 256)}: ${plain(first?.message ?? 'not valid', 256)}${others}`
}

export interface SpecAndStatus<S, T> {
  readonly spec: S
  readonly status: T
}

/** The decoder of a kind that is nothing but identity, spec and status. */
export function decoderOf<S, T>(
  spec: z.ZodType<S>,
  status: z.ZodType<T>,
  /** Status of an object that nobody has written yet. */
  unwritten: T,
): Decode<IdentityFields & SpecAndStatus<S, T>> {
  return (raw: RawObject, meta: ObjectMeta): Decoded<IdentityFields & SpecAndStatus<S, T>> => {
    const asked = partOf(spec, 'spec', raw.spec)
    if (!asked.ok) return unreadable(meta, asked.problem)
    const said = partOf(status, 'status', raw.status ?? unwritten)
    if (!said.ok) return unreadable(meta, said.problem)
    return {
      kind: 'object',
      object: { ...identityOf(meta), spec: asked.value, status: said.value },
    }
  }
}
