// Texts that break lines, terminals and parsers: pieces of every class of bad input (reliability.md
// B10, B13, B16, B22), in any order. Cheaper than fast-check's own strings over all of Unicode.

import fc from 'fast-check'

const PIECES = [
  'a',
  'Zz9',
  ' ',
  '',
  '\n',
  '\r\n',
  '\t',
  '\u0000',
  '\u0007',
  '\u001b[2J',
  '\u007f',
  '\u0085',
  '\u009b31m',
  '\u00ad',
  '\u200b',
  '\u202e',
  '\u2028',
  '\u2029',
  '\ufeff',
  '\ufffd',
  '\ud800',
  '\udc00',
  '😀',
  '👨‍👩‍👧',
  '\u{e0041}',
  'é',
  'e\u0301',
  '__proto__',
  'constructor',
  '"',
  "'",
  '\\',
  '{"a":1}',
  '<script>',
  '$(id)',
  '%s{0}',
  'nats://u:p@h',
  ':',
  '#',
  ',',
  '-1',
  '1e400',
] as const

/** @param maxPieces of up to ten characters each */
export function hostileText(maxPieces = 12): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...PIECES), { maxLength: maxPieces })
    .map((parts) => parts.join(''))
}
