// Acts: which QueueActions are created, what is asked before, what is said after, and the exit codes.

import { beforeEach, describe, expect, it } from 'vitest'
import { QueueActionSpec } from '../../../src/api/queueaction.ts'
import { refusal } from '../client/fake-cluster.ts'
import { aJob, FakePlace, stored } from './fake-place.ts'

let place: FakePlace
beforeEach(() => {
  place = new FakePlace()
  place.objects.put(
    aJob('waits'),
    aJob('runs', 'Running'),
    aJob('retries', 'Retrying'),
    aJob('failed', 'Failed', { spec: { queue: 'other' } }),
    aJob('dead', 'DeadLettered'),
    aJob('cancelled', 'Cancelled'),
    aJob('done', 'Completed'),
    stored('Queue', 'mail'),
    stored('Queue', 'other'),
    stored('Queue', 'default', { namespace: 'lab' }),
    stored('QueueSchedule', 'nightly'),
  )
})

const specs = () => place.asked.map(({ spec }) => spec)

describe('an act on jobs by name', () => {
  it('is one action each, that names the uid and who asks, and asks nobody', async () => {
    const { code, out } = await place.run(
      'cancel',
      'waits',
      'runs',
      'waits',
      '--comment',
      'why not',
    )
    expect(code).toBe(0)
    expect(place.asked.map(({ name }) => name.replace(/-[a-z0-9]{10}$/, ''))).toEqual([
      'cancel-waits',
      'cancel-runs',
    ])
    expect(specs()[0]).toEqual({
      action: 'Cancel',
      target: { kind: 'QueueJob', name: 'waits', uid: 'uid-waits' },
      comment: 'why not',
      requestedBy: 'jane',
    })
    for (const spec of specs()) expect(QueueActionSpec.safeParse(spec).success).toBe(true)
    expect(place.questions).toEqual([])
    expect(out).toBe(
      'job waits in namespace shop: Cancel done\njob runs in namespace shop: Cancel done\n',
    )
  })

  it.each([
    ['retry', 'retries', 'Retry'],
    ['retry', 'failed', 'Replay'],
    ['retry', 'dead', 'Replay'],
    ['retry', 'cancelled', 'Replay'],
    ['replay', 'dead', 'Replay'],
    ['discard', 'dead', 'Discard'],
    ['confirm', 'waits', 'Resume'],
    ['cancel', 'done', 'Cancel'],
  ])('gq %s %s is the action %s, and says so', async (command, job, action) => {
    const { out } = await place.run(command, job)
    expect(specs().map((spec) => spec.action)).toEqual([action])
    expect(out).toContain(`${action} done`)
  })

  it.each([
    ['retry', 'runs', 'it is Running and has not failed'],
    ['retry', 'done', 'it has succeeded; to run it again, change spec.runId'],
    ['replay', 'waits', 'it is Pending and has not ended'],
    ['confirm', 'dead', 'it has ended'],
  ])('gq %s %s does nothing: %s', async (command, job, says) => {
    const { code, err } = await place.run(command, job)
    expect({ code, asked: place.asked }).toEqual({ code: 1, asked: [] })
    expect(err).toContain(says)
  })

  it('does nothing at all when one of the names is wrong', async () => {
    const { code, err } = await place.run('cancel', 'waits', 'wait')
    expect({ code, asked: place.asked }).toEqual({ code: 4, asked: [] })
    expect(err).toContain('did you mean waits?')
  })

  it('takes grace, and another payload for a replay', async () => {
    place.files.set('new.json', '{"card":1}')
    await place.run('cancel', 'runs', '--grace', '1m30s')
    await place.run('replay', 'dead', '--payload', '@new.json')
    expect(specs()).toMatchObject([{ graceSeconds: 90 }, { payload: { card: 1 } }])
  })

  it.each([
    [['replay', 'dead', 'failed', '--payload', '1'], 'one job only'],
    [['replay', '--failed', '--payload', '1'], 'one job only'],
    [['replay', 'dead', '--payload', 'text'], 'is no JSON'],
    [['cancel', 'waits', '--queue', 'mail'], 'do not go together'],
    [['cancel'], 'which jobs?'],
    [['cancel', 'waits', '--grace', 'long'], 'is no duration'],
  ])('%j is a mistake of usage', async (words, says) => {
    const { code, err } = await place.run(...words)
    expect({ code, asked: place.asked }).toEqual({ code: 64, asked: [] })
    expect(err).toContain(says)
  })

  it('refuses a payload that no job may have', async () => {
    const { code, err } = await place.run('replay', 'dead', '--payload', `"${'x'.repeat(140_000)}"`)
    expect(code).toBe(64)
    expect(err).toContain('the limit is 131072')
    expect(err).not.toContain('xxxx')
  })
})

