/**
 * A message as this room reads it: subject, reply, header bytes, body. The client library's own
 * header reader is not used: it throws on a name with a forbidden character and takes a second for
 * ten thousand names (B37), both inside the loop that reads the connection.
 */
import { type Msg, MsgImpl } from '@nats-io/transport-node'

export interface RawMessage {
  readonly subject: string
  /** Where an answer goes; '' = nowhere. */
  readonly reply: string
  /** The header block as it came, with its first line; null = none. */
  readonly headers: Uint8Array | null
  readonly body: Uint8Array
}

/** Largest header block that is read, and its most lines: ours take about 3 KiB and 20 lines. */
export const HEADER_LIMITS = { bytes: 16_384, lines: 128 } as const

export interface HeaderBlock {
  /** Status of the first line, e.g. 408; 0 = none: an ordinary message. */
  readonly status: number
  readonly description: string
  /** The first value of this exact name. */
  get(name: string): string | undefined
  /** Names that came more than once: which of the values counts is nobody's to guess. */
  readonly repeated: ReadonlySet<string>
}

export type HeaderReading =
  | { readonly ok: true; readonly block: HeaderBlock }
  | { readonly ok: false; readonly problem: string }

const LINE_END = '\r\n'
const FIRST_LINE = /^NATS\/1\.0(?: +([1-5][0-9]{2})(?: +(.*?))?)? *$/
const text = new TextDecoder()

export function rawMessage(message: Msg): RawMessage {
  const bytes = message instanceof MsgImpl ? headerBytes(message) : null
  return {
    subject: message.subject,
    reply: message.reply ?? '',
    headers: bytes,
    body: message.data,
  }
}

function headerBytes(message: MsgImpl): Uint8Array | null {
  const length = message._msg.hdr
  return length > 0 ? message._rdata.subarray(0, length) : null
}

export function sizeOf(message: RawMessage): number {
  return (message.headers?.length ?? 0) + message.body.length
}

/** Never throws, whatever the bytes are. */
export function readHeaderBlock(bytes: Uint8Array | null): HeaderReading {
  if (bytes === null) return block(0, '', [])
  if (bytes.length > HEADER_LIMITS.bytes) {
    return {
      ok: false,
      problem: `headers of ${bytes.length} bytes, ${HEADER_LIMITS.bytes} are read`,
    }
  }
  const lines = text.decode(bytes).split(LINE_END, HEADER_LIMITS.lines + 3)
  const first = FIRST_LINE.exec(lines[0] ?? '')
  if (!first) return { ok: false, problem: 'headers do not begin with NATS/1.0' }
  const rest = lines.slice(1).filter((line) => line !== '')
  if (rest.length > HEADER_LIMITS.lines) {
    return { ok: false, problem: `more than ${HEADER_LIMITS.lines} headers` }
  }
  return block(Number(first[1] ?? 0), first[2] ?? '', rest)
}

function block(status: number, description: string, lines: readonly string[]): HeaderReading {
  const values = new Map<string, string>()
  const repeated = new Set<string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) return { ok: false, problem: 'a header line without a name' }
    const name = line.slice(0, colon)
    if (values.has(name)) repeated.add(name)
    else values.set(name, line.slice(colon + 1).trim())
  }
  const get = (name: string) => values.get(name)
  return { ok: true, block: { status, description, get, repeated } }
}

/**
 * Whether the server wrote this message, or somebody who wants it to look so: a status about a pull,
 * with an empty body, on a subject that the one who pulled chose freely. Whoever it seems to come
 * from has not sent it.
 */
export function isStatus(message: RawMessage): boolean {
  if (message.headers === null) return false
  const firstLine = text.decode(message.headers.subarray(0, 64)).split(LINE_END, 1)[0] ?? ''
  return firstLine.trim() !== 'NATS/1.0'
}
