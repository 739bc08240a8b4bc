/**
 * The name that somebody probably meant: the nearest of those that exist, by the number of letters to
 * add, drop, change or swap with their neighbour, and null when none is near enough to be a slip.
 *
 * Names come from users, so the cost is bounded: so many names are looked at, each up to so many
 * letters.
 */

const MAX_NAMES = 500
const MAX_LETTERS = 64

export function nearestName(word: string, names: Iterable<string>): string | null {
  const wanted = word.slice(0, MAX_LETTERS).toLowerCase()
  let best: string | null = null
  // A third of the letters may be wrong; beyond that it is another word.
  let bound = Math.max(1, Math.floor(wanted.length / 3))
  let looked = 0
  for (const name of names) {
    if (looked++ >= MAX_NAMES) break
    const distance = distanceWithin(wanted, name.slice(0, MAX_LETTERS).toLowerCase(), bound)
    if (distance === null || (best !== null && distance === bound && name >= best)) continue
    best = name
    bound = distance
  }
  return best
}

/** Null: farther than `bound`. */
function distanceWithin(a: string, b: string, bound: number): number | null {
  if (Math.abs(a.length - b.length) > bound) return null
  let above: readonly number[] = []
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) row.push(cell(a, b, i, j, row, last, above))
    if (Math.min(...row) > bound) return null
    above = last
    last = row
  }
  const distance = last[b.length] ?? Number.POSITIVE_INFINITY
  return distance <= bound ? distance : null
}

function cell(
  a: string,
  b: string,
  i: number,
  j: number,
  row: readonly number[],
  last: readonly number[],
  above: readonly number[],
): number {
  const at = (line: readonly number[], place: number) => line[place] ?? Number.POSITIVE_INFINITY
  const changed = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
  const best = Math.min(changed, at(last, j) + 1, at(row, j - 1) + 1)
  const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
  return swapped ? Math.min(best, at(above, j - 2) + 1) : best
}
