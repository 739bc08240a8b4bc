import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import type { QueueJobStatus } from '../../../src/api/queuejob.ts'
import { epochOf } from '../../../src/core/epoch.ts'
import { bootId, classId, workerId } from '../../../src/core/ids.ts'
import { isTerminal } from '../../../src/core/job.ts'
import type { Attempt } from '../../../src/core/ledger.ts'
import type { Owner } from '../../../src/core/outcome.ts'
import {
  type Claim,
  judgeListing,
  judgeOutcome,
  type Standing,
} from '../../../src/recovery/judge.ts'

const OWN_TERM = 100
const mine: Owner = { worker: workerId('pod-a'), boot: bootId('boot-aaaa') }
const others: Owner = { worker: workerId('pod-b'), boot: bootId('boot-bbbb') }

const attemptOf = (epoch: number, owner: Owner | null = null): Attempt => ({
  epoch,
  attempt: 1,
  runId: '',
  cls: classId('c'),
  dispatchedAt: 0,
  pubAcked: true,
  owner,
  acceptedAt: owner ? 0 : null,
  startedAt: null,
  listedAt: 0,
  reported: false,
  recorded: false,
})

const claimOf = (epoch: number, change: Partial<Claim> = {}): Claim => ({
  epoch,
  nonce: 'valid',
  owner: mine,
  ...change,
})

const statusOf = (phase: QueueJobStatus['phase'], epoch?: number): QueueJobStatus => ({
  observedGeneration: 1,
  phase,
  ...(epoch === undefined ? {} : { epoch }),
})

const standingOf = (change: Partial<Standing> = {}): Standing => ({
  phase: 'leading',
  ownTerm: OWN_TERM,
  floorRead: OWN_TERM - 1,
  status: statusOf('Pending'),
  current: null,
  dispatchedHere: false,
  ...change,
})

const now = epochOf(OWN_TERM, 7)
const older = epochOf(OWN_TERM, 3)
const ofLast = epochOf(OWN_TERM - 1, 9)
const ofLongAgo = epochOf(OWN_TERM - 2, 9)

describe('an outcome', () => {
  const cases: readonly {
    says: string
    claim: Claim
    standing: Standing
    want: string
  }[] = [
    {
      says: 'of the current attempt is accepted (O1)',
      claim: claimOf(now),
      standing: standingOf({ current: attemptOf(now, mine) }),
      want: 'accept',
    },
    {
      says: 'of the current attempt is accepted before anybody listed it',
      claim: claimOf(now),
      standing: standingOf({ current: attemptOf(now) }),
      want: 'accept',
    },
    {
      says: 'from another worker than the owner is dropped (D4)',
      claim: claimOf(now, { owner: others }),
      standing: standingOf({ current: attemptOf(now, mine) }),
      want: 'drop other-owner',
    },
    {
      says: 'from a new process of the same pod is dropped (D4)',
      claim: claimOf(now, { owner: { ...mine, boot: bootId('boot-cccc') } }),
      standing: standingOf({ current: attemptOf(now, mine) }),
      want: 'drop other-owner',
    },
    {
      says: 'with a nonce that was not given out is dropped (P2)',
      claim: claimOf(now, { nonce: 'invalid' }),
      standing: standingOf({ current: attemptOf(now, mine) }),
      want: 'drop nonce',
    },
    {
      says: 'whose salt is gone is dropped',
      claim: claimOf(ofLast, { nonce: 'unknown-salt' }),
      standing: standingOf(),
      want: 'drop nonce',
    },
    {
      says: 'of an older attempt than the current one is dropped (O3)',
      claim: claimOf(older),
      standing: standingOf({ current: attemptOf(now) }),
      want: 'drop superseded',
    },
    {
      says: 'below the recorded epoch is dropped (O3)',
      claim: claimOf(older),
      standing: standingOf({ status: statusOf('Scheduled', now) }),
      want: 'drop superseded',
    },
    {
      says: 'that was counted before is dropped (S3)',
      claim: claimOf(now),
      standing: standingOf({ status: statusOf('Retrying', now) }),
      want: 'drop closed',
    },
    {
      says: 'for a job that has ended is dropped (P1)',
      claim: claimOf(now),
      standing: standingOf({ status: statusOf('Cancelled', older) }),
      want: 'drop terminal',
    },
    {
      says: 'of a term below the floor is void (T7)',
      claim: claimOf(ofLongAgo),
      standing: standingOf(),
      want: 'drop not-live',
    },
    {
      says: 'of a term below the floor still counts when its attempt was written as Running (S4)',
      claim: claimOf(ofLongAgo),
      standing: standingOf({
        status: statusOf('Running', ofLongAgo),
        current: attemptOf(ofLongAgo, mine),
      }),
      want: 'accept',
    },
    {
      says: 'of the last leader is accepted in the window (T5)',
      claim: claimOf(ofLast),
      standing: standingOf({ phase: 'window' }),
      want: 'accept',
    },
    {
      says: 'below one that was heard of in the window is dropped',
      claim: claimOf(ofLast),
      standing: standingOf({ phase: 'window', current: attemptOf(epochOf(OWN_TERM - 1, 10)) }),
      want: 'drop superseded',
    },
    {
      says: 'of the last leader that comes after the window is written as Running first (B3)',
      claim: claimOf(ofLast),
      standing: standingOf(),
      want: 'adopt',
    },
    {
      says: 'waits when this leader has already dispatched the job (O5)',
      claim: claimOf(ofLast),
      standing: standingOf({ dispatchedHere: true }),
      want: 'later',
    },
    {
      says: 'of a term above ours may mean that we are deposed (O4)',
      claim: claimOf(epochOf(OWN_TERM + 1, 1), { nonce: 'unknown-salt' }),
      standing: standingOf(),
      want: 'higher-term',
    },
    {
      says: 'waits while the shard is being taken (T3)',
      claim: claimOf(ofLast),
      standing: standingOf({ phase: 'taking' }),
      want: 'later',
    },
  ]
  it.each(cases)('$says', ({ claim, standing, want }) => {
    const verdict = judgeOutcome(claim, standing)
    const said = verdict.kind === 'drop' ? `drop ${verdict.why}` : verdict.kind
    expect(said).toBe(want)
  })
})

