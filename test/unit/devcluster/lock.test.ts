// Who may build, and when a lock is nobody's any more.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { abandoned, isLock, type Lock, tryLock } from '../../../devcluster/lock.ts'

describe('abandoned', () => {
  const owner = { pid: 7, host: 'here' }
  const dead = () => false
  const alive = () => true
  const cases: Record<
    string,
    { host: string; untouchedMs: number; lives: () => boolean; want: boolean }
  > = {
    'no: its owner works': { host: 'here', untouchedMs: 10, lives: alive, want: false },
    'yes: its owner on this host is dead': {
      host: 'here',
      untouchedMs: 10,
      lives: dead,
      want: true,
    },
    'no: the process of another host cannot be seen from here': {
      host: 'there',
      untouchedMs: 10,
      lives: dead,
      want: false,
    },
    'yes: nobody touched it for over a minute': {
      host: 'there',
      untouchedMs: 61_000,
      lives: alive,
      want: true,
    },
  }
  for (const [name, { host, untouchedMs, lives, want }] of Object.entries(cases)) {
    it(name, () => expect(abandoned(owner, host, untouchedMs, lives)).toBe(want))
  }
})

describe('tryLock', () => {
  let folder = ''
  let file = ''
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-lock-'))
    file = path.join(folder, 'result.lock')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const taken = (): Lock => {
    const result = tryLock(file)
    if (!isLock(result)) throw new Error(`held by ${result.pid}`)
    return result
  }

  it('names the owner to the second, and lets it in after the release', () => {
    const first = taken()
    expect(tryLock(file)).toEqual({ pid: process.pid, host: hostname() })
    first.release()
    taken().release()
    expect(existsSync(file)).toBe(false)
  })

  it('takes over from a process that died', () => {
    const { pid } = spawnSync('/bin/sh', ['-c', 'exit 0'])
    writeFileSync(file, JSON.stringify({ pid, host: hostname() }))
    taken().release()
  })

  it('waits for an owner that has not yet written its name, then takes over', () => {
    writeFileSync(file, '')
    expect(isLock(tryLock(file))).toBe(false)
    const longAgo = new Date(0)
    utimesSync(file, longAgo, longAgo)
    taken().release()
  })

  it('releases nothing that another has taken over', () => {
    const first = taken()
    writeFileSync(file, JSON.stringify({ pid: process.pid, host: 'another' }))
    first.release()
    expect(existsSync(file)).toBe(true)
  })
})
