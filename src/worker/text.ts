/**
 * Text of a handler on its way out of the process: error messages and progress. It ends up in a
 * Kubernetes object, in terminals and in logs, so it is one bounded line without control characters
 * and without what the redaction rules take for a secret (reliability B16, B36).
 */

/** Takes secrets out of a text; the rules are those of `security/`. */
export type Redact = (text: string) => string

/**
 * One clean line of at most `max` UTF-16 units, marked with "…" where it was cut. Ten megabytes cost
 * no more than a few kilobytes: what cannot be shown is dropped before anything looks at it.
 */
export function cleanLine(text: string, max: number, redact: Redact): string {
  const looked = head(text, 4 * max)
  const line = redact(looked)
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029\s]+/gu, ' ')
    .trim()
    .toWellFormed()
  if (line.length <= max && looked.length === text.length) return line
  return `${withoutHalf(line.slice(0, max - 1))}…`
}

/** Cut between words, so that no rule gets to see only the first half of a secret. */
function head(text: string, max: number): string {
  if (text.length <= max) return text
  const window = text.slice(0, max)
  const gap = Math.max(window.lastIndexOf(' '), window.lastIndexOf('\n'))
  // A last word this long is cut off further on anyway.
  return gap > max * 0.75 ? window.slice(0, gap) : window
}

/** A cut must not leave half of a surrogate pair. */
function withoutHalf(text: string): string {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text
}
