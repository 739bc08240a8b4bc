// Credentials are read when they are needed, kept for as long as they are good, and survive a file
// that is being rotated.

import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { CachedAccess, type CredentialReading } from '../../../src/kube/access.ts'
import { NO_TLS } from './scripted-server.ts'

const place = { server: 'https://kube', namespace: 'default', origin: 'test' }

const reading = (token: string, more: Partial<CredentialReading> = {}): CredentialReading => ({
  headers: { authorization: `Bearer ${token}` },
  tls: { ...NO_TLS, ca: 'CA' },
  goodForMs: 60_000,
  ...more,
})

/** An access whose readings are these, the last one for ever; an Error is a reading that failed. */
function accessTo(...readings: readonly (CredentialReading | Error)[]) {
  const clock = new VirtualClock()
  const forced: boolean[] = []
  const access = new CachedAccess(
    place,
    async (force) => {
      const next = readings[Math.min(forced.length, readings.length - 1)]
      forced.push(force)
      if (next instanceof Error || next === undefined) throw next
      return next
    },
    clock,
  )
  return { access, clock, forced }
}

const tokenOf = (credentials: { headers: Readonly<Record<string, unknown>> }) =>
  credentials.headers.authorization

describe('credentials', () => {
  it('are read once while they are good, and again after', async () => {
    const { access, clock, forced } = accessTo(reading('a'), reading('b'))
    expect(tokenOf(await access.credentials())).toBe('Bearer a')
    clock.advance(59_999)
    expect(tokenOf(await access.credentials())).toBe('Bearer a')
    clock.advance(1)
    expect(tokenOf(await access.credentials())).toBe('Bearer b')
    expect(forced).toEqual([false, false])
  })

  it('that many ask for at once are read once', async () => {
    const { access, forced } = accessTo(reading('a'), reading('b'))
    const all = await Promise.all(Array.from({ length: 50 }, () => access.credentials()))
    expect(new Set(all.map(tokenOf))).toEqual(new Set(['Bearer a']))
    expect(forced).toHaveLength(1)
  })

  it('after a 401 are read at once, however good they are', async () => {
    const { access, forced } = accessTo(reading('a'), reading('b'))
    await access.credentials()
    expect(tokenOf(await access.refresh())).toBe('Bearer b')
    expect(tokenOf(await access.credentials())).toBe('Bearer b')
    expect(forced).toEqual([false, true])
  })

  it('after many 401s at once are read once', async () => {
    const { access, forced } = accessTo(reading('a'), reading('b'))
    await access.credentials()
    await Promise.all(Array.from({ length: 50 }, () => access.refresh()))
    expect(forced).toEqual([false, true])
  })

  it('stay what they were while a file cannot be read, and are looked for every 5 s', async () => {
    const { access, clock } = accessTo(reading('a'), new Error('swapped'), reading('c'))
    await access.credentials()
    clock.advance(60_000)
    expect(tokenOf(await access.credentials())).toBe('Bearer a')
    clock.advance(4_999)
    expect(tokenOf(await access.credentials())).toBe('Bearer a')
    clock.advance(1)
    expect(tokenOf(await access.credentials())).toBe('Bearer c')
  })

  it('that were never read are an error, and are tried again', async () => {
    const { access } = accessTo(new Error('no file'), reading('b'))
    await expect(access.credentials()).rejects.toThrow('no file')
    expect(tokenOf(await access.credentials())).toBe('Bearer b')
  })
})

describe('the TLS material', () => {
  it('is the same object while nothing in it changed, so that the pools stay', async () => {
    const { access } = accessTo(reading('a'), reading('b'))
    const before = await access.credentials()
    expect((await access.refresh()).tls).toBe(before.tls)
  })

  it.each([
    ['authority', { ca: 'OTHER' }],
    ['certificate', { cert: 'C' }],
    ['key', { key: 'K' }],
    ['server name', { serverName: 'n' }],
    ['verification', { insecure: true }],
  ])('is another object when the %s changed', async (_what, change) => {
    const { access } = accessTo(
      reading('a'),
      reading('a', { tls: { ...NO_TLS, ca: 'CA', ...change } }),
    )
    const before = await access.credentials()
    const after = await access.refresh()
    expect(after.tls).not.toBe(before.tls)
    expect(after.tls).toMatchObject(change)
  })
})
