/**
 * How deep JSON nests. Every decoder and encoder on the way of a value recurses somewhere: V8 writes
 * some four thousand levels, Go reads ten thousand, and how many a process takes depends on how full
 * its stack is. So a payload has a limit that all of them keep (reliability B17).
 */

/** Levels of a payload: what a submitter may send and the intake accepts. */
export const MAX_PAYLOAD_DEPTH = 1_000

/** Deepest nesting of a JSON text. Never recurses. */
export function depthOf(json: string): number {
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let i = 0; i < json.length; i++) {
    const char = json.charCodeAt(i)
    if (quoted) {
      if (char === BACKSLASH) i++
      else if (char === QUOTE) quoted = false
    } else if (char === QUOTE) quoted = true
    else if (char === OPEN_LIST || char === OPEN_OBJECT) deepest = Math.max(deepest, ++depth)
    else if (char === CLOSE_LIST || char === CLOSE_OBJECT) depth--
  }
  return deepest
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
