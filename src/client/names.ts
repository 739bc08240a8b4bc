/**
 * Names that the client makes: what `generateName` would give, but chosen before the object is sent.
 * A create whose answer was lost can then be repeated: the second one finds the first one's name.
 */
import type { Random } from '../core/clock.ts'

/** That of Kubernetes' generated names: no vowels, and no digit that looks like a letter. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
/**
 * 27^10 = 2 × 10^14. Among 100,000 objects of one prefix a new name is taken already once in two
 * thousand million; Kubernetes' own five characters would be taken once in 140.
 */
const SUFFIX_LENGTH = 10
/** The largest multiple of 27 that a byte can hold: bytes above it would favour some letters. */
const FAIR = 243
const MAX_NAME = 253

/** @param prefix what the name begins with, e.g. `email-send`; cut where name and suffix are too long */
export function nameFrom(prefix: string, random: Random): string {
  const head = prefix.slice(0, MAX_NAME - SUFFIX_LENGTH - 1).replace(/[^a-z0-9]+$/, '')
  return `${head}-${suffix(random)}`
}

/** `email.send` → `email-send` (sdk.md). */
export function prefixOfType(type: string): string {
  return type.replaceAll('.', '-')
}

function suffix(random: Random): string {
  let text = ''
  while (text.length < SUFFIX_LENGTH) {
    for (const byte of random.bytes(SUFFIX_LENGTH)) {
      if (byte < FAIR && text.length < SUFFIX_LENGTH) text += ALPHABET[byte % ALPHABET.length]
    }
  }
  return text
}

/** Random id of one submission, by which a client knows an object as its own. */
export function submissionId(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex')
}
