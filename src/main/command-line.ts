/**
 * The commands and flags of `gopherqueue`, made from the settings: a setting that is added to
 * `api/config.ts` has its flag and its line of help at once. Reads words and prints text; what a
 * command does is the caller's.
 *
 * A flag's value stays text here. Bounds, defaults and the other layers are `process/config-layers.ts`.
 */
import { Command, CommanderError, Option } from 'commander'
import type { z } from 'zod'
import {
  CONFIG_FILE_ENV,
  HANDLERS_FILE_ENV,
  OperatorConfig,
  type Setting,
  StandaloneConfig,
  settingsOf,
  WorkerConfig,
} from '../api/config.ts'
import { safeText } from '../observability/log.ts'
import { EXIT } from './exit-codes.ts'

export interface CommandRow {
  readonly name: 'operator' | 'worker' | 'standalone'
  readonly schema: z.ZodType
  readonly says: string
  readonly handlers: boolean
}

export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'operator',
    schema: OperatorConfig,
    says: 'Run the controller of jobs, queues, schedules and actions.',
    handlers: false,
  },
  {
    name: 'worker',
    schema: WorkerConfig,
    says: 'Run a worker with the handlers of a file.',
    handlers: true,
  },
  {
    name: 'standalone',
    schema: StandaloneConfig,
    says: 'Run operator and worker in one process: for first contact and small installations.',
    handlers: true,
  },
]

/** What the words after `gopherqueue` ask for. */
export type Invocation =
  /** Help, version or a mistake: said already. */
  | { readonly kind: 'answered'; readonly exitCode: number }
  | {
      readonly kind: 'command'
      readonly command: CommandRow
      /** By path of the setting. */
      readonly flags: ReadonlyMap<string, string>
      readonly configFile: string | undefined
      readonly handlersFile: string | undefined
      readonly printConfig: boolean
    }

export interface Terminal {
  out(text: string): void
  err(text: string): void
}

export function parseCommandLine(
  words: readonly string[],
  version: string,
  terminal: Terminal,
): Invocation {
  let invocation: Invocation = { kind: 'answered', exitCode: EXIT.usage }
  const program = new Command('gopherqueue')
    .description('A job queue whose jobs are Kubernetes objects.')
    .version(version, '--version', 'Print the version.')
    .helpOption('--help', 'Print this help.')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(oneLine(text)),
    })
  for (const row of COMMANDS) {
    const command = program.command(row.name).description(row.says).allowExcessArguments(false)
    for (const option of optionsOf(row)) command.addOption(option)
    command.action((values: Readonly<Record<string, unknown>>) => {
      invocation = invoked(row, values)
    })
  }
  try {
    program.parse(words, { from: 'user' })
    return invocation
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { kind: 'answered', exitCode: error.exitCode === 0 ? EXIT.stopped : EXIT.usage }
  }
}

/** `error: unknown option '--slotz'\n(Did you mean --slots?)` as one line with our name. */
function oneLine(text: string): string {
  const said = text
    .trim()
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
  return `gopherqueue: ${safeText(said, 512)}\n`
}

function optionsOf({ schema, handlers }: CommandRow): readonly Option[] {
  const own = [
    new Option('--config <file>', `Configuration file (YAML). (env: ${CONFIG_FILE_ENV})`),
    new Option('--print-config', 'Print each value and where it comes from, and end.'),
  ]
  if (handlers) {
    const says = `Module that exports \`handlers\`. Required. (env: ${HANDLERS_FILE_ENV})`
    own.unshift(new Option('--handlers <file>', says))
  }
  return [...own, ...settingsOf(schema).flatMap(settingOptions)]
}

/** Of a switch both ways, so that `--no-wait` reads as it should. */
function settingOptions(setting: Setting): readonly Option[] {
  const { flag, type } = setting
  if (type !== 'boolean') {
    return [new Option(`--${flag} <${placeholder(setting)}>`, helpText(setting))]
  }
  const on = new Option(`--${flag} [true|false]`, helpText(setting))
  const off = new Option(`--no-${flag}`, `Same as --${flag} false.`)
  return setting.default === true ? [on, off] : [on, off.hideHelp()]
}

function placeholder({ type, flag, values }: Setting): string {
  if (type === 'integer') return 'n'
  if (type === 'array') return 'a,b'
  if (flag.endsWith('-file') || flag === 'kubeconfig') return 'file'
  return values ? values.join('|') : 'text'
}

function helpText({ says, unit, default: value, env, minimum, maximum }: Setting): string {
  const shown = Array.isArray(value) ? value.join(',') : String(value)
  const notes = [
    ...(unit === '' ? [] : [unit]),
    ...(minimum === null ? [] : [`${minimum} … ${maximum}`]),
    ...(shown === '' ? [] : [`default: ${shown}`]),
    `env: ${env}`,
  ]
  return `${says} (${notes.join('; ')})`
}

function invoked(command: CommandRow, values: Readonly<Record<string, unknown>>): Invocation {
  const textAt = (flag: string) => {
    const value = values[new Option(`--${flag}`).attributeName()]
    return value === undefined ? undefined : String(value)
  }
  const flags = new Map<string, string>()
  for (const { path, flag } of settingsOf(command.schema)) {
    const text = textAt(flag)
    if (text !== undefined) flags.set(path, text)
  }
  return {
    kind: 'command',
    command,
    flags,
    configFile: textAt('config'),
    handlersFile: textAt('handlers'),
    printConfig: values.printConfig === true,
  }
}
