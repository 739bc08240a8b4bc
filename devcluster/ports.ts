// Free TCP ports on loopback for servers that will be killed and started again on the same port.
//
// Ports are taken from below the range that operating systems give to outgoing connections
// (Linux: 32768 and up). Above it, a client that reconnects while its server is down can be given
// the server's own port: it then talks to itself, or the server finds its port in use.
// A port can still be taken between the choice and its use; whoever starts the server sees that
// and chooses again.

import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

const lowest = 20_000
const highest = 32_000
const triesPerPort = 200

/** `count` different ports of 127.0.0.1 that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = []
  const ports: number[] = []
  try {
    for (let tries = 0; ports.length < count; tries++) {
      if (tries > triesPerPort * count) {
        throw new Error(`no ${count} free ports between ${lowest} and ${highest} on 127.0.0.1`)
      }
      const port = randomInt(lowest, highest)
      const server = await listen(port)
      if (server === undefined) continue
      held.push(server)
      ports.push(port)
    }
    return ports
  } finally {
    // All are held until the last is found, so that no port is chosen twice.
    await Promise.all(held.map((server) => new Promise((done) => server.close(done))))
  }
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server))
  })
}
