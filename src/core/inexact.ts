/**
 * Finds an integer beyond 2^53 in JSON text. The API server keeps such a number and so does whoever
 * passes the text on, but `JSON.parse` and most decoders round it without a word: an id would reach
 * its handler as another id. So it is refused, never rounded (names.md, "Payload").
 *
 * Only integer literals count. A number with a fraction or an exponent is a float for whoever wrote
 * it, and the API server itself prints integers from 10^21 on that way, already rounded.
 *
 * The text is scanned once without building a value; a text without sixteen digits in a row, which is
 * nearly every text, is not even scanned.
 */

const LONG_NUMBER = /\d{16}/

/** Strings are skipped as a whole, so digits inside them are never taken for a number. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[{}[\],:]/gs
const INTEGER = /^-?\d{16,}$/

interface Level {
  /** Null: an object. */
  index: number | null
  key: string
}

/**
 * Where the first one stands, such as `items[3].id`; '' = the text as a whole is one; null = there is
 * none. The text must be JSON.
 */
export function inexactInteger(json: string): string | null {
  if (!LONG_NUMBER.test(json)) return null
  const levels: Level[] = []
  let last = ''
  for (const [token] of json.matchAll(TOKEN)) {
    const level = levels.at(-1)
    if (INTEGER.test(token) && !Number.isSafeInteger(Number(token))) return pathOf(levels)
    if (token === '{') levels.push({ index: null, key: '' })
    else if (token === '[') levels.push({ index: 0, key: '' })
    else if (token === '}' || token === ']') levels.pop()
    else if (token === ',' && level && level.index !== null) level.index += 1
    else if (token === ':' && level) level.key = last
    last = token
  }
  return null
}

function pathOf(levels: readonly Level[]): string {
  return levels.reduce((path, { index, key }) => {
    if (index !== null) return `${path}[${index}]`
    const name = String(JSON.parse(key))
    return path === '' ? name : `${path}.${name}`
  }, '')
}
