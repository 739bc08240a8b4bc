/**
 * Credential plugins of a kubeconfig (`users[].user.exec`): a program that prints an ExecCredential.
 * Used on people's machines only. Differences to the stock client: the program is told about the
 * request (`KUBERNETES_EXEC_INFO`, without which some refuse), its output and time are bounded, and
 * what it printed is used until a minute before its expiry.
 */
import { spawn } from 'node:child_process'
import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { GopherQueueError } from '../core/errors.ts'
import type { ExecFields } from './kubeconfig.ts'

const MAX_OUTPUT = 1_048_576
const TIMEOUT_MS = 60_000
const MARGIN_MS = 60_000
/** Of a credential without an expiry: looked at again after this time. */
const NO_EXPIRY_MS = 600_000

const ExecCredential = z.object({
  status: z.object({
    token: z.string().optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
    expirationTimestamp: z.string().optional(),
  }),
})

export interface PluginCredential {
  readonly token: string
  readonly cert: string
  readonly key: string
  readonly goodForMs: number
}

type Environment = Readonly<Record<string, string | undefined>>

export async function runExecPlugin(
  exec: ExecFields,
  env: Environment,
  clock: Clock,
): Promise<PluginCredential> {
  const printed = await run(exec, env, clock)
  const parsed = ExecCredential.safeParse(parseJson(printed))
  if (!parsed.success) throw failed(exec, 'did not print an ExecCredential')
  const { status } = parsed.data
  const expiry = status.expirationTimestamp ? Date.parse(status.expirationTimestamp) : Number.NaN
  return {
    token: status.token ?? '',
    cert: status.clientCertificateData ?? '',
    key: status.clientKeyData ?? '',
    goodForMs: Number.isNaN(expiry)
      ? NO_EXPIRY_MS
      : Math.max(1_000, expiry - clock.now() - MARGIN_MS),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What the program printed. Its children may hold the pipe open, so an end is never waited for. */
function run(exec: ExecFields, env: Environment, clock: Clock): Promise<string> {
  return new Promise((resolve, reject) => {
    const info = {
      apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: { interactive: false },
    }
    const child = spawn(exec.command, exec.args ?? [], {
      env: {
        ...env,
        ...Object.fromEntries((exec.env ?? []).map((entry) => [entry.name, entry.value])),
        KUBERNETES_EXEC_INFO: JSON.stringify(info),
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const end = (settle: () => void) => {
      cancel()
      child.kill('SIGKILL')
      child.stdout.destroy()
      settle()
    }
    const fail = (what: string, cause?: unknown) => end(() => reject(failed(exec, what, cause)))
    const cancel = clock.after(TIMEOUT_MS, () => fail(`did not end within ${TIMEOUT_MS / 1000} s`))
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      if (output.length > MAX_OUTPUT) fail(`printed more than ${MAX_OUTPUT} characters`)
    })
    child.on('error', (error) => fail('could not be started', error))
    child.on('exit', (code) => {
      if (code !== 0) fail(`ended with ${code === null ? 'a signal' : `exit code ${code}`}`)
    })
    child.on('close', () => end(() => resolve(output)))
  })
}

function failed(exec: ExecFields, what: string, cause?: unknown): GopherQueueError {
  return new GopherQueueError('KubeconfigInvalid', `credential plugin ${exec.command} ${what}`, {
    cause,
    help: exec.installHint ?? '',
  })
}
