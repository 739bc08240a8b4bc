/**
 * Files that somebody else writes: read with a byte limit, because a path may lead to anything (a
 * device, a file that grows), and a message that says which file, why, and what was expected.
 */
import { open } from 'node:fs/promises'
import { GopherQueueError } from '../core/errors.ts'

/** @throws GopherQueueError `FileUnreadable` or `FileTooLarge` */
export async function readBounded(file: string, maxBytes: number): Promise<Buffer> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw unreadable(file, error)
  })
  try {
    const buffer = Buffer.alloc(maxBytes + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) break
      length += bytesRead
    }
    if (length > maxBytes) {
      throw new GopherQueueError('FileTooLarge', `${file} is larger than ${maxBytes} bytes`)
    }
    return buffer.subarray(0, length)
  } catch (error) {
    throw error instanceof GopherQueueError ? error : unreadable(file, error)
  } finally {
    await handle.close()
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this process may not read it',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is no directory',
}

function unreadable(file: string, error: unknown): GopherQueueError {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const why = CAUSES[code] ?? (error instanceof Error ? error.message : String(error))
  return new GopherQueueError('FileUnreadable', `${file} cannot be read: ${why}`)
}

const KEY_BYTES = 32

/**
 * The installation key that nonces are made from (protocol S2). An empty path means no key: local
 * modes only.
 * @throws GopherQueueError when the file does not hold exactly 32 bytes: a key that lost a byte to an
 * editor, or gained a line end, would make every nonce invalid that another replica made
 */
export async function readInstallationKey(file: string): Promise<Uint8Array> {
  if (file === '') return new Uint8Array(0)
  const bytes = await readBounded(file, 4096)
  if (bytes.length === KEY_BYTES) return bytes
  throw new GopherQueueError(
    'InvalidKey',
    `installation key ${file} has ${bytes.length} bytes, must have ${KEY_BYTES}`,
    { help: `make one: head -c ${KEY_BYTES} /dev/urandom > ${file}` },
  )
}
