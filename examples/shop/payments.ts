// The shop's side of a payment: one charge for one order, and what each answer means to the queue.

import { Permanent, Temporary } from '@gopherqueue/sdk/worker'
import { z } from 'zod'

const answerWithinMs = 10_000

const Charge = z.object({ id: z.string(), cents: z.int() })

export interface ChargeOrder {
  readonly order: string
  readonly card: string
  readonly cents: number
}

/** What keeps a repeated attempt from charging again (see payment-provider.ts). */
export interface AttemptFence {
  /** The same for all attempts of a job. */
  readonly idempotencyKey: string
  /** Larger for every later attempt. */
  readonly epoch: number
}

export interface Payments {
  /**
   * @param fence null sends none: then two attempts charge twice. Only for showing that they would.
   * @throws Permanent `CardDeclined` or `NewerAttempt`: trying again changes nothing
   * @throws Temporary `PaymentUnavailable`: nobody knows whether the card was charged; try again
   */
  charge(
    order: ChargeOrder,
    fence: AttemptFence | null,
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly cents: number }>
}

/** @param url of the provider, without a slash at the end */
export function paymentsAt(url: string): Payments {
  return {
    charge: async (order, fence, signal) => {
      const answer = await ask(`${url}/charges`, order, fence, signal)
      if (answer.ok) return Charge.parse(await answer.json())
      await answer.body?.cancel()
      if (answer.status === 402) {
        throw new Permanent(`the card for order ${order.order} was declined`, {
          code: 'CardDeclined',
        })
      }
      if (answer.status === 409) {
        throw new Permanent(`a newer attempt has charged order ${order.order}`, {
          code: 'NewerAttempt',
        })
      }
      throw new Temporary(`the payment provider answered ${answer.status}`, {
        code: 'PaymentUnavailable',
      })
    },
  }
}

async function ask(
  url: string,
  order: ChargeOrder,
  fence: AttemptFence | null,
  signal: AbortSignal,
): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    ...(fence === null
      ? {}
      : { 'idempotency-key': fence.idempotencyKey, fence: String(fence.epoch) }),
  }
  try {
    return await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(order),
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]),
    })
  } catch (error) {
    // The attempt itself was ended: the queue knows why, and it is no fault of the provider.
    signal.throwIfAborted()
    throw new Temporary('the payment provider did not answer', {
      code: 'PaymentUnavailable',
      cause: error,
    })
  }
}
