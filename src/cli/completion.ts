/**
 * `gq completion`: scripts that complete commands and options. They hold plain words of the command
 * table, so they ask no cluster and run nothing of what a user typed.
 */
import type { CommandRow } from './commands.ts'
import { EXIT, UsageError } from './exit.ts'
import type { Given } from './given.ts'
import { GLOBAL_OPTIONS, longName, type OptionRow } from './options.ts'
import type { Context } from './ports.ts'

type Words = ReadonlyMap<string, readonly string[]>

export async function completion(
  { output }: Context,
  given: Given,
  commands: readonly CommandRow[],
): Promise<number> {
  const shell = given.args[0] ?? ''
  const script = SCRIPTS.get(shell)
  if (!script) {
    throw new UsageError(`no completion for ${JSON.stringify(shell)}`, 'bash, zsh or fish')
  }
  await output.write(script(wordsOf(commands)))
  return EXIT.done
}

/** What can follow: by the words of the command so far, '' for none. */
function wordsOf(commands: readonly CommandRow[]): Words {
  const words = new Map<string, string[]>()
  const add = (after: string, word: string) => {
    const known = words.get(after) ?? []
    if (!known.includes(word)) words.set(after, [...known, word])
  }
  for (const { name, options } of commands) {
    const [first = '', second] = name.split(' ')
    add('', first)
    if (second !== undefined) add(first, second)
    for (const option of [...options, ...GLOBAL_OPTIONS]) add(name, optionWord(option))
  }
  return words
}

function optionWord(option: OptionRow): string {
  return `--${option.flags.includes('--no-') ? 'no-' : ''}${longName(option)}`
}

function bash(words: Words): string {
  const cases = [...words]
    .map(([after, next]) => `    '${after}') words='${next.join(' ')}' ;;`)
    .join('\n')
  return `# Completion of gq for bash: source <(gq completion bash)
_gq() {
  local words='' typed="\${COMP_WORDS[*]:1:COMP_CWORD-1}" current="\${COMP_WORDS[COMP_CWORD]}" path='' word
  for word in $typed; do
    case "$word" in -*) break ;; esac
    case "$path" in '') path="$word" ;; queue|schedule) path="$path $word"; break ;; esac
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _gq gq
`
}

function zsh(words: Words): string {
  return `#compdef gq
# Completion of gq for zsh: source <(gq completion zsh)
autoload -U +X bashcompinit && bashcompinit
${bash(words)}`
}

function fish(words: Words): string {
  const lines = [...words].flatMap(([after, next]) => {
    const [first = '', second] = after.split(' ')
    const seen = [first, second].filter((word) => word !== '' && word !== undefined)
    const when =
      after === ''
        ? '__fish_use_subcommand'
        : seen.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    return next.map((word) =>
      word.startsWith('--')
        ? `complete -c gq -n '${when}' -l ${word.slice(2)}`
        : `complete -c gq -n '${when}' -a ${word}`,
    )
  })
  return `# Completion of gq for fish: gq completion fish | source\n${lines.join('\n')}\n`
}

const SCRIPTS: ReadonlyMap<string, (words: Words) => string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
])
