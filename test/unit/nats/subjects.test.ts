import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { subjects } from '../../../src/core/ids.ts'
import { beatSender, eventSender, noteSender, workAddress } from '../../../src/nats/subjects.ts'
import { cls, namespace, sender, uid, worker } from './build.ts'

const { shard } = sender

describe('a subject that the core made', () => {
  test('of an event names shard, namespace, worker and job', () => {
    expect(eventSender(subjects.event(shard, namespace, worker, uid))).toEqual(sender)
  })

  test('of a note names the same', () => {
    expect(noteSender(subjects.note(shard, namespace, worker, uid))).toEqual(sender)
  })

  test('of a beat names shard, namespace and worker', () => {
    expect(beatSender(subjects.beat(shard, namespace, worker))).toEqual({
      shard,
      namespace,
      worker,
    })
  })

  test('of a work message names namespace, class and job', () => {
    expect(workAddress(subjects.work(namespace, cls, uid))).toEqual({ namespace, cls, uid })
  })
})

const otherShard = (shard + 1) % 16

describe('no address at all', () => {
  test.each([
    ['a shard that is not the one of the namespace', `gq.v1.event.${otherShard}.team-a.w.u`],
    ['a shard with a leading zero', `gq.v1.event.0${shard}.team-a.w.u`],
    ['a token too few', `gq.v1.event.${shard}.team-a.w`],
    ['a token too many', `gq.v1.event.${shard}.team-a.w.u.x`],
    ['an empty token', `gq.v1.event.${shard}.team-a..u`],
    ['a namespace that is no DNS label', `gq.v1.event.${shard}.Team_A.w.u`],
    ['a uid with a forbidden character', `gq.v1.event.${shard}.team-a.w.u$u`],
    ['a uid longer than 64', `gq.v1.event.${shard}.team-a.w.${'u'.repeat(65)}`],
    ['a work subject', subjects.work(namespace, cls, uid)],
    ['an inbox', '_INBOX_w.abc.1'],
    ['another version', `gq.v2.event.${shard}.team-a.w.u`],
    ['nothing', ''],
  ])('%s', (_, subject) => {
    expect(eventSender(subject)).toBeNull()
  })

  test('a work subject whose class is no digest', () => {
    expect(workAddress('gq.v1.work.team-a.default.u')).toBeNull()
  })

  test('an event subject where a beat is expected', () => {
    expect(beatSender(subjects.event(shard, namespace, worker, uid))).toBeNull()
  })
})

test('any text is an address only when it is exactly the subject of that address', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 12 }), { maxLength: 8 }), (tokens) => {
      const subject = ['gq', 'v1', 'event', ...tokens].join('.')
      const found = eventSender(subject)
      if (found) {
        expect(subjects.event(found.shard, found.namespace, found.worker, found.uid)).toBe(subject)
      }
    }),
  )
})
