// A connection to NATS that sends whatever it is told, header bytes included: what no client library
// would let anybody send, and every program with a socket can.

import { createConnection, type Socket } from 'node:net'

export interface RawNats {
  /** @param headers lines without their ends; null = a message without headers */
  publish(subject: string, headers: readonly string[] | null, body?: string | Uint8Array): void
  /** Resolves when the server has read everything that was published. */
  flush(): Promise<void>
  close(): void
}

const MAY_TAKE_MS = 20_000

export async function rawNats(url: string): Promise<RawNats> {
  const { hostname, port } = new URL(url)
  const socket = createConnection({ host: hostname, port: Number(port) })
  const pongs: (() => void)[] = []
  let complaint = 'NATS did not answer'
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', () => resolve())
  })
  socket.on('data', (data: Buffer) => {
    const said = data.toString('latin1')
    complaint = /-ERR .*/.exec(said)?.[0] ?? complaint
    if (said.includes('PING')) socket.write('PONG\r\n')
    for (let left = said.split('PONG').length - 1; left > 0; left--) pongs.shift()?.()
  })
  socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true,"protocol":1}\r\n')
  return {
    publish: (subject, headers, body = '') => send(socket, subject, headers, Buffer.from(body)),
    flush: () =>
      new Promise((resolve, reject) => {
        const cancel = setTimeout(() => reject(new Error(complaint)), MAY_TAKE_MS)
        pongs.push(() => {
          clearTimeout(cancel)
          resolve()
        })
        socket.write('PING\r\n')
      }),
    close: () => void socket.destroy(),
  }
}

function send(
  socket: Socket,
  subject: string,
  headers: readonly string[] | null,
  body: Buffer,
): void {
  if (headers === null) {
    socket.write(Buffer.concat([Buffer.from(`PUB ${subject} ${body.length}\r\n`), body, END]))
    return
  }
  const block = Buffer.from(`${['NATS/1.0', ...headers].join('\r\n')}\r\n\r\n`)
  const line = `HPUB ${subject} ${block.length} ${block.length + body.length}\r\n`
  socket.write(Buffer.concat([Buffer.from(line), block, body, END]))
}

const END = Buffer.from('\r\n')
