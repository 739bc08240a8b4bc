// Names that both sides compute by themselves, against vectors made elsewhere.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  allShards,
  classConsumer,
  classDigest,
  eventConsumer,
  fnv1a32,
  inboxPrefix,
  keyText,
  SHARDS,
  shardOf,
  subjects,
} from '../../../src/core/ids.ts'
import { CLASS, uid, WORKER } from '../../builders.ts'

const vectors = JSON.parse(
  readFileSync(new URL('../../../docs/protocol/vectors.json', import.meta.url), 'utf8'),
)

describe('shards', () => {
  it.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
    ['ärger', 3467279078],
  ])('FNV-1a of %j is the published value', (text, want) => {
    expect(fnv1a32(text)).toBe(want)
  })

  it('of the vectors in the documentation are what the code computes', () => {
    for (const { namespace, shard } of vectors.shard.cases) expect(shardOf(namespace)).toBe(shard)
  })

  it('are all reached, about evenly, by ordinary names', () => {
    const counts = allShards.map(() => 0)
    for (let n = 0; n < 3200; n++) {
      const shard = shardOf(`team-${n}`)
      counts[shard] = (counts[shard] ?? 0) + 1
    }
    expect(counts).toHaveLength(SHARDS)
    for (const count of counts) expect(count).toBeGreaterThan(100)
  })
})

describe('worker classes', () => {
  it.each([
    [['outbox'], [{ type: 'email.send', version: '1' }], 'e7c656e82386b9481844cbd2d1fa3379'],
    [
      ['b', 'a'],
      [
        { type: 't2', version: '' },
        { type: 't1', version: '2' },
      ],
      'b9742c549050b0f68d0015346e22bb81',
    ],
    [['default'], [], '2fe4bb615bbac45f95b116e1795488b4'],
  ])('the digest of %j and %j is %s', (queues, handlers, want) => {
    expect(classDigest(queues, handlers)).toBe(want)
  })

  it('of the vectors in the documentation are what the code computes', () => {
    for (const { queues, handlers, class: want } of vectors.class.cases) {
      expect(classDigest(queues, handlers)).toBe(want)
    }
  })

  const names = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), { maxLength: 6 })
  const offers = fc.tuple(names, names).map(([queues, types]) => ({
    queues,
    handlers: types.map((type) => ({ type, version: '1' })),
  }))

  it('do not depend on the order in which queues and handlers are listed', () => {
    fc.assert(
      fc.property(offers, ({ queues, handlers }) => {
        expect(classDigest(queues.toReversed(), handlers.toReversed())).toBe(
          classDigest(queues, handlers),
        )
      }),
    )
  })

  it('differ as soon as a queue, a type or a version differs', () => {
    const digests = [
      classDigest(['a'], [{ type: 't', version: '1' }]),
      classDigest(['b'], [{ type: 't', version: '1' }]),
      classDigest(['a'], [{ type: 'u', version: '1' }]),
      classDigest(['a'], [{ type: 't', version: '2' }]),
      classDigest(['a', 'b'], [{ type: 't', version: '1' }]),
    ]
    expect(new Set(digests).size).toBe(digests.length)
  })
})

describe('names on the wire', () => {
  it('are those of the wire protocol', () => {
    const shard = shardOf('mail')
    expect(shard).toBe(14)
    expect([
      subjects.work('mail', CLASS, uid(1)),
      subjects.event(shard, 'mail', WORKER, uid(1)),
      subjects.eventsOfJob(shard, 'mail', uid(1)),
      subjects.beat(shard, 'mail', WORKER),
      subjects.note(shard, 'mail', WORKER, uid(1)),
      subjects.control('mail', WORKER),
      subjects.controlAll('mail'),
      classConsumer('mail', CLASS),
      eventConsumer(shard, 7),
      inboxPrefix(WORKER),
      keyText({ namespace: 'mail', name: 'welcome' }),
    ]).toEqual([
      'gq.v1.work.mail.e7c656e82386b9481844cbd2d1fa3379.00000000-0000-4000-8000-000000000001',
      'gq.v1.event.14.mail.aaaaaaaa-0000-4000-8000-000000000001.00000000-0000-4000-8000-000000000001',
      'gq.v1.event.14.mail.*.00000000-0000-4000-8000-000000000001',
      'gq.v1.beat.14.mail.aaaaaaaa-0000-4000-8000-000000000001',
      'gq.v1.note.14.mail.aaaaaaaa-0000-4000-8000-000000000001.00000000-0000-4000-8000-000000000001',
      'gq.v1.ctl.mail.aaaaaaaa-0000-4000-8000-000000000001',
      'gq.v1.ctl.mail.all',
      'mail_e7c656e82386b9481844cbd2d1fa3379',
      'shard14-t7',
      '_INBOX_aaaaaaaa-0000-4000-8000-000000000001',
      'mail/welcome',
    ])
  })

  it('a subject of one job lies below those of its class, namespace and shard', () => {
    const below = (subject: string, pattern: string) =>
      subject.startsWith(pattern.slice(0, pattern.indexOf('>')))
    const work = subjects.work('mail', CLASS, uid(1))
    expect(below(work, subjects.workOfClass('mail', CLASS))).toBe(true)
    expect(below(work, subjects.workOfNamespace('mail'))).toBe(true)
    expect(below(work, subjects.workOfNamespace('mai'))).toBe(false)
    const shard = shardOf('mail')
    const event = subjects.event(shard, 'mail', WORKER, uid(1))
    expect(below(event, subjects.eventsOfShard(shard))).toBe(true)
  })
})
