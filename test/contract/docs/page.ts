// The code blocks of a page of the docs, with what stands around them.

import { readFileSync } from 'node:fs'
import path from 'node:path'

export interface Block {
  /** Word after the fence: `sh`, `ts`, `text`. */
  readonly language: string
  readonly text: string
  /** Line of the page on which the text begins, from 1. */
  readonly line: number
  /** The nearest heading above. */
  readonly section: string
}

const root = path.join(import.meta.dirname, '..', '..', '..')

/** @param page relative to the repository, such as `docs/http.md` */
export function blocksOf(page: string): readonly Block[] {
  return blocksIn(readFileSync(path.join(root, page), 'utf8'), page)
}

export function blocksIn(text: string, page: string): readonly Block[] {
  const blocks: Block[] = []
  let section = ''
  let open: { language: string; lines: string[]; line: number } | null = null
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line)
    if (open && fence) {
      const { language, lines, line: at } = open
      blocks.push({ language, text: `${lines.join('\n')}\n`, line: at, section })
      open = null
    } else if (open) open.lines.push(line)
    else if (fence) open = { language: fence[1]?.trim() ?? '', lines: [], line: index + 2 }
    else section = /^#+ (.+)$/.exec(line)?.[1] ?? section
  }
  if (open) throw new Error(`${page}: a code block is not closed (line ${open.line})`)
  return blocks
}

export interface Step {
  readonly command: Block
  /** What it prints, where the page says so right after it. */
  readonly prints: string | null
}

/** Commands of a page in order, each with the `text` block that follows it. */
export function stepsOf(blocks: readonly Block[]): readonly Step[] {
  return blocks.flatMap((command, index) => {
    if (command.language !== 'sh') return []
    const next = blocks[index + 1]
    return [{ command, prints: next?.language === 'text' ? next.text : null }]
  })
}
