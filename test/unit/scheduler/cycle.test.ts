// The cycle on scripted ports: what each answer of a publish leads to (protocol D1–D3), and what is
// never dispatched.

import { describe, expect, it } from 'vitest'
import type { Hold } from '../../../src/core/hold.ts'
import type { PayloadAnswer } from '../../../src/core/job.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import type { WorkItem } from '../../../src/core/outcome.ts'
import { policyOf } from '../../../src/core/queue-policy.ts'
import { VirtualClock } from '../../../src/core/virtual-clock.ts'
import { normaliser } from '../../../src/ingestion/normalise.ts'
import type { Logger } from '../../../src/observability/ports.ts'
import { type CycleOptions, DispatchCycle } from '../../../src/scheduler/cycle.ts'
import type { PublishAnswer } from '../../../src/scheduler/ports.ts'
import { aClass, aJob, epoch, NOON, uid } from '../../builders.ts'

const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET }

function aCycle(
  answers: (PublishAnswer['kind'] | Error)[] = [],
  given: Partial<CycleOptions> = {},
) {
  const clock = new VirtualClock(NOON)
  const ledger = new Ledger(normaliser(() => null))
  const published: WorkItem[] = []
  let purged = 0
  let seq = 0
  const gate = { open: true, leads: () => true }
  const cycle = new DispatchCycle({
    ledger,
    clock,
    gate,
    logger: QUIET,
    metrics: { count() {}, set() {}, observe() {} },
    capacity: { classes: () => [aClass({ free: 10 - published.length })], lingering: () => [] },
    epochs: { next: () => epoch(++seq), nonce: (_, start) => `nonce-${start.epoch}` },
    dispatcher: {
      publish: async (item) => {
        published.push(item)
        const answer = answers.shift() ?? 'stored'
        if (answer instanceof Error) throw answer
        return { kind: answer }
      },
      purge: async () => {
        purged += 1
      },
    },
    payloads: {
      readPayload: async () => ({ kind: 'found', json: '{}' }),
      readActionPayload: async () => ({ kind: 'gone' }),
    },
    refused: () => false,
    queueHolds: () => false,
    policy: () => policyOf(null),
    hold: () => null,
    rankOf: (entry) => entry.record.priority,
    acceptsPayload: () => true,
    payloadLost: () => {},
    holdUntil: () => 0,
    ...given,
  })
  const submit = (n = 1, job: Parameters<typeof aJob>[0] = {}) => {
    ledger.observe(aJob({ uid: uid(n), name: `job-${n}`, ...job }), clock.monotonic())
    const entry = ledger.get(uid(n))
    if (!entry) throw new Error('no entry')
    cycle.place(entry)
    return entry
  }
  return { cycle, clock, ledger, gate, published, submit, purges: () => purged }
}

