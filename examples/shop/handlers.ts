// What the shop's jobs do. Each handler is one function of an input and a context; nothing here knows
// how a job got here, how often it will be tried, or where its result goes.

import { setTimeout as sleep } from 'node:timers/promises'
import { type HandlerContext, handle, RetryAfter, Temporary } from '@gopherqueue/sdk/worker'
import { buildReport, faxInvoice, placeOrder, renderThumbnail, syncStock } from './jobs.ts'
import type { Payments } from './payments.ts'
import { fingerprint, photograph, shrink } from './thumbnail.ts'

/** What the handlers need; opened once when the worker starts (worker.ts). */
export interface ShopDeps {
  readonly payments: Payments
  readonly fenced: boolean
  /** How much faster the shop's clock runs than ours. */
  readonly clockFactor: number
}

type ShopContext = HandlerContext<ShopDeps>

/**
 * A queue starts a job at least once: a worker may die after the card was charged and before anybody
 * heard of it, and then the job runs again. So the charge carries the job's identity and the attempt's
 * epoch, and the provider does the rest.
 */
const place = handle(placeOrder, async (order, ctx: ShopContext) => {
  const fence = { idempotencyKey: ctx.fence.idempotencyKey('job'), epoch: ctx.epoch }
  const charge = await ctx.deps.payments.charge(order, ctx.deps.fenced ? fence : null, ctx.signal)
  ctx.log.info({ order: order.order, charge: charge.id }, 'order paid')
  return { charge: charge.id, cents: charge.cents }
})

/**
 * Twelve steps with a look at the signal between them: a cancelled job, a passed deadline or a draining
 * worker end it at the next step. After a drain the job is handed back and starts again elsewhere.
 */
const report = handle(buildReport, async ({ year, minutes }, ctx: ShopContext) => {
  const months = 12
  const monthMs = (minutes * 60_000) / months / ctx.deps.clockFactor
  let cents = 0
  for (let month = 1; month <= months; month++) {
    // Rejects as soon as the signal is aborted, and so ends the handler.
    await sleep(monthMs, undefined, { signal: ctx.signal })
    cents += year * 1000 + month
    await ctx.progress((100 * month) / months, `${year}-${String(month).padStart(2, '0')}`)
  }
  return { months, cents }
})

const thumbnail = handle(renderThumbnail, ({ product, width }) => {
  const small = shrink(photograph(product), width)
  return { width: small.width, height: small.height, sha256: fingerprint(small) }
})

/** `RetryAfter` says when to come back; without it the job's own backoff would decide. */
const stock = handle(syncStock, ({ supplier, busy }, ctx: ShopContext) => {
  if (ctx.attempt <= busy) {
    throw new RetryAfter(1_000, `supplier ${supplier} is busy`, { code: 'SupplierBusy' })
  }
  return { items: supplier.length * 7 }
})

const fax = handle(faxInvoice, ({ number }) => {
  throw new Temporary(`nobody picks up at ${number}`, { code: 'NoAnswer' })
})

export const shopHandlers = [place, report, thumbnail, stock, fax]
