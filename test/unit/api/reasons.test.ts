// The closed table of reasons: whole, consistent, and proof against hostile values.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PHASES } from '../../../src/api/conditions.ts'
import { PATTERNS } from '../../../src/api/fields.ts'
import {
  ATTEMPT_ENDS,
  advice,
  isReason,
  REASON_NAMES,
  REASONS,
  type Reason,
  sentence,
  slotsOf,
  slotsSaid,
} from '../../../src/api/reasons.ts'
import { conditionsOf } from '../../../src/core/conditions.ts'
import { isTerminal } from '../../../src/core/job.ts'

const rows = REASON_NAMES.map((name) => REASONS[name])
const each = rows.map((row) => [row.reason, row] as const)

/** A value for every slot, as it might come up. */
const SAMPLE: Readonly<Record<string, string | number>> = {
  action: 'cancel',
  ahead: 12,
  attempt: 2,
  bytes: 140_000,
  by: 'alice',
  cause: 'connection refused',
  chain: 'a → b → a',
  code: 'SmtpBusy',
  comment: 'wrong list',
  controller: 'gopherqueue.io/default',
  count: 20_000,
  crashed: 8,
  crashes: 4,
  deadline: '2026-05-01T12:30:00Z',
  dependency: 'import',
  done: 1,
  duration: '1.5 s',
  error: 'the server said 421',
  failed: 2,
  field: 'spec.startAfter',
  fields: 'spec.runId',
  first: 'welcome-1',
  found: '00000000-0000-4000-8000-000000000002',
  holders: 'job-1, job-2',
  job: 'welcome',
  key: 'customer-7',
  keys: 2,
  kind: 'QueueJob',
  limit: 10_000,
  matched: 1,
  max: 3,
  name: 'welcome',
  namespace: 'mail',
  nearest: 'email.send',
  node: 'node-a',
  object: 'ConfigMap mail/list',
  objects: 120_000,
  path: 'spec.payload.to',
  phase: 'Failed',
  place: '12 jobs are ahead of it; no estimate: no job of the queue started in the last minute',
  queue: 'outbox',
  replays: 10,
  running: 5,
  scarce: 'all 15 slots of its workers are busy',
  schedule: '0 0 31 2 *',
  seconds: 1800,
  served: 'email.send, report',
  since: '2026-05-01T12:00:00Z',
  skipped: 0,
  slots: 15,
  snoozes: 1001,
  starts: 10,
  target: 'QueueJob welcome',
  type: 'email.sned',
  unmet: 2,
  until: '2026-05-01T12:05:00Z',
  version: '0.1.0',
  waiting: 42,
  wanted: '00000000-0000-4000-8000-000000000001',
  weight: 5,
  worker: 'mailer-0',
  workers: 3,
}

/** For a reason that is only known at run time. */
const says = (reason: Reason, slots: object) => sentence(reason, slots as never)
const advises = (reason: Reason, slots: object) => advice(reason, slots as never)

describe('the table', () => {
  it('is reviewed as prose', async () => {
    const text = rows.map(
      ({ reason }) => `${reason}\n  ${says(reason, SAMPLE)}\n  → ${advises(reason, SAMPLE)}\n`,
    )
    await expect(text.join('\n')).toMatchFileSnapshot('../../golden/reasons.txt')
  })

  it.each(each)('%s is a word that status.reason, conditions and codes take', (reason) => {
    expect(reason).toMatch(PATTERNS.camelCase)
    expect(reason).toMatch(PATTERNS.code)
    expect(reason.length).toBeLessThanOrEqual(64)
  })

  it.each(each)('%s leaves no slot open', (reason, row) => {
    for (const slot of slotsOf(row.says + row.next)) expect(SAMPLE).toHaveProperty(slot)
    expect(says(reason, SAMPLE)).not.toMatch(/\{[a-z]+\}/)
    expect(advises(reason, SAMPLE)).not.toMatch(/\{[a-z]+\}/)
  })

  it.each(each)('%s says something and what to do about it', (_reason, row) => {
    expect(row.says.length).toBeGreaterThan(8)
    expect(row.next.length).toBeGreaterThan(3)
  })

  it.each(each)('%s has a runbook page of its own', (_reason, row) => {
    expect(row.page).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(rows.filter(({ page }) => page === row.page)).toHaveLength(1)
  })

  const ofJobs = rows
    .filter(({ scope }) => scope === 'Job')
    .map((row) => [row.reason, row] as const)
  it.each(ofJobs)('%s is the reason of a phase', (_reason, row) => {
    expect(PHASES).toContain(row.phase)
  })

  it.each(ofJobs)('%s has the conditions of its phase', (_reason, row) => {
    if (!row.phase) throw new Error('a reason of a job has a phase')
    const stalled = row.condition === 'Stalled'
    const types = conditionsOf(row.phase, stalled).map(({ type }) => type)
    const want: Readonly<Record<string, readonly string[]>> = {
      None: [],
      Reconciling: ['Reconciling'],
      ReconcilingThenStalled: ['Reconciling'],
      Stalled: ['Stalled'],
      Ready: ['Ready'],
      Succeeded: ['Ready', 'Succeeded', 'Finished'],
      Failed: ['Stalled', 'Succeeded', 'Finished'],
    }
    expect(types).toEqual(want[row.condition])
  })

  it.each(ofJobs)('%s makes gq exit as the job ended', (_reason, row) => {
    const want = { Completed: 0, Failed: 1, DeadLettered: 1, Cancelled: 3 } as const
    const ended = row.phase && isTerminal(row.phase)
    expect(row.exitCode).toBe(ended ? want[row.phase as keyof typeof want] : 2)
  })

  it('has a row for every end of an attempt that no handler and no worker reported', () => {
    // What a worker reports before it calls the handler is a failure like those of handlers.
    const ofAttempts = rows
      .filter(({ scope, category }) => scope === 'Attempt' && category !== 'Temporary')
      .map(({ reason }) => reason)
    expect(ofAttempts.toSorted()).toEqual([...ATTEMPT_ENDS].toSorted())
  })
})

