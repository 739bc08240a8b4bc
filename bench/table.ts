// Text tables for a terminal: a heading, one line a row, columns lined up, numbers to the right. No
// frame, so that a table can be copied into a document or cut with awk.

import Table from 'cli-table3'

export type Cell = string | number

const frame = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left'],
  ...['bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
]

/** @param rows each with as many cells as the heading */
export function textTable(heading: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({
    head: [...heading],
    chars: { ...Object.fromEntries(frame.map((part) => [part, ''])), middle: '  ' },
    colAligns: heading.map((_, column) => (isNumeric(rows, column) ? 'right' : 'left')),
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  table.push(...rows.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

function isNumeric(rows: readonly (readonly Cell[])[], column: number): boolean {
  return rows.length > 0 && rows.every((row) => typeof row[column] === 'number')
}
