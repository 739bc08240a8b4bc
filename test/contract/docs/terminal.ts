// One shell that a reader of the docs types into: what a command sets is there for the next one, and a
// command that fails ends it.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'

const WITHIN_MS = 60_000

export class Terminal {
  readonly #shell: ChildProcessWithoutNullStreams
  #output = ''
  #errors = ''
  #changed: () => void = () => {}
  #ended: number | null = null

  constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.#shell = spawn('/bin/sh', ['-eu'], { cwd: folder, env, stdio: 'pipe' })
    this.#shell.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text
      this.#changed()
    })
    this.#shell.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    this.#shell.stdin.on('error', () => {})
    this.#shell.on('error', (error) => {
      this.#errors += error.message
      this.#ended = -1
      this.#changed()
    })
    this.#shell.on('close', (code) => {
      this.#ended = code ?? -1
      this.#changed()
    })
  }

  /** What the text prints. Rejects when a command in it fails or takes longer than a minute. */
  async type(text: string): Promise<string> {
    const mark = `done ${randomUUID()}`
    this.#output = ''
    this.#errors = ''
    this.#shell.stdin.write(`${text}\necho '${mark}'\n`)
    const deadline = AbortSignal.timeout(WITHIN_MS)
    while (!this.#output.includes(`${mark}\n`)) {
      if (this.#ended !== null || deadline.aborted) {
        const why = deadline.aborted ? 'it takes too long' : `it ended with ${this.#ended}`
        throw new Error(`${why}\n${text}\n--- printed\n${this.#output}\n--- said\n${this.#errors}`)
      }
      await new Promise<void>((resolve) => {
        this.#changed = resolve
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    return this.#output.slice(0, this.#output.indexOf(`${mark}\n`))
  }

  close(): void {
    this.#shell.kill('SIGKILL')
  }
}
