/**
 * The terminal of a command: standard output that may be a closed pipe, standard error, a person who
 * can be asked, files and standard input with a limit. The only place of `gq` that touches the streams
 * of the process.
 */
import type { Readable, Writable } from 'node:stream'
import { GopherQueueError } from '../core/errors.ts'
import { readBounded } from './read-file.ts'

type OutStream = Writable & { readonly isTTY?: boolean }
type InStream = Readable & { readonly isTTY?: boolean }

export interface Streams {
  readonly stdin: InStream
  readonly stdout: OutStream
  readonly stderr: OutStream
}

export interface CommandTerminal {
  readonly asks: boolean
  readonly redraws: boolean
  write(text: string): Promise<void>
  note(text: string): void
  ask(question: string, signal: AbortSignal): Promise<string>
  read(path: string, maxBytes: number): Promise<string>
}

/** @param closed what a write rejects with once nobody reads standard output any more */
export function commandTerminal(streams: Streams, closed: () => Error): CommandTerminal {
  const { stdin, stdout, stderr } = streams
  let broken: unknown = null
  // Without a listener a closed pipe would end the process with a stack trace.
  stdout.on('error', (error) => {
    broken ??= error
  })
  stderr.on('error', () => {})
  return {
    asks: stdin.isTTY === true && stderr.isTTY === true,
    redraws: stderr.isTTY === true,
    write: (text) =>
      new Promise((resolve, reject) => {
        if (broken !== null) return reject(failureOf(broken, closed))
        stdout.write(text, (error) => {
          if (error) reject(failureOf(error, closed))
          else resolve()
        })
      }),
    note: (text) => void stderr.write(text),
    ask: (question, signal) => {
      stderr.write(question)
      return lineOf(stdin, signal)
    },
    read: async (path, maxBytes) =>
      path === '-'
        ? readAll(stdin, maxBytes)
        : (await readBounded(path, maxBytes)).toString('utf8'),
  }
}

function failureOf(error: unknown, closed: () => Error): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' ? closed() : error
}

const MAX_LINE = 1_024

/** '' when the input ends. */
function lineOf(input: InStream, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const leave = () => {
      input.off('data', more)
      input.off('end', done)
      signal.removeEventListener('abort', stop)
      input.pause()
    }
    const done = () => {
      leave()
      resolve(text.split('\n')[0] ?? '')
    }
    const more = (chunk: Buffer | string) => {
      text += chunk.toString()
      if (text.includes('\n') || text.length > MAX_LINE) done()
    }
    const stop = () => {
      leave()
      reject(signal.reason)
    }
    if (signal.aborted) return reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    input.on('data', more)
    input.on('end', done)
    input.resume()
  })
}

async function readAll(input: InStream, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) {
      throw new GopherQueueError('FileTooLarge', `standard input is larger than ${maxBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
