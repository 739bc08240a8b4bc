// Each command of gq against the genuine API server. There is no operator here: what it would write is
// written by the test; the whole way is a system test.

import { execFile, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { api, type Door, type Json, openDoor, patch } from '../api/door.ts'
import { kubectl } from '../api/kubectl.ts'
import { actionsAt, operated, run } from './place.ts'

const namespace = 'cli-commands'
const program = path.join(import.meta.dirname, '..', '..', '..', 'src', 'main', 'gq.ts')
const here = { namespace }

let door: Door
beforeAll(async () => {
  door = await openDoor(namespace)
})
beforeEach(async () => {
  for (const plural of ['queuejobs', 'queueactions', 'queues', 'queueschedules']) {
    expect((await door.send('DELETE', door.path(plural))).code).toBe(200)
  }
})

async function create(kind: string, plural: string, name: string, spec: Json, meta: Json = {}) {
  const answer = await door.send('POST', door.path(plural), api(kind, spec, { name, ...meta }))
  expect(answer.code, answer.message).toBe(201)
}

async function aJob(name: string, status: Json | null = null, spec: Json = {}, meta: Json = {}) {
  await create('QueueJob', 'queuejobs', name, { type: 'noop', ...spec }, meta)
  if (status) await write(name, status)
}

async function write(name: string, status: Json): Promise<void> {
  const change = { status: { observedGeneration: 1, ...status } }
  const answer = await patch(door, 'queuejobs', name, change, 'status')
  expect(answer.code, answer.message).toBe(200)
}

async function jobAt(name: string): Promise<Json> {
  return (await door.send('GET', door.path('queuejobs', name))).body
}

describe('gq submit', () => {
  it('stores what was asked for, and kubectl shows it', async () => {
    const ran = await run(
      [
        ...['submit', 'email.send', '--name', 'welcome', '--payload', '-', '--delay', '1h30m'],
        ...['--priority', 'high', '--depends-on', 'a,b:Finished', '--label', 'team=x'],
      ],
      { ...here, files: { '-': '{"to":"jane"}' } },
    )
    expect(ran).toMatchObject({ code: 0, out: 'queuejob.gopherqueue.io/welcome submitted\n' })
    expect((await jobAt('welcome')).spec).toEqual({
      queue: 'default',
      type: 'email.send',
      priority: 'High',
      readiness: 'Completed',
      payload: { to: 'jane' },
      delaySeconds: 5_400,
      dependsOn: [{ name: 'a' }, { name: 'b', when: 'Finished' }],
    })
    const got = await kubectl(['-n', namespace, 'get', 'qj', '-l', 'team=x', '-o', 'name'])
    expect(got.out).toBe('queuejob.gopherqueue.io/welcome\n')
  })

  it('has the API server check a dry run, and stores nothing', async () => {
    const ran = await run(['submit', 'a', '--name', 'dry', '--dry-run', '-o', 'json'], here)
    expect(JSON.parse(ran.out)).toMatchObject({ kind: 'QueueJob', spec: { queue: 'default' } })
    expect((await door.send('GET', door.path('queuejobs', 'dry'))).code).toBe(404)
    const bad = await run(['submit', 'a', '--name', 'Not_A_Name', '--dry-run'], here)
    expect(bad.code).toBe(64)
    expect(bad.err).toContain('metadata.name')
  })

  it('waits for what it submitted, and ends as the job does', async () => {
    const running = run(['submit', 'a', '--name', 'waited', '--wait', '--timeout', '30s'], here)
    await expect
      .poll(async () => (await jobAt('waited')).kind, { timeout: 10_000 })
      .toBe('QueueJob')
    await write('waited', { phase: 'Failed', reason: 'PermanentFailure', message: 'no', epoch: 1 })
    expect(await running).toMatchObject({ code: 1, out: expect.stringContaining('waited Failed') })
  })

  it('says where there is no such namespace', async () => {
    const ran = await run(['submit', 'a'], { namespace: 'cli-nowhere' })
    expect(ran.code).toBe(4)
    expect(ran.err).toContain('kubectl create namespace cli-nowhere')
  })
})

describe('gq list, get, why, wait', () => {
  beforeEach(async () => {
    await aJob('a', null, { queue: 'mail' })
    await aJob('b', { phase: 'Failed', reason: 'PermanentFailure', message: 'no', epoch: 1 })
    await aJob('c', { phase: 'DeadLettered', reason: 'AttemptsExhausted', message: 'm', epoch: 1 })
    await aJob('d', { phase: 'Completed', epoch: 1, result: { ok: true } }, { payload: { n: 1 } })
  })

  it.each([
    [[], ['a', 'b', 'c', 'd']],
    [['--failed'], ['b', 'c']],
    [['--queue', 'mail'], ['a']],
    [
      ['--phase', 'Pending,Completed'],
      ['a', 'd'],
    ],
    [['--type', 'other'], []],
    [['--limit', '1'], ['a']],
  ])('lists with %j', async (words, want) => {
    const { out } = await run(['list', '-o', 'name', ...words], here)
    expect(out.split('\n').filter(Boolean)).toEqual(
      want.map((name) => `queuejob.gopherqueue.io/${name}`),
    )
  })

  it('lists every namespace, and a list is what kubectl reads', async () => {
    const all = await run(['list', '-A', '--phase', 'DeadLettered'])
    expect(all.out).toMatch(new RegExp(`^NAMESPACE.*\n(.*\n)*${namespace} +c `, 'm'))
    const { out } = await run(['list', '-o', 'yaml', '--failed'], here)
    const read = await kubectl(['-n', namespace, 'get', '-f', '-', '-o', 'name'], out)
    expect(read.out).toBe('queuejob.gopherqueue.io/b\nqueuejob.gopherqueue.io/c\n')
  })

  it('pages through more jobs than fit on one page', async () => {
    const names = Array.from(
      { length: 520 },
      (_, index) => `many-${String(index).padStart(3, '0')}`,
    )
    for (let at = 0; at < names.length; at += 20) {
      await Promise.all(names.slice(at, at + 20).map((name) => aJob(name, null, { type: 'many' })))
    }
    const { out } = await run(['list', '--type', 'many', '-o', 'name'], here)
    expect(
      out
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('/')[1]),
    ).toEqual(names)
    expect((await run(['cancel', '--type', 'many', '--dry-run'], here)).out).toContain('520 jobs')
  })

  it('describes a job without its payload', async () => {
    const { code, out } = await run(['get', 'd'], here)
    expect(code).toBe(0)
    expect(out).toMatch(/^Phase: +Completed$/m)
    expect(out).toMatch(/^Result: +\{"ok":true\}$/m)
    expect(out).toMatch(/^Payload: +7 bytes of JSON/m)
  })

  it('says why without an operator: the queue is not there', async () => {
    const { code, out } = await run(['why', 'a'], here)
    expect(code).toBe(0)
    expect(out).toContain('QueueNotFound')
    expect(out).toContain(`there is no Queue mail in namespace ${namespace}`)
    await create('Queue', 'queues', 'mail', { paused: true })
    expect((await run(['why', 'a'], here)).out).toContain('QueuePaused')
    expect((await run(['why', 'b'], here)).out).toContain('b is Failed (PermanentFailure): no')
  })

  it('ends a wait by how the jobs ended, with the code of each', async () => {
    expect((await run(['wait', 'd'], here)).code).toBe(0)
    expect((await run(['wait', 'b'], here)).code).toBe(1)
    expect((await run(['wait', 'b', 'd', '--for', 'finished'], here)).code).toBe(0)
    expect((await run(['wait', 'a', '--timeout', '1s'], here)).code).toBe(2)
    expect((await run(['wait', 'nobody'], here)).code).toBe(4)
    const running = run(['wait', 'a'], here)
    await write('a', { phase: 'Cancelled', reason: 'Cancelled', message: 'by jane', epoch: 0 })
    expect((await running).code).toBe(3)
  })
})

