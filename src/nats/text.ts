/**
 * Bytes from outside as text and JSON: strict UTF-8, bounded depth, and for what people will read no
 * control characters (reliability B16, B17, B36).
 */

export type JsonReading =
  | { readonly ok: true; readonly text: string; readonly value: unknown }
  | { readonly ok: false; readonly problem: string }

/** As deep as a result may nest; deeper ones overflow an encoder somewhere on the way. */
export const MAX_DEPTH = 200

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Null: not UTF-8. */
export function utf8(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes)
  } catch {
    return null
  }
}

/** Never throws. The problem quotes nothing of the content. */
export function readJson(bytes: Uint8Array): JsonReading {
  const text = utf8(bytes)
  if (text === null) return { ok: false, problem: 'the body is not UTF-8' }
  try {
    return { ok: true, text, value: JSON.parse(text) }
  } catch {
    return { ok: false, problem: 'the body is not JSON' }
  }
}

/**
 * One line without control characters, line ends and direction marks, of at most `maxBytes` bytes of
 * UTF-8; where something was cut off it ends with "…".
 */
export function cleanText(text: string, maxBytes: number): string {
  // A character is at least one byte, and white space shrinks: four times as much is never needed.
  const line = text
    .slice(0, 4 * maxBytes)
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029\s]+/gu, ' ')
    .trim()
    .toWellFormed()
  const bytes = Buffer.from(line)
  const whole = text.length <= 4 * maxBytes
  if (bytes.length <= maxBytes && whole) return line
  let end = Math.min(bytes.length, maxBytes - ELLIPSIS_BYTES)
  // Not inside a character: continuation bytes are 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return `${bytes.subarray(0, end).toString()}…`
}

const ELLIPSIS_BYTES = 3
