/**
 * Where the configuration of this process comes from: the one reader of `process.env`, and of the file
 * that `--config` or GOPHERQUEUE_CONFIG names. How the layers are joined: `config-layers.ts`.
 */
import { hostname } from 'node:os'
import type { z } from 'zod'
import { CONFIG_FILE_ENV } from '../api/config.ts'
import type { Random } from '../core/clock.ts'
import { describeError } from '../core/errors.ts'
import { MAX_CONFIG_BYTES } from './config-file.ts'
import { type Compiled, compileConfig, type Rejected } from './config-layers.ts'
import { readBounded } from './read-file.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A copy: what others change later, and names that are no plain keys, do nothing here. */
export function processEnvironment(): Environment {
  return Object.assign(Object.create(null), process.env)
}

export interface ConfigRequest<S extends z.ZodType> {
  readonly schema: S
  /** By path of the setting; the text after the flag. */
  readonly flags: ReadonlyMap<string, string>
  /** After `--config`; undefined: not given. */
  readonly file: string | undefined
  readonly environment: Environment
}

/** The file that the request names, wherever; null: none. */
export function configFileOf({ file, environment }: ConfigRequest<z.ZodType>): string | null {
  const named = file ?? environment[CONFIG_FILE_ENV] ?? ''
  return named === '' ? null : named
}

export async function loadConfig<S extends z.ZodType>(
  request: ConfigRequest<S>,
): Promise<Compiled<z.output<S>> | Rejected> {
  const { schema, flags, environment } = request
  const name = configFileOf(request)
  try {
    const file = name === null ? null : { name, text: await readConfigFile(name) }
    return compileConfig(schema, { flags, environment, file })
  } catch (error) {
    return { kind: 'rejected', problems: [`configuration file: ${describeError(error)}`] }
  }
}

/** @throws GopherQueueError when it cannot be read or is too large to be one */
export async function readConfigFile(name: string): Promise<string> {
  return (await readBounded(name, MAX_CONFIG_BYTES)).toString('utf8')
}

/**
 * The name of this process in Leases: as configured, else the host name and a random part, because a
 * pod that restarts in place keeps its host name and must not take its old life for itself. It goes
 * into names of objects, so it is a DNS name whatever the host is called.
 */
export function processIdentity(configured: string, random: Random, host = hostname()): string {
  if (configured !== '') return configured
  const readable = host
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .slice(0, 200)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
  const suffix = Buffer.from(random.bytes(4)).toString('hex')
  return `${readable || 'gopherqueue'}-${suffix}`
}
