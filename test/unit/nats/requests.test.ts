import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { type Answer, messageHeaders, type Question, Requests } from '../../../src/nats/requests.ts'
import { FakeConnection } from './fake-session.ts'

function setUp() {
  const clock = new VirtualClock()
  const connection = new FakeConnection()
  const alive: number[] = []
  const failures: unknown[] = []
  const requests = new Requests({
    connection,
    inbox: '_INBOX.r',
    clock,
    alive: (sentAt) => alive.push(sentAt),
    failed: (error) => failures.push(error),
  })
  const ask = (changes: Partial<Question> = {}) => {
    const answers: Answer[] = []
    void requests
      .ask({ subject: 'question', body: 'b', deadlineMs: 30_000, ...changes })
      .then((answer) => answers.push(answer))
    return answers
  }
  return { clock, connection, requests, alive, failures, ask }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a question', () => {
  test('ends with its own answer, whatever the order of the answers', async () => {
    const { connection, ask } = setUp()
    const [first, second] = [ask(), ask()]
    connection.answer(connection.published[1]?.reply ?? '', 'two')
    connection.answer(connection.published[0]?.reply ?? '', 'one')
    await settled()
    const bodies = [first, second].map(([answer]) =>
      answer?.kind === 'answered' ? Buffer.from(answer.message.body).toString() : answer?.kind,
    )
    expect(bodies).toEqual(['one', 'two'])
  })

  test('without an answer is silent when its deadline passes, not before', async () => {
    const { clock, ask } = setUp()
    const answers = ask()
    await clock.advanceAsync(29_999)
    expect(answers).toEqual([])
    await clock.advanceAsync(1)
    expect(answers).toEqual([{ kind: 'silent' }])
    expect(clock.pendingTimers).toBe(0)
  })

  test('is repeated unchanged until its deadline, under one reply subject', async () => {
    const { clock, connection, ask } = setUp()
    const answers = ask({ repeatMs: 5_000 })
    await clock.advanceAsync(30_000)
    expect(connection.published.length).toBe(6)
    expect(new Set(connection.published.map((sent) => JSON.stringify(sent))).size).toBe(1)
    expect(answers).toEqual([{ kind: 'silent' }])
  })

  test('takes a late answer to its first copy, and says how many were sent', async () => {
    const { clock, connection, alive, ask } = setUp()
    const answers = ask({ repeatMs: 5_000 })
    await clock.advanceAsync(12_000)
    connection.answer(connection.published[0]?.reply ?? '', 'late')
    await settled()
    expect(answers).toMatchObject([{ kind: 'answered', sent: 3 }])
    // The server was alive when the first was sent; of the others nothing is known.
    expect(alive).toEqual([0])
  })

  test('ends with the connection, at once, and nothing is sent afterwards', async () => {
    const { clock, connection, requests, ask } = setUp()
    const answers = ask({ repeatMs: 5_000 })
    requests.end()
    await clock.advanceAsync(60_000)
    expect(answers).toEqual([{ kind: 'ended' }])
    expect(connection.published.length).toBe(1)
  })

  test('asked after the end is not sent', async () => {
    const { connection, requests, ask } = setUp()
    requests.end()
    const answers = ask()
    await settled()
    expect(answers).toMatchObject([{ kind: 'unsent' }])
    expect(connection.published).toEqual([])
  })

  test('that cannot be sent says why', async () => {
    const { clock, connection, ask } = setUp()
    connection.fails = new Error('max_payload size exceeded')
    const answers = ask()
    await settled()
    expect(answers).toEqual([{ kind: 'unsent', problem: 'max_payload size exceeded' }])
    expect(clock.pendingTimers).toBe(0)
  })

  test('whose second copy cannot be sent still waits for the answer to its first', async () => {
    const { clock, connection, ask } = setUp()
    const answers = ask({ repeatMs: 5_000 })
    connection.fails = new Error('closed')
    await clock.advanceAsync(6_000)
    connection.answer(connection.published[0]?.reply ?? '', 'yes')
    await settled()
    expect(answers).toMatchObject([{ kind: 'answered', sent: 1 }])
  })

  test('takes one answer only, and none of a foreign subject', async () => {
    const { connection, failures, ask } = setUp()
    const answers = ask()
    const reply = connection.published[0]?.reply ?? ''
    connection.answer('gq.v1.work.team-a.c.u', 'stray')
    connection.answer(`${reply}x`, 'stray')
    connection.answer(reply, 'one')
    connection.answer(reply, 'two')
    await settled()
    expect(answers.length).toBe(1)
    expect(failures).toEqual([])
  })
})

test('every question ends exactly once, whatever comes in whatever order', async () => {
  const events = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('ask' as const) }),
      fc.record({ kind: fc.constant('answer' as const), which: fc.nat(8) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(20_000) }),
      fc.record({ kind: fc.constant('fail' as const) }),
    ),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(events, async (steps) => {
      const { clock, connection, requests, ask } = setUp()
      const asked: Answer[][] = []
      for (const step of steps) {
        if (step.kind === 'ask') asked.push(ask({ repeatMs: 5_000 }))
        if (step.kind === 'answer') {
          connection.answer(connection.published[step.which]?.reply ?? '', 'yes')
        }
        if (step.kind === 'wait') clock.advance(step.ms)
        if (step.kind === 'fail') connection.fails = new Error('closed')
      }
      requests.end()
      await settled()
      expect(asked.every((answers) => answers.length === 1)).toBe(true)
      expect(clock.pendingTimers).toBe(0)
    }),
  )
})

test('a header value with a line end is refused: it would be two headers', () => {
  expect(() => messageHeaders([['Gq-Run-Id', 'a\r\nGq-Epoch: 1']])).toThrow(/Gq-Run-Id/)
})
