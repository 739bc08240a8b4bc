import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerOf } from '../../../src/nats/dispatch.ts'
import { publicationOf } from '../../../src/nats/publish.ts'
import type { Answer } from '../../../src/nats/requests.ts'
import type { PublishAnswer } from '../../../src/scheduler/ports.ts'
import { plain } from './build.ts'

const said = (body: string | Uint8Array, sent = 1): Answer => ({
  kind: 'answered',
  message: plain('_INBOX.x', body),
  sent,
})

const taken = JSON.stringify({
  error: { code: 503, err_code: 10077, description: 'maximum messages per subject exceeded' },
  stream: 'GQ_WORK',
  seq: 0,
})
const full = JSON.stringify({
  error: { code: 503, err_code: 10077, description: 'no space left on device' },
})
const duplicate = '{"stream":"GQ_WORK","seq":7,"duplicate":true}'

describe('what a dispatch learns', () => {
  test.each<[string, Answer, PublishAnswer['kind']]>([
    ['stored', said('{"stream":"GQ_WORK","seq":7}'), 'stored'],
    ['stored after a repetition', said('{"stream":"GQ_WORK","seq":7}', 3), 'stored'],
    ['a duplicate of a first publication is not ours (D3)', said(duplicate), 'unknown'],
    ['a duplicate of a repetition may be our own first', said(duplicate, 2), 'stored'],
    ['10077 is a message of the job (D2)', said(taken), 'occupied'],
    ['10077 of a full disk is not', said(full), 'unsent'],
    ['a refusal after an unanswered first copy proves nothing', said(full, 2), 'unknown'],
    ['no stream', { kind: 'no-responders', sent: 1 }, 'unsent'],
    ['no stream any more', { kind: 'no-responders', sent: 2 }, 'unknown'],
    ['no answer', { kind: 'silent' }, 'unknown'],
    ['the end of the connection', { kind: 'ended' }, 'unknown'],
    ['nothing sent', { kind: 'unsent', problem: 'closed' }, 'unsent'],
    ['an answer that cannot be read', said('PubAck!'), 'unknown'],
    ['an answer that is far too large', said(' '.repeat(10_000)), 'unknown'],
  ])('%s', (_, answer, want) => {
    expect(answerOf(publicationOf(answer)).kind).toBe(want)
  })

  test('of any answer is one of the four, and "stored" only of a PubAck without an error', () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record({ error: fc.anything(), seq: fc.anything(), duplicate: fc.anything() })
        .map((value) => Buffer.from(jsonOf(value))),
    )
    fc.assert(
      fc.property(bodies, fc.integer({ min: 1, max: 6 }), (body, sent) => {
        const { kind } = answerOf(publicationOf(said(body, sent)))
        expect(['stored', 'occupied', 'unknown', 'unsent']).toContain(kind)
        if (kind === 'stored') {
          expect(JSON.parse(Buffer.from(body).toString()).error).toBeUndefined()
        }
      }),
    )
  })
})

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return '{}'
  }
}
