// The first signal asks, the second one means it.

import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { stopSignal } from '../../../src/process/signals.ts'

function listening() {
  const source = new EventEmitter()
  const exits: number[] = []
  const heard: string[] = []
  const stop = stopSignal({
    source,
    exit: (code) => exits.push(code),
    heard: (name, count) => heard.push(`${name} ${count}`),
  })
  return { source, exits, heard, stop }
}

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT'])('%s asks the process to stop', (name) => {
    const { source, exits, heard, stop } = listening()
    expect(stop.signal.aborted).toBe(false)
    source.emit(name)
    expect(stop.signal.aborted).toBe(true)
    expect(exits).toEqual([])
    expect(heard).toEqual([`${name} 1`])
  })

  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
  ])('ends it at once when it is the second: %s, %s', (first, second) => {
    const { source, exits, heard } = listening()
    source.emit(first)
    source.emit(second)
    expect(exits).toEqual([1])
    expect(heard).toEqual([`${first} 1`, `${second} 2`])
  })

  it('is the system’s again after the release', () => {
    const { source, stop } = listening()
    stop.release()
    expect(source.listenerCount('SIGTERM') + source.listenerCount('SIGINT')).toBe(0)
  })
})
