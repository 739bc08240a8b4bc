// A nats-server of one's own, without a cluster around it: to be killed, wiped, frozen and started
// again on the same port, in both versions that the facts of the protocol are claimed for.

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ensureBuilt } from '../../../devcluster/build.ts'
import { freePorts } from '../../../devcluster/ports.ts'
import { type ManagedProcess, manageProcess } from '../../../devcluster/process.ts'
import { natsFloor, natsRecipe, natsVersion } from '../../../devcluster/recipe.ts'
import { natsGreets } from '../../../devcluster/requests.ts'

/** The oldest server that GopherQueue speaks to, and the one that it is built with. */
export const serverVersions: readonly string[] = [natsFloor, natsVersion]

export interface BareServer {
  readonly url: string
  readonly port: number
  readonly process: ManagedProcess
  /** Killed, its data deleted, started again. */
  readonly wipe: () => Promise<void>
  /** Killed; from now on `putBack` starts it with the data of this moment. */
  readonly copyData: () => Promise<void>
  readonly putBack: () => Promise<void>
  /** Frozen, with every thread of it: from now on it answers nothing. `process.continue()` ends it. */
  readonly freeze: () => Promise<void>
  /** Ended, and nothing of it left. */
  readonly remove: () => Promise<void>
}

export interface BareServerOptions {
  readonly version?: string
  /** More lines of its configuration. */
  readonly config?: string
  readonly jetstream?: boolean
}

export async function startServer(options: BareServerOptions = {}): Promise<BareServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gopherqueue-nats-'))
  const [port = 0] = await freePorts(1)
  const data = path.join(folder, 'data')
  const copy = path.join(folder, 'copy')
  for (const name of ['logs', 'pids']) mkdirSync(path.join(folder, name))
  const jetstream = options.jetstream === false ? '' : jetstreamConfig(data)
  writeFileSync(
    path.join(folder, 'nats.conf'),
    `server_name: bare\nlisten: "127.0.0.1:${port}"\n${jetstream}${options.config ?? ''}`,
  )
  const built = await ensureBuilt(natsRecipe(options.version ?? natsVersion))
  const server = manageProcess(
    {
      name: 'nats-server',
      folder,
      program: path.join(built, 'nats-server'),
      missing: '',
      args: ['--config', path.join(folder, 'nats.conf')],
      ready: () => (options.jetstream === false ? Promise.resolve(true) : natsGreets(port)),
    },
    () => {},
  )
  const remove = async () => {
    await server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await server.start()
  } catch (error) {
    await remove()
    throw error
  }
  const startWith = async (fill: () => void) => {
    await server.kill()
    rmSync(data, { recursive: true, force: true })
    fill()
    await server.start()
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    process: server,
    wipe: () => startWith(() => {}),
    copyData: async () => {
      await server.stop()
      cpSync(data, copy, { recursive: true })
      await server.start()
    },
    putBack: () => startWith(() => cpSync(copy, data, { recursive: true })),
    freeze: async () => {
      server.freeze()
      while (!(await isStopped(server.pid ?? 0))) await sleep(5)
    },
    remove,
  }
}

/** A stop signal takes its time, and until then a server may still answer. */
async function isStopped(pid: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)])
  return stdout.trim().startsWith('T')
}

function jetstreamConfig(data: string): string {
  return `jetstream { store_dir: ${JSON.stringify(data)}, sync_interval: "1s" }\n`
}
