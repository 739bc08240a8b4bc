// A payment provider as real ones are: it takes the money each time it is asked, unless the caller
// helps it to recognise a repetition. Two things help, and the worker sends both:
//
//   Idempotency-Key   the same for all attempts of a job: the first charge is answered again
//   Fence             the epoch of the attempt: an order remembers the highest it has seen and
//                     refuses a lower one, so an attempt that was cut off cannot charge any more
//
// A caller that sends neither charges twice as soon as a job is tried twice. The provider keeps its
// books in memory and shows them: GET /charges.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

const maxBodyBytes = 4096
const bodyWithinMs = 5_000
/** Cards above this amount are declined. */
const limitCents = 1_000_000

const ChargeRequest = z.object({
  order: z.string().min(1).max(64),
  card: z.string().max(64),
  cents: z.int().min(1),
})

export interface Charge {
  readonly id: string
  readonly order: string
  readonly cents: number
}

export type ChargeAnswer =
  | { readonly kind: 'charged'; readonly charge: Charge }
  | { readonly kind: 'declined' }
  /** A newer attempt was here before. */
  | { readonly kind: 'fenced'; readonly newest: number }

/** What helps to recognise a repetition; null = the caller sent none. */
export interface Protection {
  readonly key: string | null
  readonly fence: number | null
}

export class PaymentBooks {
  readonly #charges: Charge[] = []
  readonly #byKey = new Map<string, Charge>()
  readonly #newest = new Map<string, number>()

  get charges(): readonly Charge[] {
    return this.#charges
  }

  charge(request: z.infer<typeof ChargeRequest>, protection: Protection): ChargeAnswer {
    const { key, fence } = protection
    const { order, cents } = request
    const newest = this.#newest.get(order) ?? 0
    if (fence !== null && fence < newest) return { kind: 'fenced', newest }
    if (fence !== null) this.#newest.set(order, fence)
    const before = key === null ? undefined : this.#byKey.get(key)
    if (before !== undefined) return { kind: 'charged', charge: before }
    if (cents > limitCents) return { kind: 'declined' }
    const charge: Charge = { id: `ch_${randomUUID()}`, order, cents }
    this.#charges.push(charge)
    if (key !== null) this.#byKey.set(key, charge)
    return { kind: 'charged', charge }
  }
}

export interface PaymentProvider {
  /** http://127.0.0.1:PORT */
  readonly url: string
  readonly books: PaymentBooks
  readonly close: () => Promise<void>
}

/** @param port 0: a free one */
export async function startPaymentProvider(port = 0): Promise<PaymentProvider> {
  const books = new PaymentBooks()
  const server = createServer((request, response) => {
    answer(books, request, response).catch(() => send(response, 400, { error: 'bad request' }))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const { port: chosen } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${chosen}`,
    books,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function answer(
  books: PaymentBooks,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const route = `${request.method} ${request.url}`
  if (route === 'GET /charges') return send(response, 200, books.charges)
  if (route !== 'POST /charges') return send(response, 404, { error: `no ${route} here` })
  const charge = ChargeRequest.parse(JSON.parse(await readBody(request)))
  const answered = books.charge(charge, protectionOf(request))
  switch (answered.kind) {
    case 'charged':
      return send(response, 200, answered.charge)
    case 'declined':
      return send(response, 402, { error: 'declined' })
    case 'fenced':
      return send(response, 409, { error: `attempt ${answered.newest} was here before` })
  }
}

function protectionOf(request: IncomingMessage): Protection {
  const { 'idempotency-key': key, fence } = request.headers
  return {
    key: typeof key === 'string' ? key : null,
    fence: typeof fence === 'string' ? z.coerce.number().int().positive().parse(fence) : null,
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  request.setTimeout(bodyWithinMs, () => request.destroy())
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new Error('the request is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

// `node examples/shop/payment-provider.ts [PORT]` runs it alone, for several workers to share.
if (import.meta.main) {
  const provider = await startPaymentProvider(Number(process.argv[2] ?? 0))
  console.log(`SHOP_PAYMENTS_URL=${provider.url}`)
}