describe('a dispatch', () => {
  it('is assumed in memory with a new epoch, and published once with its nonce (D1)', async () => {
    const { clock, published, submit } = aCycle()
    const entry = submit()
    await clock.advanceAsync(1)
    expect(published).toMatchObject([{ uid: uid(1), epoch: epoch(1), nonce: `nonce-${epoch(1)}` }])
    expect(entry.attempt).toMatchObject({ epoch: epoch(1), attempt: 1, pubAcked: true })
    expect(entry.dispatchedHere).toBe(true)
  })

  it('takes a slot before its answer is there', async () => {
    const { clock, published, submit } = aCycle()
    for (let n = 1; n <= 15; n++) submit(n)
    await clock.advanceAsync(1)
    expect(published).toHaveLength(10)
  })

  it('that was certainly not stored is taken back, and made again with another epoch', async () => {
    const { clock, published, submit } = aCycle(['unsent'])
    const entry = submit()
    await clock.advanceAsync(1)
    expect(entry.attempt).toBeNull()
    await clock.advanceAsync(1_000)
    expect(published.map((item) => item.epoch)).toEqual([epoch(1), epoch(2)])
  })

  it.each(['unknown', new Error('broken')] as const)(
    'of which nothing is known (%s) counts as published and is not repeated (D3)',
    async (answer) => {
      const { clock, published, submit } = aCycle([answer])
      const entry = submit()
      await clock.advanceAsync(60_000)
      expect(published).toHaveLength(1)
      expect(entry.attempt).toMatchObject({ epoch: epoch(1), pubAcked: false })
    },
  )

  it('that finds a foreign message purges it and tries a new epoch (D2)', async () => {
    const { clock, published, submit, purges } = aCycle(['occupied', 'stored'])
    const entry = submit()
    await clock.advanceAsync(1)
    expect([purges(), published.map((item) => item.epoch)]).toEqual([1, [epoch(1), epoch(2)]])
    expect(entry.attempt).toMatchObject({ epoch: epoch(2), pubAcked: true })
  })

  it('that is in the way of itself again and again is left to D7', async () => {
    const { clock, published, submit } = aCycle(Array(9).fill('occupied'))
    submit()
    await clock.advanceAsync(60_000)
    expect(published).toHaveLength(3)
  })

  it('of an attempt that was closed meanwhile is not published', async () => {
    let answer = (_: PayloadAnswer): void => {}
    const payloads = {
      readActionPayload: async () => ({ kind: 'gone' }) as const,
      readPayload: () =>
        new Promise<PayloadAnswer>((resolve) => {
          answer = resolve
        }),
    }
    const { clock, ledger, published, submit } = aCycle([], { payloads })
    const entry = submit(1, { payload: { kind: 'stored', bytes: 100_000 } })
    await clock.advanceAsync(1)
    ledger.drop(entry, epoch(1))
    answer({ kind: 'found', json: '{}' })
    await clock.advanceAsync(1)
    expect(published).toEqual([])
  })

  it('whose payload cannot be read now is tried again, not given up', async () => {
    const read: PayloadAnswer[] = [{ kind: 'later', retryAfterMs: 1 }]
    const payloads = {
      readActionPayload: async () => ({ kind: 'gone' }) as const,
      readPayload: async () => read.shift() ?? ({ kind: 'found', json: '[1]' } as const),
    }
    const { clock, published, submit } = aCycle([], { payloads })
    submit(1, { payload: { kind: 'stored', bytes: 100_000 } })
    await clock.advanceAsync(1_000)
    expect(published.map((item) => item.payloadJson)).toEqual(['[1]'])
  })
})

describe('a job that was replayed with another payload (decision 0020)', () => {
  const replayed = {
    payload: { kind: 'inline', json: '"its own"' },
    status: {
      phase: 'Scheduled',
      epoch: epoch(1, 6),
      payloadAction: { name: 'edited', uid: 'uid-of-it' },
    },
  } as const

  it('starts with the one of the action, read by name and uid', async () => {
    const reads: unknown[] = []
    const payloads = {
      readPayload: async () => ({ kind: 'gone' }) as const,
      readActionPayload: async (key: { namespace: string; name: string }, id: string) => {
        reads.push([key.namespace, key.name, id])
        return { kind: 'found', json: '"edited"' } as const
      },
    }
    const { clock, published, submit } = aCycle([], { payloads })
    submit(1, replayed)
    await clock.advanceAsync(1)
    expect(published.map(({ payloadJson }) => payloadJson)).toEqual(['"edited"'])
    expect(published[0]?.payloadFrom).toBeNull()
    expect(reads).toEqual([['mail', 'edited', 'uid-of-it']])
  })

  it('does not start when the action is gone: intake hears of it', async () => {
    const lost: string[] = []
    const { clock, published, submit } = aCycle([], {
      payloadLost: ({ object }) => void lost.push(object.name),
    })
    submit(1, replayed)
    await clock.advanceAsync(1)
    expect([published, lost]).toEqual([[], ['job-1']])
  })

  it('waits while the action cannot be read, and intake hears of nothing', async () => {
    const lost: string[] = []
    const answers = [{ kind: 'later', retryAfterMs: 1 }] as PayloadAnswer[]
    const payloads = {
      readPayload: async () => ({ kind: 'gone' }) as const,
      readActionPayload: async () => answers.shift() ?? ({ kind: 'found', json: '1' } as const),
    }
    const { clock, published, submit } = aCycle([], {
      payloads,
      payloadLost: ({ object }) => void lost.push(object.name),
    })
    submit(1, replayed)
    await clock.advanceAsync(1_000)
    expect([published.length, lost]).toEqual([1, []])
  })
})

