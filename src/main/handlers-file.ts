/**
 * The module that `--handlers FILE` names: it exports `handlers`, made by `handle` of the SDK, and
 * `deps` if they need any. Importing it runs the user's code; nothing else of it is called here.
 */
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeError, GopherQueueError } from '../core/errors.ts'
import type { Handler } from '../worker/handler.ts'
import type { Opened } from './worker.ts'

export interface HandlersModule {
  readonly handlers: readonly Handler[]
  readonly deps?: () => Opened<unknown> | Promise<Opened<unknown>>
}

const HELP = 'export const handlers = [handle(definition, async (input, ctx) => …)]'

/** @throws GopherQueueError `InvalidHandlers` */
export async function loadHandlers(file: string): Promise<HandlersModule> {
  const module = await importFile(path.resolve(file)).catch((error: unknown) => {
    throw invalid(file, `cannot be loaded: ${describeError(error)}`)
  })
  const { handlers, deps } = module
  if (handlers === undefined) throw invalid(file, 'exports no `handlers`')
  if (!Array.isArray(handlers) || !handlers.every(isHandler)) {
    throw invalid(file, 'exports `handlers` that are not a list of handlers')
  }
  if (deps === undefined) return { handlers }
  if (typeof deps !== 'function') throw invalid(file, 'exports `deps` that is no function')
  return { handlers, deps: deps as NonNullable<HandlersModule['deps']> }
}

function importFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  return import(pathToFileURL(file).href)
}

function isHandler(value: unknown): value is Handler {
  const { definition, run } = (value ?? {}) as Partial<Handler>
  return typeof definition?.type === 'string' && typeof run === 'function'
}

function invalid(file: string, what: string): GopherQueueError {
  return new GopherQueueError('InvalidHandlers', `handlers file ${file} ${what}`, { help: HELP })
}