describe('a listed attempt', () => {
  const cases: readonly {
    says: string
    claim: Claim
    standing: Standing
    want: string
  }[] = [
    {
      says: 'that is current renews its lease (B1)',
      claim: claimOf(now),
      standing: standingOf({ current: attemptOf(now, mine) }),
      want: 'renew',
    },
    {
      says: 'of the last leader is adopted in the window (T5)',
      claim: claimOf(ofLast),
      standing: standingOf({ phase: 'window' }),
      want: 'adopt',
    },
    {
      says: 'that returns late is written as Running first (B3)',
      claim: claimOf(ofLast),
      standing: standingOf(),
      want: 'late-return',
    },
    {
      says: 'that returns late after a dispatch of ours is left alone until that is settled',
      claim: claimOf(ofLast),
      standing: standingOf({ dispatchedHere: true }),
      want: 'ignore',
    },
    {
      says: 'that was replaced is told to stop (B2)',
      claim: claimOf(older),
      standing: standingOf({ current: attemptOf(now) }),
      want: 'abort superseded',
    },
    {
      says: 'of a cancelled job is told to stop (B2)',
      claim: claimOf(now),
      standing: standingOf({ status: statusOf('Cancelled', now) }),
      want: 'abort terminal',
    },
    {
      says: 'that a second worker took with the same token is told to stop (D4)',
      claim: claimOf(now, { owner: others }),
      standing: standingOf({ current: attemptOf(now, mine) }),
      want: 'abort other-owner',
    },
    {
      says: 'of our own term in the window comes from an etcd that was restored (T5)',
      claim: claimOf(now, { nonce: 'invalid' }),
      standing: standingOf({ phase: 'window' }),
      want: 'higher-term',
    },
    {
      says: 'says nothing while the shard is being taken',
      claim: claimOf(ofLast),
      standing: standingOf({ phase: 'taking' }),
      want: 'ignore',
    },
  ]
  it.each(cases)('$says', ({ claim, standing, want }) => {
    const verdict = judgeListing(claim, standing)
    const said = verdict.kind === 'abort' ? `abort ${verdict.why}` : verdict.kind
    expect(said).toBe(want)
  })
})

const anEpoch = fc
  .tuple(fc.integer({ min: OWN_TERM - 3, max: OWN_TERM + 1 }), fc.integer({ min: 1, max: 4 }))
  .map(([term, seq]) => epochOf(term, seq))
const anOwner = fc.constantFrom(mine, others)
const aClaim: fc.Arbitrary<Claim> = fc.record({
  epoch: anEpoch,
  nonce: fc.constantFrom('valid', 'invalid', 'unknown-salt'),
  owner: anOwner,
})
const aStanding: fc.Arbitrary<Standing> = fc.record({
  phase: fc.constantFrom('taking', 'window', 'leading'),
  ownTerm: fc.constant(OWN_TERM),
  floorRead: fc.integer({ min: OWN_TERM - 3, max: OWN_TERM }),
  status: fc
    .tuple(fc.constantFrom(...PHASES), fc.option(anEpoch, { nil: undefined }))
    .map(([phase, epoch]) => statusOf(phase, epoch)),
  current: fc.option(
    fc.tuple(anEpoch, fc.option(anOwner)).map(([epoch, owner]) => attemptOf(epoch, owner)),
  ),
  dispatchedHere: fc.boolean(),
})

describe('whatever is claimed', () => {
  it('nothing counts for a job that has ended, without a valid nonce, or below what is recorded (P1, P2)', () => {
    fc.assert(
      fc.property(aClaim, aStanding, (claim, standing) => {
        const recorded = standing.status.epoch ?? 0
        const impossible =
          isTerminal(standing.status.phase) || claim.nonce !== 'valid' || claim.epoch < recorded
        fc.pre(impossible)
        expect(['drop', 'higher-term']).toContain(judgeOutcome(claim, standing).kind)
        expect(['abort', 'higher-term']).toContain(judgeListing(claim, standing).kind)
      }),
    )
  })

  it('only the current attempt is accepted by a leader (P3)', () => {
    fc.assert(
      fc.property(aClaim, aStanding, (claim, standing) => {
        const verdict = judgeOutcome(claim, { ...standing, phase: 'leading' })
        if (verdict.kind === 'accept') expect(standing.current?.epoch).toBe(claim.epoch)
      }),
    )
  })

  it('a listing is renewed exactly when its outcome would be accepted by a leader', () => {
    fc.assert(
      fc.property(aClaim, aStanding, (claim, standing) => {
        const leading = { ...standing, phase: 'leading' } as const
        const renewed = judgeListing(claim, leading).kind === 'renew'
        expect(judgeOutcome(claim, leading).kind === 'accept').toBe(renewed)
      }),
    )
  })
})