describe('an act on many jobs', () => {
  it('shows the count, asks, and is one action that selects the same', async () => {
    place.answer = 'y'
    place.operator = () => ({
      phase: 'Completed',
      counts: { matched: 3, done: 2, skipped: 1, failed: 0 },
    })
    const { code, out } = await place.run('cancel', '--queue', 'mail', '--rate', '5')
    expect(place.questions).toEqual([
      'Cancel 3 jobs in namespace shop (1 Pending, 1 Retrying, 1 Running)? [y/N] ',
    ])
    expect(specs()).toEqual([
      {
        action: 'Cancel',
        target: {
          kind: 'QueueJob',
          selector: {
            queue: 'mail',
            phases: [
              'Pending',
              'Delayed',
              'Blocked',
              'Scheduled',
              'Retrying',
              'Suspended',
              'Running',
            ],
          },
        },
        ratePerSecond: 5,
        requestedBy: 'jane',
      },
    ])
    expect({ code, out }).toEqual({
      code: 0,
      out: 'jobs in namespace shop: Cancel 2 of 3 done, 1 needed no change\n',
    })
  })

  it.each(['n', '', 'no', 'whatever'])('changes nothing when the answer is %j', async (answer) => {
    place.answer = answer
    const { code, err } = await place.run('cancel', '--all')
    expect({ code, asked: place.asked }).toEqual({ code: 130, asked: [] })
    expect(err).toContain('nothing was changed')
  })

  it('is refused where nobody can be asked, unless --yes says so', async () => {
    const { code, err } = await place.run('cancel', '--all')
    expect({ code, asked: place.asked }).toEqual({ code: 64, asked: [] })
    expect(err).toContain('Cancel 3 jobs in namespace shop')
    expect(err).toContain('--yes')
    expect((await place.run('cancel', '--all', '--yes')).code).toBe(0)
    expect(place.asked).toHaveLength(1)
  })

  it('is only counted with --dry-run', async () => {
    const { code, out } = await place.run('retry', '--failed', '--dry-run')
    expect({ code, asked: place.asked }).toEqual({ code: 0, asked: [] })
    expect(out).toBe(
      'Replay 2 jobs in namespace shop (1 DeadLettered, 1 Failed): nothing was changed (dry run)\n',
    )
  })

  it('is not asked for when nothing matches', async () => {
    const { code, err } = await place.run('cancel', '--type', 'none', '--yes')
    expect({ code, asked: place.asked }).toEqual({ code: 0, asked: [] })
    expect(err).toContain('no job in namespace shop matches')
  })

  it.each([
    [['retry', '--failed'], 'Replay', ['Failed', 'DeadLettered']],
    [['retry', '--all'], 'Replay', ['Failed', 'DeadLettered']],
    [['retry', '--phase', 'Retrying'], 'Retry', ['Retrying']],
    [['retry', '--phase', 'Cancelled'], 'Replay', ['Cancelled']],
    [['discard', '--all'], 'Discard', ['DeadLettered']],
  ])('%j is %s of %j', async (words, action, phases) => {
    await place.run(...words, '--yes')
    expect(specs()).toMatchObject([{ action, target: { selector: { phases } } }])
  })

  it('confirms those that came back from a backup, and no others that wait', async () => {
    const reason = 'RestoredUnconfirmed'
    place.objects.put(aJob('back', 'Blocked', { status: { reason } }), aJob('held', 'Blocked'))
    place.answer = 'y'
    await place.run('confirm', '--all')
    expect(place.questions).toEqual(['Resume 1 job in namespace shop (1 Blocked)? [y/N] '])
    expect(specs()).toMatchObject([
      { action: 'Resume', target: { selector: { phases: ['Blocked'], reasons: [reason] } } },
    ])
  })

  it('says everything that an action can select by', async () => {
    place.objects.put(
      aJob('old', 'Failed', {
        labels: { team: 'x' },
        status: { completionTime: '2026-05-01T10:30:00Z', error: { code: 'E' } },
      }),
    )
    await place.run(
      ...[
        'replay',
        '--yes',
        '-l',
        'team=x',
        '--error-code',
        'E',
        '--failed',
        '--type',
        'email.send',
      ],
      ...['--since', '2h', '--before', '2026-05-01T13:00', '--max-targets', '5'],
    )
    expect(specs()[0]).toMatchObject({
      maxTargets: 5,
      target: {
        selector: {
          labels: { team: 'x' },
          type: 'email.send',
          errorCode: 'E',
          finishedAfter: '2026-05-01T10:00:00Z',
          finishedBefore: '2026-05-01T11:00:00Z',
        },
      },
    })
    expect(QueueActionSpec.safeParse(specs()[0]).success).toBe(true)
  })

  it('is refused before anything is asked when more match than an action takes', async () => {
    const { code, err } = await place.run('cancel', '--all', '--yes', '--max-targets', '2')
    expect({ code, asked: place.asked }).toEqual({ code: 64, asked: [] })
    expect(err).toContain('3 jobs match')
    expect(err).toContain('--max-targets 3')
  })

  it('selects by equality of labels only', async () => {
    const { code, err } = await place.run('cancel', '-l', 'team in (a,b)', '--yes')
    expect(code).toBe(64)
    expect(err).toContain('key=value only')
  })

  it('does not mix jobs that wait for an attempt with such that ended', async () => {
    const { code, err } = await place.run('retry', '--phase', 'Retrying,Failed', '--yes')
    expect({ code, asked: place.asked }).toEqual({ code: 64, asked: [] })
    expect(err).toContain('do not go together')
  })
})

