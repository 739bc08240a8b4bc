// The shop's worker: serves the queue `shop` of its namespace until it is told to stop, then lets what
// runs finish, hands the rest back and ends.
//
//   node examples/shop/worker.ts
//
// Where NATS is, which namespace and how many slots come from the environment (docs/configuration.md);
// what is written here are the defaults of this program.

import { runWorker } from '@gopherqueue/sdk/worker'
import { type ShopDeps, shopHandlers } from './handlers.ts'
import { startPaymentProvider } from './payment-provider.ts'
import { paymentsAt } from './payments.ts'
import { readSettings } from './settings.ts'

const settings = readSettings(process.env)

await runWorker({
  queues: ['shop'],
  slots: 10,
  deps: openShop,
  handlers: shopHandlers,
})

async function openShop() {
  // Alone on a laptop there is no payment provider: bring one along.
  const provider = settings.paymentsUrl === null ? await startPaymentProvider() : null
  const value: ShopDeps = {
    payments: paymentsAt(settings.paymentsUrl ?? provider?.url ?? ''),
    fenced: settings.fenced,
    clockFactor: settings.clockFactor,
  }
  return { value, close: async () => provider?.close() }
}
