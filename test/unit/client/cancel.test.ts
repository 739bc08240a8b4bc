// Cancelling one job: the action that is stored, and waiting until it is carried out.

import { beforeEach, describe, expect, it } from 'vitest'
import { QueueActionSpec } from '../../../src/api/queueaction.ts'
import { cancelJob } from '../../../src/client/cancel.ts'
import { ActionFailedError, type JobRef } from '../../../src/client/errors.ts'
import type { Identity } from '../../../src/client/ports.ts'
import type { CancelOptions, CancelReceipt } from '../../../src/client/surface.ts'
import { SeededRandom, VirtualClock } from '../../../src/core/virtual-clock.ts'
import { FakeActions, type Fate, refusal, silence, someone } from './fake-cluster.ts'

const job: JobRef = { namespace: 'shop', name: 'email-1', uid: 'uid-1' }

let actions: FakeActions
let clock: VirtualClock
beforeEach(() => {
  actions = new FakeActions()
  clock = new VirtualClock()
})

type Ended = { readonly receipt: CancelReceipt } | { readonly error: unknown } | null

function begin(options: CancelOptions = {}, identity: Identity = someone, of: JobRef = job) {
  const state: { ended: Ended } = { ended: null }
  cancelJob({ actions, identity, clock, random: new SeededRandom(2) }, of, options).then(
    (receipt) => {
      state.ended = { receipt }
    },
    (error) => {
      state.ended = { error }
    },
  )
  return state
}

const stored = () => [...actions.stored.values()]

describe('a cancel', () => {
  it('is an action that names the job by name and uid and says who asks and why', async () => {
    const state = begin({ comment: 'no longer needed' })
    await clock.advanceAsync(0)
    const [action] = stored()
    expect(action).toMatchObject({
      namespace: 'shop',
      name: expect.stringMatching(/^cancel-email-1-[a-z0-9]{10}$/),
      spec: {
        action: 'Cancel',
        target: { kind: 'QueueJob', name: 'email-1', uid: 'uid-1' },
        comment: 'no longer needed',
        requestedBy: 'jane',
      },
    })
    expect(QueueActionSpec.safeParse(action?.spec).success).toBe(true)
    expect(state.ended).toEqual({ receipt: { action: action?.name, done: false } })
    expect(actions.reads).toBe(0)
  })

  it('names nobody when the API server does not say who asks', async () => {
    begin({}, { whoAmI: async () => '' })
    await clock.advanceAsync(0)
    expect(stored()[0]?.spec).toEqual({
      action: 'Cancel',
      target: { kind: 'QueueJob', name: 'email-1', uid: 'uid-1' },
    })
  })

  it('is stored once, whatever becomes of the answers', async () => {
    actions.fates.push('busy', 'lose-answer', 'lose-answer', 'busy')
    const state = begin()
    await clock.advanceAsync(30_000)
    expect(state.ended).toMatchObject({ receipt: { done: false } })
    expect(stored()).toHaveLength(1)
  })

  it('says when nothing is known, and that repeating does no harm', async () => {
    actions.fates.push(...Array.from({ length: 100 }, (): Fate => 'lose-request'))
    const state = begin({ timeoutMs: 5_000 })
    await clock.advanceAsync(70_000)
    expect(state.ended).toMatchObject({
      error: { code: 'ActionUnknown', help: expect.stringContaining('does no harm') },
    })
  })

  it('that is forbidden is told as it is', async () => {
    actions.fates.push('forbid')
    const state = begin()
    await clock.advanceAsync(0)
    expect(state.ended).toMatchObject({ error: { code: 'Forbidden', help: 'grant it' } })
  })

  it('with a comment that is too long is refused without a request', async () => {
    const state = begin({ comment: 'x'.repeat(257) })
    await clock.advanceAsync(0)
    expect(state.ended).toMatchObject({ error: { code: 'InvalidSpec' } })
    expect(actions.creates).toBe(0)
  })
})

describe('waiting for a cancel', () => {
  const only = () => actions.keys[0] ?? job

  it('ends when the operator has carried it out', async () => {
    const state = begin({ wait: true })
    await clock.advanceAsync(5_000)
    expect(state.ended).toBeNull()
    actions.end(only(), { phase: 'Completed' })
    await clock.advanceAsync(2_500)
    expect(state.ended).toMatchObject({ receipt: { done: true } })
  })

  it('asks often at first and seldom later', async () => {
    begin({ wait: true })
    await clock.advanceAsync(1_000)
    expect(actions.reads).toBeGreaterThan(2)
    await clock.advanceAsync(49_000)
    expect(actions.reads).toBeLessThan(50)
  })

  it('says why the operator could not', async () => {
    const state = begin({ wait: true })
    await clock.advanceAsync(0)
    actions.end(only(), {
      phase: 'Failed',
      reason: 'ActionsUnguarded',
      message: 'the ValidatingAdmissionPolicy gopherqueue-actions is missing',
    })
    await clock.advanceAsync(1_000)
    const error = state.ended && 'error' in state.ended ? state.ended.error : null
    expect(error).toBeInstanceOf(ActionFailedError)
    expect(error).toMatchObject({
      code: 'ActionsUnguarded',
      action: { namespace: 'shop' },
      help: expect.stringContaining('kubectl apply -f policies/queueactions.yaml'),
    })
  })

  it('tells the reason of the target before the one of the action', async () => {
    const state = begin({ wait: true })
    await clock.advanceAsync(0)
    const failure = { reason: 'TargetMismatch', message: 'QueueJob email-1 now has uid uid-2' }
    actions.end(only(), { phase: 'Failed', reason: 'Failed', failure })
    await clock.advanceAsync(1_000)
    expect(state.ended).toMatchObject({
      error: { code: 'TargetMismatch', message: expect.stringContaining('uid-2') },
    })
  })

  it('survives an API server that does not answer, and ends when it refuses', async () => {
    const state = begin({ wait: true })
    await clock.advanceAsync(0)
    actions.fault = silence()
    await clock.advanceAsync(20_000)
    expect(state.ended).toBeNull()
    actions.fault = refusal()
    await clock.advanceAsync(5_000)
    expect(state.ended).toMatchObject({ error: { code: 'Forbidden' } })
  })

  it('ends when somebody deletes the action, or the time is over, or the signal says so', async () => {
    const deleted = begin({ wait: true })
    await clock.advanceAsync(0)
    actions.remove(only())
    await clock.advanceAsync(5_000)
    expect(deleted.ended).toMatchObject({ error: { code: 'Deleted' } })

    const replaced = begin({ wait: true })
    await clock.advanceAsync(0)
    actions.replace(only())
    await clock.advanceAsync(5_000)
    expect(replaced.ended).toMatchObject({ error: { code: 'Deleted' } })
    actions.remove(only())

    const late = begin({ wait: true, timeoutMs: 3_000 })
    await clock.advanceAsync(6_000)
    expect(late.ended).toMatchObject({ error: { code: 'ActionUnfinished' } })

    const aborter = new AbortController()
    const aborted = begin({ wait: true, signal: aborter.signal })
    await clock.advanceAsync(100)
    aborter.abort('enough')
    await clock.advanceAsync(0)
    expect(aborted.ended).toEqual({ error: 'enough' })
    expect(clock.pendingTimers).toBe(0)
  })
})
