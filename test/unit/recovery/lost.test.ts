import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bootId, classId, workerId } from '../../../src/core/ids.ts'
import type { Attempt } from '../../../src/core/ledger.ts'
import { type Due, dueFor, massSilence, type OpenAttempt } from '../../../src/recovery/lost.ts'

const LEASE = 15_000
const DEADLINE = 60_000
const owner = { worker: workerId('pod-a'), boot: bootId('boot-aaaa') }

const published: Attempt = {
  epoch: 7,
  attempt: 1,
  runId: '',
  cls: classId('c'),
  dispatchedAt: 0,
  pubAcked: true,
  owner: null,
  acceptedAt: null,
  startedAt: null,
  listedAt: 0,
  reported: false,
  recorded: false,
}
const accepted = (change: Partial<Attempt> = {}): Attempt => ({
  ...published,
  owner,
  acceptedAt: 0,
  ...change,
})

const open = (now: number, attempt: Attempt, change: Partial<OpenAttempt> = {}): OpenAttempt => ({
  attempt,
  now,
  leaseMs: LEASE,
  frozen: false,
  deadlineMs: DEADLINE,
  ownerEnded: false,
  ownerHeardAt: attempt.listedAt,
  couldHaveStarted: true,
  resendAskedAt: null,
  overdueToldAt: null,
  suspendToldAt: null,
  ...change,
})

/** Listed by every beat until now. */
const listed = (now: number, change: Partial<Attempt> = {}) =>
  accepted({ listedAt: now, recorded: true, ...change })

describe('what is due for an open attempt', () => {
  const cases: readonly { says: string; open: OpenAttempt; want: Due | null }[] = [
    {
      says: 'nothing, while it is young',
      open: open(999, accepted({ listedAt: 900 })),
      want: null,
    },
    {
      says: 'Running is written after one second without an outcome (D5)',
      open: open(1_000, accepted({ listedAt: 900 })),
      want: 'record-running',
    },
    {
      says: 'Running is written once',
      open: open(5_000, listed(4_900)),
      want: null,
    },
    {
      says: 'nothing, when its outcome is already being written',
      open: open(99_000, accepted({ reported: true })),
      want: null,
    },
    {
      says: 'its message is looked for when nobody took it for ten seconds (D7)',
      open: open(10_000, published),
      want: 'look-for-message',
    },
    {
      says: 'it may wait while all slots of its class are busy',
      open: open(99_000, published, { couldHaveStarted: false }),
      want: null,
    },
    {
      says: 'it may wait while NATS is unreachable (L1)',
      open: open(99_000, published, { frozen: true }),
      want: null,
    },
    {
      says: 'it is lost at once when another process speaks under its owner’s id (B5)',
      open: open(2_000, listed(1_900), { ownerEnded: true, frozen: true }),
      want: 'end-process',
    },
    {
      says: 'its lease ends fifteen seconds after the last listing (L1)',
      open: open(20_000, accepted({ listedAt: 5_000, recorded: true }), { ownerHeardAt: 5_000 }),
      want: 'end-lease',
    },
    {
      says: 'no lease ends while leases are frozen (L1)',
      open: open(90_000, accepted({ listedAt: 5_000, recorded: true }), {
        frozen: true,
        ownerHeardAt: 5_000,
        deadlineMs: 10 ** 9,
      }),
      want: null,
    },
    {
      says: 'its outcome is asked for when its worker beats without it for five seconds (B6)',
      open: open(10_000, accepted({ listedAt: 5_000, recorded: true }), { ownerHeardAt: 9_900 }),
      want: 'ask-resend',
    },
    {
      says: 'its outcome is asked for every five seconds, not more often',
      open: open(11_000, accepted({ listedAt: 5_000, recorded: true }), {
        ownerHeardAt: 10_900,
        resendAskedAt: 10_000,
      }),
      want: null,
    },
    {
      says: 'its worker is told to stop thirty seconds after the deadline (L7)',
      open: open(90_000, listed(89_900)),
      want: 'tell-overdue',
    },
    {
      says: 'its worker gets ten seconds to stop (L7)',
      open: open(99_999, listed(99_900), { overdueToldAt: 90_000 }),
      want: null,
    },
    {
      says: 'it is closed ten seconds after its worker was told to stop (L7)',
      open: open(100_000, listed(99_900), { overdueToldAt: 90_000 }),
      want: 'close-overdue',
    },
    {
      says: 'a suspended attempt gets thirty seconds to end (U2)',
      open: open(40_000, listed(39_900), { suspendToldAt: 10_001 }),
      want: null,
    },
    {
      says: 'a suspended attempt that goes on is closed by a fence (U2)',
      open: open(40_000, listed(39_900), { suspendToldAt: 10_000 }),
      want: 'close-suspended',
    },
  ]
  it.each(cases)('$says', ({ open: given, want }) => {
    expect(dueFor(given)).toBe(want)
  })

  it('never takes an attempt away while leases are frozen or its outcome is under way', () => {
    const anAttempt = fc.record({
      reported: fc.boolean(),
      recorded: fc.boolean(),
      listedAt: fc.nat(200_000),
      acceptedAt: fc.option(fc.nat(100_000)),
    })
    fc.assert(
      fc.property(anAttempt, fc.nat(400_000), fc.boolean(), (change, now, frozen) => {
        fc.pre(frozen || change.reported)
        const due = dueFor(open(now, accepted(change), { frozen }))
        expect(['end-lease', 'look-for-message']).not.toContain(due)
        if (change.reported) expect(due).toBeNull()
      }),
    )
  })
})

describe('when many workers fall silent at once', () => {
  const cases: readonly { says: string; heard: readonly number[]; want: boolean }[] = [
    { says: 'three of four is our fault', heard: [40, 40, 40, 59], want: true },
    { says: 'two of four is not more than half', heard: [40, 40, 59, 59], want: false },
    { says: 'three of three are too few to tell', heard: [40, 40, 40], want: false },
    { says: 'those that went long ago do not count', heard: [1, 1, 1, 59, 59, 59], want: false },
  ]
  it.each(cases)('$says', ({ heard, want }) => {
    const ms = heard.map((second) => second * 1_000)
    expect(massSilence(ms, 60_000, LEASE)).toBe(want)
  })
})