describe('acts become actions that the API server takes', () => {
  beforeEach(async () => {
    await aJob('waits')
    await aJob('dead', { phase: 'DeadLettered', reason: 'AttemptsExhausted', epoch: 1 })
    await create('Queue', 'queues', 'mail', {})
    await create('QueueSchedule', 'queueschedules', 'nightly', {
      schedule: '@daily',
      template: { spec: { type: 'noop' } },
    })
  })

  const rows: readonly [string, readonly string[], Json][] = [
    ['Cancel', ['cancel', 'waits', '--comment', 'c', '--grace', '5s'], { graceSeconds: 5 }],
    ['Replay', ['retry', 'dead'], {}],
    ['Replay', ['replay', 'dead', '--payload', '{"a":1}'], { payload: { a: 1 } }],
    ['Discard', ['discard', 'dead'], {}],
    ['Resume', ['confirm', 'waits'], {}],
    ['Cancel', ['cancel', '--all', '--yes', '--rate', '9'], { ratePerSecond: 9 }],
    ['Replay', ['retry', '--failed', '--yes', '--max-targets', '3'], { maxTargets: 3 }],
    ['Retry', ['retry', '--phase', 'Retrying', '--yes'], {}],
    ['Pause', ['queue', 'pause', 'mail'], {}],
    ['Resume', ['queue', 'resume', 'mail'], {}],
    ['Drain', ['queue', 'drain', '--all', '--yes'], {}],
    ['Purge', ['queue', 'purge', 'mail', '--yes'], {}],
    ['Run', ['schedule', 'run', 'nightly'], {}],
  ]

  it.each(rows)('%s by gq %j', async (action, words, more) => {
    if (words.includes('Retrying')) await write('waits', { phase: 'Retrying', epoch: 1 })
    const ran = await operated([door], () => run(words, here))
    expect(ran.code, ran.err).toBe(0)
    const [stored, ...others] = await actionsAt(door)
    expect(others).toEqual([])
    expect(stored?.spec).toMatchObject({ action, ...more, requestedBy: expect.any(String) })
  })

  it('waits for an operator that does not come no longer than it was told', async () => {
    const ran = await run(['cancel', 'waits', '--timeout', '1s'], here)
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('no operator has taken it up yet')
  })

  it('changes nothing when the answer is no, or nobody can be asked', async () => {
    const asked = await run(['cancel', '--all'], { ...here, answer: 'n' })
    expect(asked.code).toBe(130)
    expect(asked.err).toContain(`Cancel 1 job in namespace ${namespace} (1 Pending)? [y/N]`)
    expect((await run(['cancel', '--all'], here)).code).toBe(64)
    expect(await actionsAt(door)).toEqual([])
  })

  it('suspends and resumes a schedule', async () => {
    const suspended = async () => {
      const { body } = await door.send('GET', door.path('queueschedules', 'nightly'))
      return (body.spec as Json).suspend
    }
    expect((await run(['schedule', 'suspend', 'nightly'], here)).code).toBe(0)
    expect(await suspended()).toBe(true)
    expect((await run(['schedule', 'list'], here)).out).toMatch(/nightly +@daily .* yes /)
    await run(['schedule', 'resume', 'nightly'], here)
    expect(await suspended()).toBe(false)
  })

  it('lists and describes queues', async () => {
    expect((await run(['queue', 'list'], here)).out).toMatch(/^mail +0 +0 +0 +- +0 +no /m)
    expect((await run(['queue', 'get', 'mail'], here)).out).toMatch(/^Paused: +no$/m)
    expect((await run(['queue', 'get', 'mial'], here)).err).toContain('did you mean mail?')
  })

  it('stops everything: every queue of every namespace', async () => {
    const other = await openDoor('cli-other')
    await other.send('DELETE', other.path('queueactions'))
    await other.send('POST', other.path('queues'), api('Queue', {}, { name: 'default' }))
    const queues = await kubectl(['get', 'gq', '-A', '-o', 'name'])
    const count = queues.out.trim().split('\n').length
    const dry = await run(['pause', '-A', '--dry-run'])
    expect(dry.out).toContain(`Pause ${count} queues`)
    const ran = await operated([door, other], () =>
      run(['pause', '-A', '--yes', '--timeout', '5s']),
    )
    for (const at of [door, other]) {
      expect(ran.out).toContain(`all queues in namespace ${at.namespace}: Pause`)
      expect(await actionsAt(at)).toMatchObject([
        { spec: { action: 'Pause', target: { kind: 'Queue', all: true } } },
      ])
    }
  })
})

