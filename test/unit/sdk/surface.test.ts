// The surface as its users find it.

import { describe, expect, expectTypeOf, it } from 'vitest'
import type { WorkerOptions } from '../../../sdks/typescript/src/worker.ts'
import { settingsOf, WorkerConfig } from '../../../src/api/config.ts'

describe('the surface', () => {
  it('takes every setting of a worker from code', () => {
    const settings = settingsOf(WorkerConfig).map(({ path }) => path)
    type Known = Exclude<keyof WorkerOptions<unknown>, 'handlers' | 'deps'>
    expectTypeOf<Known>().toEqualTypeOf<keyof WorkerConfig>()
    expect(settings.sort()).toEqual(Object.keys(WorkerConfig.shape).sort())
  })

  it('has the entries that its package names, and each can be imported', async () => {
    const { default: manifest } = await import('../../../sdks/typescript/package.json', {
      with: { type: 'json' },
    })
    expect(Object.keys(manifest.exports)).toEqual([
      '.',
      './worker',
      './client',
      './testing',
      './protocol',
    ])
    const names = await Promise.all(
      ['index', 'worker', 'testing', 'protocol'].map(async (entry) =>
        Object.keys(await import(`../../../sdks/typescript/src/${entry}.ts`)).sort(),
      ),
    )
    expect(names).toMatchInlineSnapshot(`
      [
        [
          "GopherQueueError",
          "defineJob",
        ],
        [
          "AttemptAborted",
          "GopherQueueError",
          "Permanent",
          "RetryAfter",
          "Snooze",
          "Temporary",
          "handle",
          "runWorker",
          "startWorker",
        ],
        [
          "FakeClock",
          "assertIdempotent",
          "runHandler",
        ],
        [
          "BeatMessage",
          "CANCEL_REASONS",
          "ConnectClaim",
          "ControlMessage",
          "EVENT_HEADERS",
          "EventError",
          "EventHeaders",
          "MESSAGE_ID_HEADER",
          "MESSAGE_LIMITS",
          "NoteMessage",
          "OUTCOMES",
          "PROTOCOL_VERSION",
          "SHARDS",
          "WORK_HEADERS",
          "WorkHeaders",
          "classConsumer",
          "classDigest",
          "readHeaders",
          "shardOf",
          "subjects",
          "writeHeaders",
        ],
      ]
    `)
  })
})
