// The few ASN.1 types that a certificate is made of, written in DER (X.690).
//
// A value is its type byte, its length and its content; everything below only differs in how the
// content is spelt. Enough for pki.ts and nothing more.

type Content = Uint8Array | readonly Uint8Array[]

function encode(type: number, content: Content): Buffer {
  const body = Buffer.concat(content instanceof Uint8Array ? [content] : content)
  return Buffer.concat([Buffer.from([type]), lengthOf(body), body])
}

// Below 128 the length is one byte; above, the number of length bytes comes first.
function lengthOf(body: Uint8Array): Buffer {
  if (body.length < 0x80) return Buffer.from([body.length])
  const bytes = bigEndian(body.length)
  return Buffer.from([0x80 | bytes.length, ...bytes])
}

function bigEndian(value: number): number[] {
  return value < 0x100 ? [value] : [...bigEndian(Math.floor(value / 0x100)), value % 0x100]
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => encode(0x30, parts)
export const set = (...parts: readonly Uint8Array[]): Buffer => encode(0x31, parts)
export const octets = (content: Content): Buffer => encode(0x04, content)
export const utf8 = (text: string): Buffer => encode(0x0c, Buffer.from(text, 'utf8'))
export const truth = (): Buffer => encode(0x01, Buffer.from([0xff]))

/** `[number]` around other values (explicit tagging). */
export const tagged = (number: number, content: Content): Buffer => encode(0xa0 | number, content)

/** `[number]` in place of a primitive type (implicit tagging). */
export const implicit = (number: number, content: Uint8Array): Buffer =>
  encode(0x80 | number, content)

/** A non-negative integer; a leading zero byte keeps it from reading as negative. */
export function integer(magnitude: Uint8Array): Buffer {
  const [first = 0] = magnitude
  return encode(0x02, first >= 0x80 ? [Buffer.from([0]), magnitude] : magnitude)
}

/** Bits as whole bytes, of which the last `unused` bits do not count. */
export const bits = (content: Uint8Array, unused = 0): Buffer =>
  encode(0x03, [Buffer.from([unused]), content])

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return encode(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const low = value % 0x80
  const high = Math.floor(value / 0x80)
  return high === 0 ? [low] : [...base128(high).map((byte) => byte | 0x80), low]
}

/** A moment to the second; years from 2050 on need the longer form (RFC 5280, 4.1.2.5). */
export function time(moment: Date): Buffer {
  const text = moment.toISOString().replace(/[-:T]|\.\d+/g, '')
  return moment.getUTCFullYear() < 2050
    ? encode(0x17, Buffer.from(text.slice(2), 'ascii'))
    : encode(0x18, Buffer.from(text, 'ascii'))
}