describe('isReason', () => {
  it('knows the reasons and nothing that every object has', () => {
    expect(isReason('NoWorkers')).toBe(true)
    for (const text of ['noworkers', 'constructor', '__proto__', 'toString', '']) {
      expect(isReason(text)).toBe(false)
    }
  })
})

describe('the slots of a sentence that was written', () => {
  it.each(each)('%s: are found again', (reason, row) => {
    const slots = Object.fromEntries(slotsOf(row.says).map((slot) => [slot, String(SAMPLE[slot])]))
    expect(slotsSaid(reason, says(reason, SAMPLE))).toEqual(slots)
  })

  it('are none of another text', () => {
    expect(slotsSaid('Cancelled', 'something else')).toBeNull()
  })

  it('are found in whatever was put into them, within reason', () => {
    fc.assert(
      fc.property(fc.constantFrom(...REASON_NAMES), fc.string(), (reason, value) => {
        const slots = Object.fromEntries(slotsOf(REASONS[reason].says).map((slot) => [slot, value]))
        expect(slotsSaid(reason, says(reason, slots))).not.toBeNull()
      }),
    )
  })
})

describe('a sentence', () => {
  it('fills its slots', () => {
    expect(sentence('NoWorkers', { queue: 'outbox', namespace: 'mail' })).toBe(
      'no connected worker serves queue outbox in namespace mail',
    )
  })

  it('says so where a value is empty', () => {
    expect(sentence('QueueNotFound', { queue: '', namespace: 'mail' })).toBe(
      'there is no Queue (none) in namespace mail',
    )
  })

  it('does not fill slots inside a value', () => {
    expect(sentence('InvalidSpec', { field: 'spec.{error}', error: '{field}' })).toBe(
      'spec.{error} is not valid: {field}',
    )
  })

  it('leaves JSON and JSONPath in a command alone', () => {
    expect(advice('Suspended', { namespace: 'mail', job: 'welcome' })).toContain(
      '{"spec":{"suspend":false}}',
    )
    expect(advice('BackingOff', { namespace: 'mail', job: 'a', until: 'b' })).toContain(
      '{.status.history}',
    )
  })

  it('is one bounded line without control characters, whatever the values are', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 2000 }),
      fc.constantFrom('\u202e\u2066evil', 'a\r\nb\u2028c\u0007', '😀'.repeat(600)),
    )
    fc.assert(
      fc.property(fc.constantFrom(...REASON_NAMES), hostile, (reason, value) => {
        const slots = Object.fromEntries(slotsOf(REASONS[reason].says).map((slot) => [slot, value]))
        const text = says(reason, slots)
        expect(text.length).toBeLessThanOrEqual(1024)
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u)
        if (value.isWellFormed()) expect(text.isWellFormed()).toBe(true)
      }),
    )
  })

  it('cuts one long value so that the others are still seen', () => {
    const text = sentence('InvalidSpec', { field: 'x'.repeat(5000), error: 'too long' })
    expect(text).toContain('… is not valid: too long')
  })
})
