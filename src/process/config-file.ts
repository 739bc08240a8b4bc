/**
 * The configuration file: YAML, strict. Whatever it says has a line, so a mistake is named with the
 * line and the nearest key. Pure: text in, values and problems out.
 *
 * Only the syntax tree is read, and only along paths that are settings: no object is built from the
 * keys of the file, so a key like `__proto__` is an unknown key and nothing else (B15). Aliases are
 * refused: nothing here needs them, and they are how a small file becomes large.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { CONFIG_API_VERSION, type Setting } from '../api/config.ts'
import { nearestName } from '../core/nearest.ts'
import { safeText } from '../observability/log.ts'

export const MAX_CONFIG_BYTES = 65_536

export interface FileValue {
  readonly value: unknown
  readonly line: number
}

export interface FileReading {
  /** By path, e.g. `information.percent`. */
  readonly values: ReadonlyMap<string, FileValue>
  /** `FILE:LINE: what is wrong`, in order. */
  readonly problems: readonly string[]
}

const API_VERSION = 'apiVersion'

export function readConfigText(
  file: string,
  text: string,
  settings: readonly Setting[],
): FileReading {
  return new Reading(file, settings).read(text)
}

/** One pass over one file. */
class Reading {
  readonly #file: string
  readonly #paths: ReadonlySet<string>
  /** Names that hold settings and are none themselves, e.g. `information`. */
  readonly #groups: ReadonlySet<string>
  readonly #lines = new LineCounter()
  readonly #values = new Map<string, FileValue>()
  readonly #problems: string[] = []

  constructor(file: string, settings: readonly Setting[]) {
    this.#file = safeText(file)
    this.#paths = new Set([API_VERSION, ...settings.map(({ path }) => path)])
    this.#groups = new Set(
      settings.flatMap(({ path }) => (path.includes('.') ? [path.split('.')[0] ?? ''] : [])),
    )
  }

  read(text: string): FileReading {
    const root = this.#parse(text)
    if (root !== undefined) this.#map(root, '')
    if (this.#problems.length === 0) this.#checkVersion()
    this.#values.delete(API_VERSION)
    return { values: this.#values, problems: this.#problems }
  }

  /** undefined: there is nothing to go through. */
  #parse(text: string): Node | null | undefined {
    try {
      const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
      for (const { pos, message } of [...document.errors, ...document.warnings]) {
        this.#problem(this.#lines.linePos(pos[0]).line, message.split('\n')[0] ?? '')
      }
      return this.#problems.length > 0 ? undefined : document.contents
    } catch {
      // Nesting deeper than the stack.
      this.#problem(1, 'it cannot be read as YAML')
      return undefined
    }
  }

  #map(node: Node | null, group: string): void {
    if (!isMap(node)) {
      const empty = node === null || (isScalar(node) && node.value === null)
      if (!empty) this.#problem(this.#line(node), `${group || 'the file'} must be a map`)
      return
    }
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const path = group === '' ? name : `${group}.${name}`
      const line = this.#line((key ?? value) as Node)
      if (group === '' && this.#groups.has(name)) this.#map(value as Node | null, name)
      else if (this.#paths.has(path) && !name.includes('.')) {
        this.#leaf(path, line, value as Node | null)
      } else this.#unknown(path, line)
    }
  }

  #leaf(path: string, line: number, node: Node | null): void {
    const items = isSeq(node) ? node.items : [node]
    const problem = items.map(valueProblem).find((each) => each !== '')
    if (problem !== undefined) {
      this.#problem(line, `${path}: ${problem}`)
      return
    }
    const values = items.map((item) => (isScalar(item) ? item.value : null))
    this.#values.set(path, { line, value: isSeq(node) ? values : values[0] })
  }

  #unknown(path: string, line: number): void {
    const nearest = nearestName(path, [...this.#paths, ...this.#groups])
    const dotted = `; a setting of a group is nested: ${path.replace('.', ': { ')}: … }`
    const meant = nearest === null ? '' : `; did you mean ${nearest}?`
    const hint = this.#paths.has(path) ? dotted : meant
    this.#problem(line, `unknown key ${path === '' ? '(a structure)' : path}${hint}`)
  }

  #checkVersion(): void {
    const version = this.#values.get(API_VERSION)
    if (version?.value === CONFIG_API_VERSION) return
    const is = version === undefined ? 'is missing' : `is ${String(version.value)}`
    this.#problem(version?.line ?? 1, `${API_VERSION} must be ${CONFIG_API_VERSION}, ${is}`)
  }

  #line(node: Node): number {
    return node.range ? this.#lines.linePos(node.range[0]).line : 1
  }

  #problem(line: number, says: string): void {
    this.#problems.push(`${this.#file}:${line}: ${safeText(says)}`)
  }
}

/** '' = a plain value. */
function valueProblem(node: unknown): string {
  if (isAlias(node)) return 'aliases are not read'
  if (node === null || (isScalar(node) && node.value === null)) return 'has no value'
  return isScalar(node) ? '' : 'must be a value, is a structure'
}
