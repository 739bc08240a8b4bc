// Building once and finding again, with a shell script in the place of Go.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ensureBuilt, findPrograms, openLog } from '../../../devcluster/build.ts'
import { type Recipe, recipeKey } from '../../../devcluster/recipe.ts'

let folder = ''
let told = ''

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-build-'))
  told = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told += String(text)
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

const recipe = (): Recipe => ({
  title: 'the program',
  why: 'it takes a while',
  slug: 'program',
  inputs: { source: 'one' },
  executable: 'program',
  links: ['other-name'],
  cwd: folder,
  list: ['list'],
  build: (into) => ['build', into],
  check: ['--version'],
})

// Makes `name` in its own folder, which stands for the PATH.
function install(where: string, name: string, text: string): string {
  const bin = path.join(folder, where)
  mkdirSync(bin, { recursive: true })
  writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`)
  chmodSync(path.join(bin, name), 0o755)
  return bin
}

function withGo(text: string): NodeJS.ProcessEnv {
  const bin = install('go-bin', 'go', text)
  return { PATH: `${bin}:/usr/bin:/bin`, XDG_CACHE_HOME: path.join(folder, 'cache') }
}

const cached = () => readdirSync(path.join(folder, 'cache', 'gopherqueue'))

const working = `
[ "$1" = list ] && { echo one; echo two; exit 0; }
echo built >>"${'$'}{0%/*}/count"
printf '#!/bin/sh\\necho v1.0.0\\n' >"$2/program"
chmod +x "$2/program"`

const timesBuilt = () =>
  readFileSync(path.join(folder, 'go-bin', 'count'), 'utf8')
    .trim()
    .split('\n').length

describe('ensureBuilt', () => {
  it('builds what is not there, says why, and makes the other names', async () => {
    const made = await ensureBuilt(recipe(), withGo(working))
    expect(path.basename(made)).toBe(recipeKey(recipe()))
    expect(readdirSync(made).sort()).toEqual(['other-name', 'program'])
    expect(told).toContain('the program: it takes a while\n')
    expect(told).toContain('the program: ready in ')
  })

  it('builds once for several that want it at the same time, and not again later', async () => {
    const env = withGo(working)
    const places = await Promise.all([1, 2, 3].map(() => ensureBuilt(recipe(), env)))
    await ensureBuilt(recipe(), env)
    expect(new Set(places).size).toBe(1)
    expect(timesBuilt()).toBe(1)
    expect(told).toContain('is being built by another process')
  })

  it('builds anew when an input changes, and keeps the old result', async () => {
    const env = withGo(working)
    const one = await ensureBuilt(recipe(), env)
    const two = await ensureBuilt({ ...recipe(), inputs: { source: 'two' } }, env)
    expect(two).not.toBe(one)
    expect(existsSync(one)).toBe(true)
  })

  it('shows the end of the log and its place when the build fails, and keeps nothing', async () => {
    const env = withGo('[ "$1" = list ] && exit 0; echo main.go:7: undefined: x >&2; exit 1')
    const log = path.join(folder, 'cache', 'gopherqueue', `${recipeKey(recipe())}.log`)
    const error: Error = await ensureBuilt(recipe(), env).then(
      () => expect.unreachable(),
      (reason) => reason,
    )
    expect(error.message).toContain('building the program failed (go ended with 1)')
    expect(error.message).toContain('main.go:7: undefined: x\n')
    expect(error.message).toContain(`The whole log: ${log}`)
    expect(cached()).toEqual([path.basename(log)])
  })

  it('does not keep a program that cannot run', async () => {
    const broken = working.replace('echo v1.0.0', 'exit 9')
    await expect(ensureBuilt(recipe(), withGo(broken))).rejects.toThrow()
    expect(cached().filter((name) => !name.endsWith('.log'))).toEqual([])
  })

  it('removes what a killed build left', async () => {
    const env = withGo(working)
    const left = path.join(folder, 'cache', 'gopherqueue', `${recipeKey(recipe())}.building-1`)
    mkdirSync(left, { recursive: true })
    await ensureBuilt(recipe(), env)
    expect(existsSync(left)).toBe(false)
  })

  it('says in one sentence what to install when there is no Go', async () => {
    const env = { PATH: path.join(folder, 'nothing'), XDG_CACHE_HOME: path.join(folder, 'cache') }
    await expect(ensureBuilt(recipe(), env)).rejects.toThrow(
      /^the program has to be built once.*install Go 1\.21 or newer.*PATH\.$/,
    )
  })
})

describe('findPrograms', () => {
  const wanted = {
    controlPlane: ['etcd', 'kube-apiserver', 'kubectl'],
    nats: true,
    natsVersion: undefined,
  } as const

  function assets(kubernetes: string, nats: string): NodeJS.ProcessEnv {
    install('assets', 'etcd', 'echo etcd Version: 3.6.8')
    install('assets', 'kubectl', '')
    install('assets', 'nats-server', `echo nats-server: v${nats}`)
    const bin = install('assets', 'kube-apiserver', `echo Kubernetes v${kubernetes}`)
    // No Go: whatever does not fit has to be built, and that fails.
    return { KUBEBUILDER_ASSETS: bin, PATH: '', XDG_CACHE_HOME: path.join(folder, 'cache') }
  }

  it('takes fitting programs of the machine and builds nothing', async () => {
    const found = await findPrograms(wanted, assets('1.33.1', '2.11.0'))
    const bin = path.join(folder, 'assets')
    expect(found).toEqual({
      controlPlane: {
        etcd: `${bin}/etcd`,
        'kube-apiserver': `${bin}/kube-apiserver`,
        kubectl: `${bin}/kubectl`,
      },
      nats: `${bin}/nats-server`,
    })
  })

  it('builds when the API server of the machine is too old', async () => {
    const env = assets('1.31.9', '2.11.0')
    await expect(findPrograms(wanted, env)).rejects.toThrow('control plane 1.36.3 has to be built')
  })

  it('builds when one of the programs needed is not there', async () => {
    const more = { ...wanted, controlPlane: [...wanted.controlPlane, 'kube-scheduler' as const] }
    const env = assets('1.33.1', '2.11.0')
    await expect(findPrograms(more, env)).rejects.toThrow('control plane 1.36.3 has to be built')
  })

  it('builds nats-server when the one of the machine is too old', async () => {
    const env = assets('1.33.1', '2.9.10')
    await expect(findPrograms(wanted, env)).rejects.toThrow('nats-server 2.15.2 has to be built')
  })
})

describe('the log of a build', () => {
  it('that cannot be written, because the disk is full, is told at its end and ends nothing else', async () => {
    if (process.platform !== 'linux') return
    const log = openLog('/dev/full')
    log.write('compiling')
    expect(await log.end()).toMatch(/^\/dev\/full could not be written: ENOSPC/)
  })

  it('holds the lines in order', async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'gopherqueue-log-')), 'build.log')
    const log = openLog(file)
    for (const line of ['one', 'two']) log.write(line)
    expect(await log.end()).toBe('')
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n')
    rmSync(path.dirname(file), { recursive: true })
  })
})
