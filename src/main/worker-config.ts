/**
 * The configuration of a worker program: code < file < environment < flags (sdk.md, names.md). What
 * the program's author wrote are defaults of their own; whoever deploys it has the last word.
 */
import { parseArgs } from 'node:util'
import { settingsOf, WorkerConfig } from '../api/config.ts'
import { GopherQueueError } from '../core/errors.ts'
import { nearestName } from '../core/nearest.ts'
import { type Environment, loadConfig } from '../process/env.ts'

/** Every setting of a worker, as code may give it (docs/configuration.md). */
export type WorkerSettings = {
  readonly [K in keyof WorkerConfig]?: WorkerConfig[K] | undefined
}

export interface ConfigSources {
  /** Arguments of the program, without node and script. */
  readonly args: readonly string[]
  readonly environment: Environment
}

/** @throws GopherQueueError `InvalidConfiguration` with one line for each problem */
export async function layeredConfig(
  code: WorkerSettings,
  { args, environment }: ConfigSources,
): Promise<WorkerConfig> {
  const flags = readFlags(args)
  const file = flags.get('config')
  const compiled = await loadConfig({ schema: WorkerConfig, flags, file, environment })
  if (compiled.kind === 'rejected') throw invalid(compiled.problems)
  const { config, sources } = compiled
  const given = Object.entries(config).map(([key, value]): [string, unknown] => {
    const own = code[key as keyof WorkerConfig]
    return [key, own !== undefined && sources.get(key)?.kind === 'default' ? own : value]
  })
  return compiledConfig(Object.fromEntries(given))
}

/** Only what code says, over the defaults. @throws GopherQueueError `InvalidConfiguration` */
export function compiledConfig(code: WorkerSettings): WorkerConfig {
  const said = Object.fromEntries(Object.entries(code).filter(([, value]) => value !== undefined))
  const parsed = WorkerConfig.safeParse(said)
  if (parsed.success) return parsed.data
  throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`))
}

/**
 * The flags that are ours, by path of the setting. Others are the program's own, unless they look like
 * one of ours with a slip of the pen.
 */
function readFlags(args: readonly string[]): ReadonlyMap<string, string> {
  const paths = new Map(settingsOf(WorkerConfig).map(({ flag, path }) => [flag, path]))
  paths.set('config', 'config')
  const options = Object.fromEntries([...paths.keys()].map((flag) => [flag, { type: 'string' }]))
  const { tokens } = parseArgs({
    args: [...args],
    options: options as Readonly<Record<string, { type: 'string' }>>,
    strict: false,
    tokens: true,
  })
  const flags = new Map<string, string>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { name, value } = token
    const path = paths.get(name)
    const switchedOff = name.startsWith('no-') ? paths.get(name.slice(3)) : undefined
    if (path !== undefined) flags.set(path, value ?? 'true')
    else if (switchedOff !== undefined) flags.set(switchedOff, 'false')
    else refuseSlip(name, paths)
  }
  return flags
}

function refuseSlip(name: string, ours: ReadonlyMap<string, string>): void {
  const nearest = name.length > 2 ? nearestName(name, ours.keys()) : null
  if (nearest === null) return
  throw new GopherQueueError('InvalidConfiguration', `there is no flag --${name}`, {
    help: `did you mean --${nearest}? A flag of the program itself: pass args to runWorker without it`,
  })
}

function invalid(problems: readonly string[]): GopherQueueError {
  return new GopherQueueError('InvalidConfiguration', problems.join('\n'), {
    help: 'every setting of a worker is described in docs/configuration.md',
  })
}