describe('gq export', () => {
  it('prints what can be created again, and finished jobs do not run again', async () => {
    await aJob('open', null, { payload: { id: 1 }, delaySeconds: 86_400 }, { labels: { a: 'b' } })
    await aJob('ended', { phase: 'Completed', epoch: 1 })
    await aJob('next', { phase: 'Blocked', epoch: 0 }, { dependsOn: [{ name: 'ended' }] })
    const { code, out } = await run(['export'], here)
    expect(code).toBe(0)
    expect(parseAllDocuments(out)).toHaveLength(3)
    expect(out).not.toMatch(/uid|resourceVersion|managedFields|creationTimestamp|status/)
    await door.send('DELETE', door.path('queuejobs'))
    const created = await kubectl(['create', '--filename', '-'], out)
    expect(created.code, created.err).toBe(0)
    expect((await jobAt('ended')).spec).toMatchObject({ suspend: true })
    expect((await jobAt('next')).spec).not.toHaveProperty('dependsOn')
    expect((await jobAt('open')).spec).toMatchObject({
      payload: { id: 1 },
      startAfter: expect.stringMatching(/Z$/),
    })
    expect(((await jobAt('open')).metadata as Json).labels).toEqual({ a: 'b' })
    const json = await run(['export', '-o', 'json'], here)
    expect(parseAllDocuments(json.out.replaceAll('\n}\n{', '\n}\n---\n{'))).toHaveLength(3)
  })
})

