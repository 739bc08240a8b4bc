// What the shop's jobs are: imported by the worker that does them and by every program that submits
// them. A change of an input or a result that older workers cannot take gets a new version.

import { defineJob } from '@gopherqueue/sdk'
import { z } from 'zod'

const cents = z.int().min(1).max(100_000_000)

/** A customer has ordered: charge the card once, however often this is tried. */
export const placeOrder = defineJob({
  type: 'order.place',
  version: '1',
  input: z.object({ order: z.string().min(1).max(64), card: z.string().max(64), cents }),
  output: z.object({ charge: z.string(), cents }),
})

/** A year's sales, worked through month by month. Takes long, shows progress, gives way to a drain. */
export const buildReport = defineJob({
  type: 'report.build',
  version: '1',
  input: z.object({
    year: z.int().min(2000).max(2100),
    /** Minutes of the shop's clock, which may run faster than ours (SHOP_CLOCK_FACTOR). */
    minutes: z.number().positive().max(1440).default(20),
  }),
  output: z.object({ months: z.int(), cents: z.int() }),
})

/** One small picture of a product. There are many, and each is quick. */
export const renderThumbnail = defineJob({
  type: 'thumbnail.render',
  version: '1',
  input: z.object({ product: z.string().min(1).max(64), width: z.int().min(16).max(512) }),
  output: z.object({ width: z.int(), height: z.int(), sha256: z.string() }),
})

/** Asks a supplier what is in stock. The supplier's server is busy at first and then answers. */
export const syncStock = defineJob({
  type: 'stock.sync',
  version: '1',
  input: z.object({
    supplier: z.string().min(1).max(64),
    /** How many times the supplier is busy before it answers. */
    busy: z.int().min(0).max(20).default(1),
  }),
  output: z.object({ items: z.int() }),
})

/** Sends an invoice to a fax machine that nobody has seen for years. Never works. */
export const faxInvoice = defineJob({
  type: 'invoice.fax',
  version: '1',
  input: z.object({ invoice: z.string().min(1).max(64), number: z.string().max(32) }),
  output: z.void(),
})