describe('what became of an action', () => {
  const outcomes = [
    [
      { phase: 'Failed', reason: 'TargetNotFound', message: 'there is no job' },
      4,
      'there is no job',
    ],
    [{ phase: 'Failed', reason: 'ActionsUnguarded', message: 'no policy' }, 77, 'kubectl apply -f'],
    [{ phase: 'Failed', reason: 'TooManyTargets', message: 'too many' }, 1, 'narrow the selector'],
    [{ phase: 'Failed', reason: 'OfALaterRelease', message: 'new' }, 1, 'OfALaterRelease'],
  ] as const

  it.each(outcomes)('%j ends with %i', async (how, want, says) => {
    place.operator = () => how
    const { code, err } = await place.run('cancel', 'waits')
    expect(code).toBe(want)
    expect(err).toContain(says)
  })

  it('is told target by target where some could not be changed, with code 1', async () => {
    place.operator = () => ({
      phase: 'Completed',
      counts: { matched: 3, done: 2, skipped: 0, failed: 1 },
      failures: [{ name: 'dead', reason: 'ReplayLimit', message: 'ten times' }],
    })
    const { code, out, err } = await place.run('replay', '--failed', '--yes')
    expect(code).toBe(1)
    expect(out).toContain('2 of 3 done, 0 needed no change, 1 could not be changed')
    expect(err).toContain('dead: ReplayLimit: ten times')
  })

  it('is "nothing to do" for a job that had ended, with code 0', async () => {
    place.operator = () => ({
      phase: 'Completed',
      message: 'the target had ended before: Completed',
      counts: { matched: 1, done: 0, skipped: 1, failed: 0 },
    })
    const { code, out } = await place.run('cancel', 'done')
    expect(code).toBe(0)
    expect(out).toContain('Cancel nothing to do (the target had ended before: Completed)')
  })

  it('is not known in time without an operator: code 2, and how to see or stop it', async () => {
    place.operator = () => ({})
    const { code, err } = await place.run('cancel', 'waits', '--timeout', '5s')
    expect(code).toBe(2)
    expect(err).toContain('no operator has taken it up yet')
    expect(err).toContain('kubectl -n shop get qact cancel-waits-')
  })

  it('is not waited for with --no-wait', async () => {
    place.operator = () => ({})
    const { code, out } = await place.run('cancel', 'waits', '--no-wait')
    expect(code).toBe(0)
    expect(out).toContain('Cancel was asked for (QueueAction cancel-waits-')
  })

  it('is said while it goes on, from two seconds on', async () => {
    let asked = 0
    place.redraws = true
    place.operator = () => {
      asked += 1
      const counts = { matched: 100, done: 10 * asked, skipped: 0, failed: 0 }
      return { phase: asked === 6 ? 'Completed' : 'Running', counts }
    }
    const { err } = await place.run('cancel', '--all', '--yes')
    expect(err).toContain('Cancel: 40 of 100 targets (0 failed)')
    expect(err.endsWith('\r\u001b[K')).toBe(true)
  })

  it('that the API server refuses does not hide what became of the others', async () => {
    place.actions.fates.push('answer', 'forbid')
    const { code, out, err } = await place.run('cancel', 'waits', 'runs')
    expect({ code, out }).toEqual({ code: 77, out: 'job waits in namespace shop: Cancel done\n' })
    expect(err).toContain('not you')
  })

  it('that the API server refuses is told once, with what would allow it', async () => {
    place.actions.fates.push('forbid')
    const { code, err } = await place.run('cancel', 'waits')
    expect(refusal().help).toBe('grant it')
    expect({ code, err }).toEqual({ code: 77, err: 'gq: not you\n    grant it\n' })
  })
})

