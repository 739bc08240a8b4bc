// A source file as the architecture test sees it: its room, its imports, and its code without comments
// and without the content of strings. No compiler stands behind it: import statements have few forms,
// and `architecture.test.ts` proves that each is seen.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export interface Import {
  /** As written: `../core/ids.ts`, `zod`, `node:fs`. */
  readonly specifier: string
  /** Path below src/ for a file of ours, `core/ids.ts`; null for a package or a file outside src/. */
  readonly file: string | null
  /** Erased by the compiler. */
  readonly typeOnly: boolean
}

export interface Source {
  /** Path below src/: `core/ids.ts`. */
  readonly path: string
  /** First folder: `core`; '' for a file that is in none. */
  readonly room: string
  readonly imports: readonly Import[]
  /** Without comments; each string is `'#n'`, so that no word in a string counts as code. */
  readonly code: string
  readonly lines: number
}

export function readSource(file: string, text: string): Source {
  const { code, strings } = withoutText(text)
  return {
    path: file,
    room: file.includes('/') ? (file.split('/')[0] ?? '') : '',
    imports: importsOf(code, strings).map(({ specifier, typeOnly }) => ({
      specifier,
      typeOnly,
      file: fileOf(file, specifier),
    })),
    code,
    lines: text.split('\n').length,
  }
}

/** Every TypeScript file below src/. */
export function readSources(src: string): readonly Source[] {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.[cm]?tsx?$/.test(file),
  )
  return files
    .map((file) => file.replaceAll(path.sep, '/'))
    .map((file) => readSource(file, readFileSync(path.join(src, file), 'utf8')))
}

function fileOf(from: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null
  const file = path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier))
  return file.startsWith('../') ? null : file
}

type Found = Pick<Import, 'specifier' | 'typeOnly'>

const FROM = /\b(?:import|export)\b(\s+type\b)?([^'"#;()=]*?)\bfrom\s*'#(\d+)'/g
const BARE = /\bimport\s*'#(\d+)'/g
const DYNAMIC = /\bimport\s*\(\s*'#(\d+)'/g

function importsOf(code: string, strings: readonly string[]): readonly Found[] {
  const text = (index: string | undefined) => strings[Number(index)] ?? ''
  return [
    ...[...code.matchAll(FROM)].map(([, type, names = '', index]) => ({
      specifier: text(index),
      typeOnly: type !== undefined || onlyTypes(names),
    })),
    ...[...code.matchAll(BARE), ...code.matchAll(DYNAMIC)].map(([, index]) => ({
      specifier: text(index),
      typeOnly: false,
    })),
  ]
}

/** `{ type A, type B }` */
function onlyTypes(names: string): boolean {
  const inside = /^\s*\{([^}]*)\}\s*$/.exec(names)?.[1]
  if (inside === undefined) return false
  const each = inside.split(',').filter((name) => name.trim() !== '')
  return each.length > 0 && each.every((name) => /^\s*type\s/.test(name))
}

/** Where a `/` begins a regular expression and is no division. */
const BEFORE_REGEX = /(^|[=(,:[!&|?{};+<>~^%*-]|\b(return|case|typeof|in|of|yield|await))\s*$/

/** Code with comments blanked and strings numbered; what stands in `${…}` of a template stays code. */
export function withoutText(text: string): { readonly code: string; readonly strings: string[] } {
  const strings: string[] = []
  let code = ''
  let at = 0
  // Open braces inside each template literal that we are in.
  const templates: number[] = []
  const numbered = (content: string) => `'#${strings.push(content) - 1}'`

  /** From inside a template up to its end or its next `${`. */
  const readTemplate = () => {
    let content = ''
    while (at < text.length) {
      if (text.startsWith('${', at)) {
        at += 2
        templates.push(0)
        code += `${numbered(content)} + (`
        return
      }
      if (text[at] === '`') {
        at += 1
        break
      }
      content += text[at] === '\\' ? text.slice(at, at + 2) : text[at]
      at += text[at] === '\\' ? 2 : 1
    }
    code += numbered(content)
  }
  const readUntil = (end: RegExp) => {
    end.lastIndex = at
    const match = end.exec(text)
    const piece = text.slice(at, match === null ? text.length : match.index + match[0].length)
    at += piece.length
    return piece
  }

  while (at < text.length) {
    const next = text[at] ?? ''
    const pair = text.slice(at, at + 2)
    if (pair === '//') {
      readUntil(/(?=\n)/g)
    } else if (pair === '/*') {
      readUntil(/\*\//g)
      code += ' '
    } else if (next === "'" || next === '"') {
      at += 1
      const piece = readUntil(next === "'" ? /(?<!\\)(\\\\)*'/g : /(?<!\\)(\\\\)*"/g)
      code += numbered(piece.slice(0, -1))
    } else if (next === '`') {
      at += 1
      readTemplate()
    } else if (next === '/' && BEFORE_REGEX.test(code)) {
      at += 1
      readUntil(/(?<!\\)(\\\\)*(\[(\\.|[^\]\\])*\]|[^\\/[\n]|\\.)*\//g)
      code += '/./'
    } else if (next === '}' && templates.at(-1) === 0) {
      templates.pop()
      at += 1
      code += ') + '
      readTemplate()
    } else {
      const open = templates.at(-1)
      if (open !== undefined && next === '{') templates[templates.length - 1] = open + 1
      if (open !== undefined && next === '}') templates[templates.length - 1] = open - 1
      code += next
      at += 1
    }
  }
  return { code, strings }
}
