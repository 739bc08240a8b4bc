/**
 * JSON with exact integers. `JSON.parse` rounds integers beyond 2^53 silently, and the API server
 * takes and keeps them, so a payload would reach its handler changed. Here such a number keeps its
 * digits: `JSON.stringify` of what was parsed gives them back, and whoever reads the payload's text
 * can refuse it (names.md, "Payload").
 *
 * Nearly no text holds one, so a scan decides first; a text without sixteen digits in a row is parsed
 * at full speed.
 */

/** A number of sixteen digits or more that is not inside a string that begins right before it. */
const LONG_NUMBER = /[:,[]\s*-?\d{16}/
const INTEGER = /^-?\d+$/

interface RawJson {
  rawJSON(text: string): unknown
}

/** @throws SyntaxError when the text is not JSON */
export function parseExact(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text)
  try {
    return JSON.parse(text, keepDigits)
  } catch (error) {
    // Thousands of levels: a reviver recurses where the parser does not. One such object must not
    // hide its neighbours, and its rounded numbers are still seen as beyond 2^53.
    if (error instanceof RangeError) return JSON.parse(text)
    throw error
  }
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return INTEGER.test(source) ? (JSON as unknown as RawJson).rawJSON(source) : value
}

/** JSON of a value that was parsed from JSON; null: thousands of levels, which cannot be written (B17). */
export function textOf(value: unknown): string | null {
  try {
    return JSON.stringify(value)
  } catch {
    return null
  }
}