describe('as a program', () => {
  const environment = () => ({ PATH: process.env.PATH, KUBECONFIG: inject('servers').kubeconfig })

  it('is found by kubectl as a plugin, and says its name', async () => {
    const { kubectl: file, dir } = inject('servers')
    const folder = path.join(dir, 'plugins')
    mkdirSync(folder, { recursive: true })
    const plugin = path.join(folder, 'kubectl-gq')
    writeFileSync(plugin, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`)
    chmodSync(plugin, 0o755)
    await aJob('by-kubectl')
    const env = { ...environment(), PATH: `${folder}:${process.env.PATH}` }
    const list = ['gq', 'list', '-n', namespace, '-o', 'name']
    const ran = await promisify(execFile)(file, list, { env, timeout: 30_000 })
    expect(ran.stdout).toBe('queuejob.gopherqueue.io/by-kubectl\n')
  })

  it('ends without a word when nobody reads its output any more', async () => {
    for (let n = 0; n < 5; n++) await aJob(`piped-${n}`, null, { payload: 'x'.repeat(100_000) })
    const command = `'${process.execPath}' '${program}' list -n ${namespace} -o json | head -1`
    const script = `set -o pipefail; ${command}; echo "code $?"`
    const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-c', script], {
      env: environment(),
      timeout: 30_000,
    })
    expect(stdout).toBe('{\ncode 0\n')
    expect(stderr).toBe('')
  })

  it('is left by Ctrl-C with code 130, and the job goes on', async () => {
    await aJob('goes-on')
    const child = spawn(process.execPath, [program, 'wait', 'goes-on', '-n', namespace], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let err = ''
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    await expect.poll(() => err, { timeout: 20_000 }).toContain('waiting: goes-on is Pending')
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(err).toContain('gq: interrupted')
    expect((await jobAt('goes-on')).status).toMatchObject({ phase: 'Pending' })
  })

  it('says which file and which server where there is nothing', async () => {
    const missing = await run(['list'], { kubeconfig: '/nowhere/config' })
    expect(missing).toMatchObject({ code: 64, err: expect.stringContaining('/nowhere/config') })
    const file = path.join(inject('servers').dir, 'kubeconfig-nobody.yaml')
    writeFileSync(
      file,
      JSON.stringify({
        'current-context': 'a',
        clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
        users: [],
        contexts: [{ name: 'a', context: { cluster: 'a' } }],
      }),
    )
    const nobody = await run(['list'], { kubeconfig: file })
    expect(nobody.code).toBe(69)
    expect(nobody.err).toContain('https://127.0.0.1:1')
  })
})