describe('row 4, limits: rateLimit', () => {
  const policy = () => ({ ...policyOf(null), rate: { count: 1, perMs: 3_000, burst: 2 } })

  it('wakes the cycle when the next token is due, and not before', async () => {
    let looks = 0
    const capacity = {
      classes: () => {
        looks += 1
        return [aClass()]
      },
      lingering: () => [],
    }
    const { clock, published, submit } = aCycle([], { policy, capacity })
    for (let n = 1; n <= 4; n++) submit(n)
    await clock.advanceAsync(2_999)
    expect([published.length, looks]).toEqual([2, 1])
    await clock.advanceAsync(1)
    expect([published.length, looks]).toEqual([3, 2])
    await clock.advanceAsync(3_000)
    expect([published.length, looks]).toEqual([4, 3])
  })

  it('does not count a start that was certainly not stored', async () => {
    const { clock, published, submit } = aCycle(['unsent', 'unsent'], { policy })
    for (let n = 1; n <= 3; n++) submit(n)
    await clock.advanceAsync(2_999)
    expect(published).toHaveLength(4)
    await clock.advanceAsync(1_000)
    expect(published).toHaveLength(5)
  })
})

describe('a job that another one holds', () => {
  it('is not dispatched until it is placed anew', async () => {
    let hold: Hold | null = { kind: 'queue-full', waiting: 2, limit: 1 }
    const { cycle, clock, published, submit } = aCycle([], { hold: () => hold })
    const entry = submit()
    await clock.advanceAsync(60_000)
    expect([published, cycle.ready]).toEqual([[], 0])
    hold = null
    cycle.place(entry)
    await clock.advanceAsync(1)
    expect(published).toHaveLength(1)
  })

  it('lifts with its own class those that it waits for', async () => {
    const { clock, published, submit } = aCycle([], {
      rankOf: (entry) => (entry.record.name === 'job-3' ? 0 : entry.record.priority),
    })
    for (let n = 1; n <= 3; n++) submit(n)
    await clock.advanceAsync(1)
    expect(published.map(({ name }) => name)).toEqual(['job-3', 'job-1', 'job-2'])
  })
})

describe('nothing is dispatched', () => {
  it('while the gate is closed; jobs keep their places until it opens (W7)', async () => {
    const { cycle, clock, gate, published, submit } = aCycle()
    gate.open = false
    submit()
    await clock.advanceAsync(60_000)
    expect([published, cycle.ready]).toEqual([[], 1])
    gate.open = true
    cycle.kick()
    await clock.advanceAsync(1)
    expect(published).toHaveLength(1)
  })

  it('twice, while the first attempt is open or being written (D6)', async () => {
    const { cycle, clock, ledger, published, submit } = aCycle()
    const entry = submit()
    await clock.advanceAsync(1)
    cycle.place(entry)
    ledger.drop(entry, epoch(1))
    ledger.factQueued(entry.uid)
    cycle.place(entry)
    await clock.advanceAsync(1_000)
    expect(published).toHaveLength(1)
  })

  it('before its time, and then without anybody asking', async () => {
    const { clock, cycle, published, submit } = aCycle()
    submit(1, { spec: { delaySeconds: 30 } })
    await clock.advanceAsync(29_999)
    expect([published, cycle.delayed]).toEqual([[], 1])
    await clock.advanceAsync(1_001)
    expect(published).toHaveLength(1)
  })

  it('after the stop', async () => {
    const { cycle, clock, published, submit } = aCycle()
    submit()
    cycle.stop()
    await clock.advanceAsync(1_000)
    expect(published).toEqual([])
  })
})
