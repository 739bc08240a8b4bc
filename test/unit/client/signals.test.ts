// One listener on a caller's signal, however many calls it was given to.

import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { linked, onAbort, underSignals } from '../../../src/client/signals.ts'
import { errorOf } from './builders.ts'

describe('a signal that was given to a thousand calls', () => {
  it('has one listener, and everybody who still waits is told once', () => {
    const { signal, ...aborter } = fresh()
    let told = 0
    const stops = Array.from({ length: 1_000 }, () => onAbort(signal, () => told++))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const stop of stops.slice(0, 400)) stop()
    aborter.abort('enough')
    expect(told).toBe(600)
    for (const stop of stops) stop()
    expect(told).toBe(600)
  })

  it('keeps nothing of calls that are over', async () => {
    const { signal, ...aborter } = fresh()
    let aborted = 0
    for (let i = 0; i < 1_000; i++) {
      await underSignals([signal, undefined], async (own) => {
        own.addEventListener('abort', () => aborted++)
      })
    }
    aborter.abort('enough')
    expect(aborted).toBe(0)
  })

  it('may have been given twice by one function', () => {
    const { signal, ...aborter } = fresh()
    let told = 0
    const act = () => {
      told++
    }
    const stop = onAbort(signal, act)
    onAbort(signal, act)
    stop()
    aborter.abort()
    expect(told).toBe(1)
  })
})

describe('the signal of one call', () => {
  it('is aborted with the reason of the first of its signals, also one that is aborted already', () => {
    const [first, second] = [fresh(), fresh()]
    const { signal } = linked([first.signal, undefined, second.signal])
    second.abort('second')
    first.abort('first')
    expect(signal.reason).toBe('second')
    expect(linked([first.signal]).signal.reason).toBe('first')
  })

  it('that is aborted already runs nothing', async () => {
    let ran = false
    const run = async () => {
      ran = true
    }
    expect(await errorOf(() => underSignals([AbortSignal.abort('early')], run))).toBe('early')
    expect(ran).toBe(false)
  })

  it('is released also when the call fails', async () => {
    const { signal, ...aborter } = fresh()
    let own: AbortSignal | null = null
    const failing = underSignals([signal], async (given) => {
      own = given
      throw new Error('failed')
    })
    expect(await errorOf(() => failing)).toMatchObject({ message: 'failed' })
    aborter.abort()
    expect(own).toMatchObject({ aborted: false })
  })
})

function fresh(): { signal: AbortSignal; abort: (reason?: unknown) => void } {
  const aborter = new AbortController()
  return { signal: aborter.signal, abort: (reason) => aborter.abort(reason) }
}
