/**
 * What a worker can do: its handlers by type and version. The offer goes into the worker's class
 * (`core/ids.ts`), so that a job only ever reaches workers that know its type and version.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type HandlerOffer, MESSAGE_LIMITS } from '../api/messages.ts'
import { GopherQueueError } from '../core/errors.ts'
import type { Handler } from './handler.ts'

export interface Registry<Deps> {
  readonly offers: readonly HandlerOffer[]
  /**
   * @param version '' = any: then the handler that was registered last for the type, by convention
   *   the newest
   */
  find(type: string, version: string): Handler<Deps> | null
}

/** @throws GopherQueueError `InvalidConfiguration` on none, too many, or two for one type and version */
export function registryOf<Deps>(handlers: readonly Handler<Deps>[]): Registry<Deps> {
  const byKey = new Map<string, Handler<Deps>>()
  const newest = new Map<string, Handler<Deps>>()
  for (const handler of handlers) {
    const { type, version } = handler.definition
    if (byKey.has(keyOf(type, version))) {
      throw refusal(`two handlers are registered for ${type} version ${version}`, 'remove one')
    }
    byKey.set(keyOf(type, version), handler)
    newest.set(type, handler)
  }
  if (byKey.size === 0) throw refusal('no handler is registered', 'pass handlers: [handle(…)]')
  if (byKey.size > MESSAGE_LIMITS.handlers) {
    const help = `at most ${MESSAGE_LIMITS.handlers}; split them over several workers`
    throw refusal(`${byKey.size} handlers are registered`, help)
  }
  return {
    offers: [...byKey.values()].map(({ definition }) => ({
      type: definition.type,
      version: definition.version,
      inputDigest: digestOf(definition.input),
    })),
    find: (type, version) =>
      (version === '' ? newest.get(type) : byKey.get(keyOf(type, version))) ?? null,
  }
}

function keyOf(type: string, version: string): string {
  return `${type}@${version}`
}

/** Tells two builds apart that expect different input; '' when the schema has no JSON form. */
function digestOf(schema: z.ZodType): string {
  try {
    const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
    return createHash('sha256').update(JSON.stringify(json)).digest('hex').slice(0, 32)
  } catch {
    return ''
  }
}

function refusal(message: string, help: string): GopherQueueError {
  return new GopherQueueError('InvalidConfiguration', message, { help })
}
