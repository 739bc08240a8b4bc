/**
 * From the words after `gq` to a command of `cli/commands.ts` and what was given to it. Values stay
 * text; the commands read them.
 */
import { Command, CommanderError, Option } from 'commander'
import { COMMANDS, type CommandRow } from '../cli/commands.ts'
import { EXIT } from '../cli/exit.ts'
import { Given, type GivenValue } from '../cli/given.ts'
import { GLOBAL_OPTIONS, longName, type OptionRow } from '../cli/options.ts'
import { safeText } from '../observability/log.ts'
import type { Terminal } from './command-line.ts'

export type GqInvocation =
  /** Help, version or a mistake: said already. */
  | { readonly kind: 'answered'; readonly exitCode: number }
  | { readonly kind: 'command'; readonly row: CommandRow; readonly given: Given }

/** The program's name in help: `gq`, or `kubectl gq` as a plugin. */
export function parseGqWords(
  words: readonly string[],
  program: string,
  version: string,
  terminal: Terminal,
): GqInvocation {
  let invocation: GqInvocation = { kind: 'answered', exitCode: EXIT.usage }
  const root = rootOf(program, version, terminal)
  for (const row of COMMANDS) {
    addCommand(root, row, (given) => {
      invocation = { kind: 'command', row, given }
    })
  }
  try {
    root.parse(words, { from: 'user' })
    return invocation
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { kind: 'answered', exitCode: error.exitCode === 0 ? EXIT.done : EXIT.usage }
  }
}

const GROUPS: Readonly<Record<string, string>> = {
  queue: 'Queues: list, get, pause, resume, drain, purge.',
  schedule: 'Schedules: list, run, suspend, resume.',
}

function rootOf(program: string, version: string, terminal: Terminal): Command {
  const root = new Command(program)
    .description('Submit, see and steer jobs of GopherQueue. Needs only the Kubernetes API.')
    .version(version, '--version', 'Print the version.')
    .helpOption('-h, --help', 'Print help.')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, helpWidth: 100 })
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(mistake(program, text)),
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
    })
  for (const option of GLOBAL_OPTIONS) root.addOption(optionOf(option))
  root.addHelpText('after', EXIT_CODES)
  return root
}

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 timed out, 3 cancelled or discarded, 4 not found, 64 usage,
69 unreachable, 77 forbidden, 130 interrupted.`

function mistake(program: string, text: string): string {
  const said = text
    .trim()
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
  return `${program}: ${safeText(said, 512)}\n`
}

function addCommand(root: Command, row: CommandRow, invoked: (given: Given) => void): void {
  const [first = '', second] = row.name.split(' ')
  const parent = second === undefined ? root : groupOf(root, first)
  const command = parent
    .command([second ?? first, row.args].filter((part) => part !== '').join(' '))
    .description(row.more === undefined ? row.says : `${row.says}\n${row.more}`)
    .summary(row.says)
    .allowExcessArguments(false)
    .helpOption('-h, --help', 'Print help.')
  for (const option of row.options) command.addOption(optionOf(option))
  command.addHelpText('after', afterHelp(row))
  command.action(() => invoked(givenOf(row, command)))
}

function groupOf(root: Command, name: string): Command {
  const known = root.commands.find((each) => each.name() === name)
  if (known) return known
  return root
    .command(name)
    .description(GROUPS[name] ?? '')
    .helpOption('-h, --help', 'Print help.')
    .helpCommand(false)
}

function afterHelp({ examples, rights }: CommandRow): string {
  const needs = Object.entries(rights).map(
    ([resource, verbs]) => `  ${resource}: ${verbs.join(', ')}`,
  )
  return [
    ...(examples.length === 0 ? [] : ['', 'Examples:', ...examples.map((each) => `  ${each}`)]),
    ...(needs.length === 0 ? [] : ['', 'Needs the verbs:', ...needs]),
  ].join('\n')
}

function optionOf(row: OptionRow): Option {
  const option = new Option(row.flags, row.says)
  const { repeats } = row
  if (repeats) {
    option.argParser((text: string, before: unknown) => {
      const known = Array.isArray(before) ? (before as string[]) : []
      const more = repeats === 'commas' ? text.split(',').filter((part) => part !== '') : [text]
      return [...known, ...more]
    })
  }
  return option
}

function givenOf(row: CommandRow, command: Command): Given {
  const values: Readonly<Record<string, unknown>> = command.optsWithGlobals()
  const given = new Map<string, GivenValue>()
  for (const option of [...row.options, ...GLOBAL_OPTIONS]) {
    const value = values[optionOf(option).attributeName()]
    if (typeof value === 'string' || typeof value === 'boolean') given.set(longName(option), value)
    else if (Array.isArray(value)) given.set(longName(option), value.map(String))
  }
  return new Given(command.args, given)
}
