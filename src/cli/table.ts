/**
 * Columns as kubectl prints them: names in capitals, three spaces between. The widths are those of the
 * first page, so that a list of any length is printed as it comes; a later, wider value pushes its own
 * line. Every value is one printable line, whatever a user wrote into it (B16).
 */
import { escapeControls } from '../observability/log.ts'

export interface Column<T> {
  readonly name: string
  readonly value: (row: T) => string
  /** Only with `-o wide`. */
  readonly wide?: boolean
}

const GAP = '   '
/** A message of 1,024 characters may be wide, a pasted one of 100,000 is not. */
const MAX_VALUE = 1_024

export class Table<T> {
  readonly #columns: readonly Column<T>[]
  #widths: readonly number[] | null = null

  constructor(columns: readonly Column<T>[]) {
    this.#columns = columns
  }

  /** The lines of one page, with the names above the first. */
  page(rows: readonly T[]): string {
    const cells = rows.map((row) => this.#columns.map(({ value }) => printable(value(row))))
    const names = this.#columns.map(({ name }) => name)
    const first = this.#widths === null
    const widths = this.#widths ?? widthsOf([names, ...cells])
    this.#widths = widths
    return (first ? [names, ...cells] : cells).map((line) => lineOf(line, widths)).join('')
  }
}

export function printable(value: string): string {
  const text = escapeControls(value.slice(0, MAX_VALUE))
  return text === '' ? '-' : text
}

function widthsOf(lines: readonly (readonly string[])[]): readonly number[] {
  const columns = lines[0]?.length ?? 0
  return Array.from({ length: columns }, (_, column) =>
    lines.reduce((width, line) => Math.max(width, line[column]?.length ?? 0), 0),
  )
}

function lineOf(cells: readonly string[], widths: readonly number[]): string {
  return `${cells
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join(GAP)
    .trimEnd()}\n`
}
