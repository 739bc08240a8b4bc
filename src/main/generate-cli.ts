/** docs/reference/gq.md: every command of `gq` with its options and the rights it needs. */
import { COMMANDS, type CommandRow } from '../cli/commands.ts'
import { GLOBAL_OPTIONS, type OptionRow } from '../cli/options.ts'
import type { Output } from './generate.ts'
import { cell, HEADER } from './generate-reference.ts'

const INTRO = `# gq, command by command

How it is installed, what its output and exit codes mean: [../cli.md](../cli.md). The rights are verbs on resources of the group \`gopherqueue.io\`, in the namespace of the command; with \`--all-namespaces\` in the whole cluster. A command that takes names or a selection needs \`list\` for the selection only.

`

function optionTable(options: readonly OptionRow[]): readonly string[] {
  if (options.length === 0) return []
  const rows = options.map(({ flags, says }) => `| \`${flags}\` | ${cell(says)} |`)
  return ['| Option | Means |', '|---|---|', ...rows, '']
}

function section(row: CommandRow): string {
  const { name, args, says, more, options, examples, rights } = row
  const needs = Object.entries(rights).map(
    ([resource, verbs]) => `${verbs.map((verb) => `\`${verb}\``).join(', ')} on \`${resource}\``,
  )
  return [
    `## gq ${name}`,
    '',
    `\`gq ${[name, args].filter((part) => part !== '').join(' ')}\``,
    '',
    more === undefined ? cell(says) : `${cell(says)} ${cell(more)}`,
    '',
    ...optionTable(options),
    ...(examples.length === 0 ? [] : ['```sh', ...examples, '```', '']),
    `Rights: ${needs.length === 0 ? 'none' : needs.join('; ')}.`,
    '',
  ].join('\n')
}

export function cliFiles(): readonly Output[] {
  const all = ['## For every command', '', ...optionTable(GLOBAL_OPTIONS)].join('\n')
  const content = `${HEADER}${INTRO}${[all, ...COMMANDS.map(section)].join('\n')}`
  return [{ path: 'docs/reference/gq.md', content }]
}
