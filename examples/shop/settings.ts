// What can be set from outside, read once at the start of the worker.

import { z } from 'zod'

const Settings = z.object({
  /** How much faster the shop's clock runs than ours: 60 turns a report of 20 minutes into 20 s. */
  SHOP_CLOCK_FACTOR: z.coerce.number().positive().max(100_000).default(60),
  /** Payment provider; absent: one inside this process. */
  SHOP_PAYMENTS_URL: z.url().optional(),
  /** `true` charges without the fence, to see what it is good for. */
  SHOP_UNFENCED: z.enum(['true', 'false']).default('false'),
})

export interface ShopSettings {
  readonly clockFactor: number
  readonly paymentsUrl: string | null
  readonly fenced: boolean
}

/** @throws ZodError naming the variable */
export function readSettings(env: Readonly<Record<string, string | undefined>>): ShopSettings {
  const settings = Settings.parse(env)
  return {
    clockFactor: settings.SHOP_CLOCK_FACTOR,
    paymentsUrl: settings.SHOP_PAYMENTS_URL?.replace(/\/$/, '') ?? null,
    fenced: settings.SHOP_UNFENCED === 'false',
  }
}