describe('switches of queues', () => {
  it.each(['pause', 'resume', 'drain'])('gq queue %s NAME asks nobody', async (verb) => {
    const { code, out } = await place.run('queue', verb, 'mail')
    expect(code).toBe(0)
    expect(specs()).toMatchObject([{ target: { kind: 'Queue', name: 'mail', uid: 'uid-mail' } }])
    expect(out.toLowerCase()).toContain(`queue mail in namespace shop: ${verb} done`)
  })

  it('on all queues is one action, after a question', async () => {
    place.answer = 'yes'
    await place.run('queue', 'pause', '--all')
    expect(place.questions).toEqual(['Pause 2 queues (mail, other) in namespace shop? [y/N] '])
    expect(specs()).toMatchObject([{ action: 'Pause', target: { kind: 'Queue', all: true } }])
  })

  it('delete jobs only after the count of them was seen', async () => {
    place.answer = 'n'
    const { code, err } = await place.run('queue', 'purge', 'mail')
    expect({ code, asked: place.asked }).toEqual({ code: 130, asked: [] })
    expect(place.questions[0]).toContain('delete 2 waiting jobs')
    expect(err).toContain('Deleted jobs leave no record')
    const dry = await place.run('queue', 'purge', '--all', '--dry-run')
    expect(dry.out).toContain('delete 2 waiting jobs: nothing was changed (dry run)')
  })

  it('say what an action cannot lift', async () => {
    place.objects.put(stored('Queue', 'git', { spec: { paused: true } }))
    const { err } = await place.run('queue', 'resume', 'git')
    expect(err).toContain('still paused by spec.paused: shop/git')
  })

  it.each([['queue', 'pause'], ['queue', 'pause', 'mail', '--all'], ['pause'], ['resume']])(
    '%s %s is a mistake of usage',
    async (...words) => {
      const { code } = await place.run(...words)
      expect({ code, asked: place.asked }).toEqual({ code: 64, asked: [] })
    },
  )
})

describe('the stop button', () => {
  it('pauses every queue of every namespace, with one action in each', async () => {
    place.answer = 'y'
    const { code, out, err } = await place.run('pause', '--all-namespaces', '--comment', 'incident')
    expect(code).toBe(0)
    expect(place.questions).toEqual(['Pause 3 queues in 2 namespaces (shop, lab)? [y/N] '])
    expect(err).toContain('dispatch: Paused')
    expect(place.asked.map(({ namespace, spec }) => [namespace, spec.action, spec.target])).toEqual(
      [
        ['shop', 'Pause', { kind: 'Queue', all: true }],
        ['lab', 'Pause', { kind: 'Queue', all: true }],
      ],
    )
    expect(out).toContain('all queues in namespace lab: Pause')
  })

  it('leaves out a namespace that is being deleted, says so, and stops all the others', async () => {
    place.actions.fates.push('ending')
    const { code, out, err } = await place.run('pause', '-A', '--yes')
    expect(code).toBe(0)
    expect(err).toContain('all queues in namespace shop: the namespace is being deleted')
    expect(out).toContain('all queues in namespace lab: Pause')
    expect(place.asked.map(({ namespace }) => namespace)).toEqual(['lab'])
  })

  it('is lifted the same way', async () => {
    await place.run('resume', '-A', '--yes')
    expect(specs().map((spec) => spec.action)).toEqual(['Resume', 'Resume'])
  })
})

describe('gq schedule run', () => {
  it('is the action Run', async () => {
    await place.run('schedule', 'run', 'nightly')
    expect(specs()).toMatchObject([
      { action: 'Run', target: { kind: 'QueueSchedule', name: 'nightly', uid: 'uid-nightly' } },
    ])
  })
})
