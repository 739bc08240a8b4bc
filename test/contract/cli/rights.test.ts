// Who may use which command: the rights that `gq COMMAND --help` names are enough for it, and who has
// none of them is told what is missing and the command that grants it. The API server decides, with the
// policy that guards actions; the names of users are all that differs.

import path from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { COMMANDS } from '../../../src/cli/commands.ts'
import { api, type Door, openDoor } from '../api/door.ts'
import { kubectl } from '../api/kubectl.ts'
import { kubeconfigAs, operated, run } from './place.ts'

const namespace = 'cli-rights'
const policies = path.join(import.meta.dirname, '..', '..', '..', 'policies')
const rbac = '/apis/rbac.authorization.k8s.io/v1'
const settled = { timeout: 30_000, interval: 50 }

/** Every command, in a form that needs all of its rights or most of them. */
const WORDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  submit: [['noop']],
  list: [[], ['--failed']],
  get: [['waits']],
  why: [['waits']],
  wait: [
    ['ended', '--for', 'finished'],
    ['waits', '--timeout', '1s'],
  ],
  cancel: [['waits'], ['--all', '--yes']],
  retry: [['dead'], ['retrying'], ['--failed', '--yes']],
  replay: [['dead'], ['--failed', '--yes']],
  discard: [['dead'], ['--all', '--yes']],
  confirm: [['waits'], ['--all', '--yes']],
  export: [[]],
  'queue list': [[]],
  'queue get': [['mail']],
  'queue pause': [['mail'], ['--all', '--yes']],
  'queue resume': [['mail'], ['--all', '--yes']],
  'queue drain': [['mail'], ['--all', '--yes']],
  'queue purge': [
    ['mail', '--yes'],
    ['--all', '--yes'],
  ],
  pause: [['-A', '--yes', '--no-wait']],
  resume: [['-A', '--yes', '--no-wait']],
  'schedule list': [[]],
  'schedule run': [['nightly']],
  'schedule suspend': [['nightly']],
  'schedule resume': [['nightly']],
}

let door: Door
beforeAll(async () => {
  door = await openDoor(namespace)
  const applied = await kubectl(['apply', '--server-side', '--filename', policies])
  expect(applied.code, applied.err).toBe(0)
  const put = async (kind: string, plural: string, name: string, spec: object) => {
    const made = await door.send('POST', door.path(plural), api(kind, spec, { name }))
    expect(made.code, made.message).toBe(201)
  }
  await put('Queue', 'queues', 'mail', {})
  const template = { spec: { type: 'noop' } }
  await put('QueueSchedule', 'queueschedules', 'nightly', { schedule: '@daily', template })
  const phases = { waits: '', dead: 'DeadLettered', retrying: 'Retrying', ended: 'Completed' }
  for (const [name, phase] of Object.entries(phases)) {
    await put('QueueJob', 'queuejobs', name, { type: 'noop' })
    if (phase === '') continue
    const status = { observedGeneration: 1, phase, epoch: 1 }
    const answer = await door.send(
      'PATCH',
      door.path('queuejobs', name, 'status'),
      { status },
      {
        contentType: 'application/merge-patch+json',
      },
    )
    expect(answer.code, answer.message).toBe(200)
  }
})

type Rights = Readonly<Record<string, readonly string[]>>

async function grant(user: string, rights: Rights, everywhere: boolean): Promise<void> {
  const [role, base] = everywhere
    ? ['ClusterRole', `${rbac}/`]
    : ['Role', `${rbac}/namespaces/${namespace}/`]
  const plural = `${role.toLowerCase()}s`
  const rules = Object.entries(rights).map(([resource, verbs]) => ({
    apiGroups: ['gopherqueue.io'],
    resources: [resource],
    verbs,
  }))
  const name = `gq-${user}`
  const made = await door.send('POST', `${base}${plural}`, { metadata: { name }, rules })
  expect(made.code, made.message).toBe(201)
  const bound = await door.send('POST', `${base}${role.toLowerCase()}bindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: role, name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  })
  expect(bound.code, bound.message).toBe(201)
}

const guarded = COMMANDS.filter(({ rights }) => Object.keys(rights).length > 0)

describe.each(guarded.map(({ name, rights }) => ({ name, rights })))(
  'gq $name',
  ({ name, rights }) => {
    const user = `may-${name.replaceAll(' ', '-')}`
    const everywhere = name === 'pause' || name === 'resume'
    const forms = (WORDS[name] ?? []).map((words) => [...name.split(' '), ...words])
    const caller = (as: string) => ({ kubeconfig: kubeconfigAs(as), namespace })

    it('has a form here', () => expect(forms).not.toEqual([]))

    it('is refused to whoever has no right, with what would allow it', async () => {
      for (const words of forms) {
        const { code, out, err } = await run(words, caller('nobody-at-all'))
        expect({ code, out }, err).toEqual({ code: 77, out: '' })
        expect(err).toMatch(/User "nobody-at-all" cannot \w+ resource/)
        expect(err).toMatch(
          everywhere ? /kubectl create clusterrole/ : /kubectl -n cli-rights create role/,
        )
      }
    })

    it('needs no more than its help names', async () => {
      await grant(user, rights, everywhere)
      for (const words of forms) {
        await vi.waitFor(async () => {
          const ran = await operated([door], () => run([...words, ...waiting(words)], caller(user)))
          expect(ran.code, ran.err).not.toBe(77)
          expect(ran.err).not.toMatch(/may not|cannot/)
        }, settled)
      }
    })

    const waiting = (words: readonly string[]) =>
      words.some((word) => word === '--no-wait' || word === '--timeout') || !rights.queueactions
        ? []
        : ['--timeout', '10s']
  },
)

it('an act that the policy refuses names the verb to grant, and on what', async () => {
  const rights = { queuejobs: ['get', 'list'], queueactions: ['create', 'get'] }
  await grant('looks-only', rights, false)
  const caller = { kubeconfig: kubeconfigAs('looks-only'), namespace }
  const { err } = await vi.waitFor(async () => {
    const ran = await run(['cancel', 'waits'], caller)
    expect(ran.code).toBe(77)
    expect(ran.err).toContain('may not cancel queuejobs/waits')
    return ran
  }, settled)
  expect(err).toContain('create role gopherqueue-queuejobs-cancel-looks-only --verb=cancel')
})
