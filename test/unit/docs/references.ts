// What a page of the documentation names, and whether it is there: links with their anchors, scripts of
// package.json, files, metrics, reasons and other words of the API. Pure: a page and what there is in,
// one line for each wrong reference out.

/** What a reference may name. */
export interface Known {
  /** Files relative to the root, `/` between folders. */
  readonly files: ReadonlySet<string>
  /** Text of a page, to find its headings. */
  readonly read: (file: string) => string
  readonly scripts: ReadonlySet<string>
  readonly metrics: ReadonlySet<string>
  /** Words in several humps that code spans may hold. */
  readonly words: ReadonlySet<string>
  /** Folders of src/: pages name its files from there. */
  readonly rooms: readonly string[]
}

const TOP = [
  'bench',
  'charts',
  'crds',
  'demo',
  'devcluster',
  'docs',
  'examples',
  'policies',
  'rbac',
  'scripts',
  'sdks',
  'src',
  'test',
]

export function problemsIn(page: string, text: string, known: Known): readonly string[] {
  return [
    ...wrongLinks(page, text, known),
    ...wrongScripts(text, known),
    ...wrongFiles(text, known),
    ...wrongMetrics(text, known),
    ...wrongWords(text, known),
  ].map((problem) => `${page}: ${problem}`)
}

/** Folder and file names of a link, seen from the root; null: it leads out of the repository. */
function resolved(page: string, link: string): string | null {
  const parts = page.split('/').slice(0, -1)
  for (const part of link.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return null
  }
  return parts.join('/')
}

function wrongLinks(page: string, text: string, known: Known): readonly string[] {
  const prose = withoutFences(text)
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return []
    const [link = '', anchor] = target.split('#')
    const file = link === '' ? page : resolved(page, link)
    if (file === null || !exists(file, known)) return [`the link ${target} leads nowhere`]
    if (anchor === undefined || anchorsOf(known.read(file)).has(anchor)) return []
    return [`${file} has no heading #${anchor}`]
  })
}

function exists(file: string, { files }: Known): boolean {
  if (files.has(file)) return true
  for (const each of files) if (each.startsWith(`${file}/`)) return true
  return false
}

/** Headings as GitHub makes anchors of them. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...withoutFences(text).matchAll(/^#+ +(.+)$/gm)].map(([, heading = '']) =>
    heading
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return new Set(headings)
}

function wrongScripts(text: string, { scripts }: Known): readonly string[] {
  return [...text.matchAll(/\bnpm run (?:-s |--silent )?([a-z:]+)/g)]
    .map(([, name = '']) => name)
    .filter((name) => !scripts.has(name))
    .map((name) => `package.json has no script ${name}`)
}

/** Paths in code: below a folder of the root, or below a room of src/. Patterns are left alone. */
function wrongFiles(text: string, known: Known): readonly string[] {
  const inRoot = new RegExp(`^(${TOP.join('|')})/`)
  const inRoom = new RegExp(`^(${known.rooms.join('|')})/.*\\.ts$`)
  return wordsOf(text).flatMap((word) => {
    if (/[<>*{}$…]/.test(word)) return []
    const file = word.replace(/^\.\//, '').replace(/[/:.,;]+$/, '')
    if (inRoom.test(file)) return exists(`src/${file}`, known) ? [] : [`there is no src/${file}`]
    if (!inRoot.test(word) || exists(file, known)) return []
    return [`there is no ${file}`]
  })
}

function wrongMetrics(text: string, { metrics }: Known): readonly string[] {
  return [...text.matchAll(/\bgopherqueue_[a-z_]*[a-z]\b/g)]
    .map(([name]) => name)
    .filter((name) => !metrics.has(name))
    .map((name) => `there is no metric ${name}`)
}

function wrongWords(text: string, { words }: Known): readonly string[] {
  return [...withoutFences(text).matchAll(/`([A-Z][a-z]+(?:[A-Z][A-Za-z]*)+)`/g)]
    .map(([, word = '']) => word)
    .filter((word) => !words.has(word))
    .map((word) => `nothing is called ${word}`)
}

/** Words of code spans and code blocks. */
function wordsOf(text: string): readonly string[] {
  const fences = [...text.matchAll(/^```.*\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
  const spans = [...withoutFences(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
  return [...fences, ...spans].flatMap((code) => code.split(/[\s"'()[\]=,|]+/))
}

function withoutFences(text: string): string {
  return text.replace(/^```.*\n[\s\S]*?^```$/gm, '')
}
