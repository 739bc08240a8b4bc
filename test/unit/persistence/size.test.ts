// A status stays below 32 KiB, and what is left of one that was refused.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type HistoryEntry,
  MAX_HISTORY,
  MAX_STATUS_BYTES,
  type QueueJobStatus,
} from '../../../src/api/queuejob.ts'
import { fitStatus, strippedStatus } from '../../../src/persistence/size.ts'
import { epoch } from '../../builders.ts'

const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

function entry(number: number, message: string): HistoryEntry {
  return { number, epoch: epoch(number), category: 'Temporary', code: 'SmtpBusy', message }
}

function status(given: Partial<QueueJobStatus> = {}): QueueJobStatus {
  return { observedGeneration: 1, phase: 'Completed', reason: 'Completed', ...given }
}

describe('fitStatus', () => {
  it('leaves a status that fits as it is', () => {
    const small = status({ history: [entry(1, 'the server said 421')] })
    expect(fitStatus(small)).toBe(small)
  })

  it('takes the texts of the history first', () => {
    const history = Array.from({ length: MAX_HISTORY }, (_, n) => entry(n + 1, '€'.repeat(256)))
    const large = status({ history, result: 'x'.repeat(26_000) })
    const fitting = fitStatus(large)
    expect(fitting.history?.map(({ number }) => number)).toEqual(history.map((e) => e.number))
    expect(fitting.history?.[0]).not.toHaveProperty('message')
    expect(fitting.result).toBe(large.result)
  })

  it('takes the oldest entries next', () => {
    const history = Array.from({ length: MAX_HISTORY }, (_, n) => entry(n + 1, ''))
    const fitting = fitStatus(status({ history, result: 'x'.repeat(32_300) }))
    const kept = fitting.history?.map(({ number }) => number) ?? []
    expect(kept.length).toBeGreaterThan(0)
    expect(kept.length).toBeLessThan(MAX_HISTORY)
    expect(kept.at(-1)).toBe(MAX_HISTORY)
    expect(bytes(fitting)).toBeLessThanOrEqual(MAX_STATUS_BYTES)
  })

  it('never cuts a result, and adds no empty history to what cannot fit', () => {
    const hopeless = status({ result: 'x'.repeat(40_000) })
    expect(fitStatus(hopeless)).toEqual(hopeless)
  })

  it('fits whatever has a result of at most 16 KiB, however the texts are written', () => {
    const texts = fc.string({ unit: 'binary', minLength: 200, maxLength: 256 })
    const histories = fc.array(texts, { maxLength: MAX_HISTORY })
    fc.assert(
      fc.property(histories, fc.constantFrom('x', '€', '😀'), (messages, sign) => {
        const result = sign.repeat(Math.floor(16_380 / Buffer.byteLength(sign)))
        const history = messages.map((message, n) => entry(n + 1, message.toWellFormed()))
        const message = '😀'.repeat(512)
        const error = { category: 'Temporary', code: 'A', message } as const
        const fitting = fitStatus(status({ history, result, message, error }))
        expect(bytes(fitting)).toBeLessThanOrEqual(MAX_STATUS_BYTES)
      }),
    )
  })
})

describe('strippedStatus', () => {
  it('keeps what the protocol needs and drops what a server could refuse', () => {
    const full = status({
      epoch: epoch(1),
      attempts: 2,
      result: { a: 1 },
      message: 'words',
      progress: { percent: 1 },
      history: [entry(1, 'words')],
      error: { category: 'Temporary', code: 'A', message: 'words' },
    })
    expect(strippedStatus(full)).toEqual({
      observedGeneration: 1,
      phase: 'Completed',
      reason: 'Completed',
      epoch: epoch(1),
      attempts: 2,
      message: 'the API server refused the whole status: result, texts and history are left out',
      error: { category: 'Temporary', code: 'A' },
    })
  })
})
