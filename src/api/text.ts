/**
 * Text that ends up in objects, logs and terminals: one line, bounded, and still text where it was cut.
 */

/** At most `max` UTF-16 units (so no more code points either), marked where it was cut. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text
  const head = text.slice(0, max - 1)
  const last = head.charCodeAt(head.length - 1)
  return `${last >= 0xd800 && last <= 0xdbff ? head.slice(0, -1) : head}…`
}

/** Control characters, line ends and direction marks become spaces. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim()
}
