/**
 * Questions and answers over one connection. All answers come to one wildcard inbox with a random
 * name under the connection's own prefix; each question has a token of its own in it.
 *
 * A question ends in exactly one way: an answer, "nobody listens there", silence until its deadline,
 * or the end of the connection, at once. It never outlives its connection: what was not answered on
 * the connection it was sent on is unknown (protocol D3). A question may be repeated unchanged while
 * it waits; then an answer to any of its copies counts, also a late one.
 */
import { type MsgHdrs, MsgHdrsImpl, type NatsConnection } from '@nats-io/transport-node'
import type { Cancel, Clock, MonoMs } from '../core/clock.ts'
import type { HeaderLines } from './encode.ts'
import { type RawMessage, rawMessage, readHeaderBlock } from './message.ts'

export interface Question {
  readonly subject: string
  readonly body: string | Uint8Array
  readonly headers?: HeaderLines
  /** From now, all repetitions included. */
  readonly deadlineMs: number
  /** Sent again unchanged each time this passed without an answer; absent = never. */
  readonly repeatMs?: number
}

export type Answer =
  /** `sent`: how often the question had been sent by then. */
  | { readonly kind: 'answered'; readonly message: RawMessage; readonly sent: number }
  /** The server knows of no receiver: nobody got the copy that this is about. */
  | { readonly kind: 'no-responders'; readonly sent: number }
  /** Nothing until the deadline. */
  | { readonly kind: 'silent' }
  /** The connection ended first. */
  | { readonly kind: 'ended' }
  /** Nothing was sent: the connection is closed, or the message does not fit. */
  | { readonly kind: 'unsent'; readonly problem: string }

export interface RequestsOptions {
  readonly connection: Pick<NatsConnection, 'publish' | 'subscribe'>
  /** Random, unique to this connection, below the inbox prefix. */
  readonly inbox: string
  readonly clock: Clock
  /** An answer came to what was sent at this time: the server has been alive since then. */
  readonly alive: (sentAt: MonoMs) => void
  /** A receiver threw; it must not end the loop that reads the connection. */
  readonly failed: (error: unknown) => void
}

export class Requests {
  readonly #options: RequestsOptions
  readonly #waiting = new Map<string, Asked>()
  #next = 0
  #ended = false

  constructor(options: RequestsOptions) {
    this.#options = options
    options.connection.subscribe(`${options.inbox}.*`, {
      callback: (error, message) => {
        if (!error) this.#guarded(() => this.#receive(rawMessage(message)))
      },
    })
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve) => {
      if (this.#ended) return resolve({ kind: 'unsent', problem: 'the connection has ended' })
      const token = (this.#next++).toString(36)
      const asked = new Asked(question, this.#options, (answer) => {
        this.#waiting.delete(token)
        resolve(answer)
      })
      this.#waiting.set(token, asked)
      asked.send(`${this.#options.inbox}.${token}`)
    })
  }

  /** The connection has ended: every question that waits is answered so. */
  end(): void {
    this.#ended = true
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const one of waiting) one.end()
  }

  #receive(message: RawMessage): void {
    // A delivery that somebody had sent here keeps the subject of its job: it is no answer (B40).
    const prefix = `${this.#options.inbox}.`
    if (!message.subject.startsWith(prefix)) return
    this.#waiting.get(message.subject.slice(prefix.length))?.receive(message)
  }

  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#options.failed(error)
    }
  }
}

/** One question from its first copy to its one answer. */
class Asked {
  readonly #question: Question
  readonly #options: RequestsOptions
  readonly #answer: (answer: Answer) => void
  readonly #askedAt: MonoMs
  #headers: MsgHdrs | undefined
  #cancel: Cancel = () => {}
  #sent = 0
  #over = false

  constructor(question: Question, options: RequestsOptions, answer: (answer: Answer) => void) {
    this.#question = question
    this.#options = options
    this.#answer = answer
    this.#askedAt = options.clock.monotonic()
  }

  send(reply: string): void {
    const { subject, body, headers } = this.#question
    try {
      if (headers) this.#headers ??= messageHeaders(headers)
      const options = this.#headers ? { reply, headers: this.#headers } : { reply }
      this.#options.connection.publish(subject, body, options)
      this.#sent += 1
    } catch (error) {
      // A later copy that cannot be sent changes nothing for the earlier ones.
      if (this.#sent === 0) this.#end({ kind: 'unsent', problem: textOf(error) })
    }
    if (!this.#over) this.#wait(reply)
  }

  receive(message: RawMessage): void {
    // Which of the copies it answers is not known: the first is the careful guess.
    this.#options.alive(this.#askedAt)
    const silent = message.body.length === 0 && message.headers !== null
    const reading = silent ? readHeaderBlock(message.headers) : null
    const nobody = reading?.ok && reading.block.status === 503
    this.#end(
      nobody
        ? { kind: 'no-responders', sent: this.#sent }
        : { kind: 'answered', message, sent: this.#sent },
    )
  }

  end(): void {
    this.#end({ kind: 'ended' })
  }

  #wait(reply: string): void {
    const { deadlineMs, repeatMs } = this.#question
    const left = this.#askedAt + deadlineMs - this.#options.clock.monotonic()
    const again = repeatMs !== undefined && repeatMs < left
    this.#cancel = this.#options.clock.after(again ? repeatMs : left, () => {
      if (again) this.send(reply)
      else this.#end({ kind: 'silent' })
    })
  }

  #end(answer: Answer): void {
    if (this.#over) return
    this.#over = true
    this.#cancel()
    this.#answer(answer)
  }
}

/** Header lines for the client library. A value with a line end would be two headers: refused. */
export function messageHeaders(lines: HeaderLines): MsgHdrs {
  const record: Record<string, string[]> = {}
  for (const [name, value] of lines) {
    if (/[\r\n]/.test(value)) throw new Error(`header ${name} would break its line`)
    record[name] = [value]
  }
  return MsgHdrsImpl.fromRecord(record)
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
