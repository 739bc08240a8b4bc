// What the fence of the reference application is good for, on the provider that it charges.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type PaymentProvider,
  startPaymentProvider,
} from '../../../examples/shop/payment-provider.ts'
import { type Payments, paymentsAt } from '../../../examples/shop/payments.ts'

const order = { order: '1001', card: 'visa-4242', cents: 4990 }
const attempt = (epoch: number) => ({ idempotencyKey: 'uid.', epoch })
const never = new AbortController().signal

describe('a payment', () => {
  let provider: PaymentProvider
  let payments: Payments
  const charges = () => provider.books.charges

  beforeEach(async () => {
    provider = await startPaymentProvider()
    payments = paymentsAt(provider.url)
  })
  afterEach(() => provider.close())

  it('that is tried twice without a fence is charged twice', async () => {
    await payments.charge(order, null, never)
    await payments.charge(order, null, never)
    expect(charges()).toHaveLength(2)
  })

  it('that is tried twice behind the fence is charged once, and both learn of the same charge', async () => {
    const first = await payments.charge(order, attempt(7), never)
    const second = await payments.charge(order, attempt(8), never)
    expect(second).toEqual(first)
    expect(charges()).toHaveLength(1)
  })

  it('of an attempt that was overtaken is refused for good', async () => {
    await payments.charge(order, attempt(8), never)
    await expect(payments.charge(order, attempt(7), never)).rejects.toMatchObject({
      name: 'Permanent',
      code: 'NewerAttempt',
    })
    expect(charges()).toHaveLength(1)
  })

  it('of another order is its own', async () => {
    await payments.charge(order, attempt(8), never)
    const other = { idempotencyKey: 'other.', epoch: 7 }
    await payments.charge({ ...order, order: '1002' }, other, never)
    expect(charges().map((charge) => charge.order)).toEqual(['1001', '1002'])
  })

  it('that is declined is not tried again', async () => {
    await expect(
      payments.charge({ ...order, cents: 99_000_000 }, attempt(1), never),
    ).rejects.toMatchObject({ name: 'Permanent', code: 'CardDeclined' })
    expect(charges()).toEqual([])
  })

  it('at a provider that is not there is tried again', async () => {
    const nowhere = paymentsAt('http://127.0.0.1:1')
    await expect(nowhere.charge(order, attempt(1), never)).rejects.toMatchObject({
      name: 'Temporary',
      code: 'PaymentUnavailable',
    })
  })

  it('of an attempt that is ended meanwhile ends for that reason', async () => {
    const reason = new Error('drain')
    await expect(payments.charge(order, attempt(1), AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it.each([
    ['a body that is no JSON', 'POST', '/charges', 'cents=1', 400],
    ['a body that is too long', 'POST', '/charges', 'x'.repeat(5000), 400],
    ['an amount of nothing', 'POST', '/charges', '{"order":"1","card":"c","cents":0}', 400],
    ['another path', 'GET', '/refunds', undefined, 404],
  ])('the provider refuses %s', async (_, method, route, body, want) => {
    const answer = await fetch(`${provider.url}${route}`, { method, body: body ?? null })
    expect(answer.status).toBe(want)
  })

  it('the provider shows its books', async () => {
    await payments.charge(order, attempt(1), never)
    const answer = await fetch(`${provider.url}/charges`)
    expect(await answer.json()).toMatchObject([{ order: '1001', cents: 4990 }])
  })
})
