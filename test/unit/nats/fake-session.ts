// A session without a server: what is published is kept, and the test plays the answers.

import type { NatsConnection } from '@nats-io/transport-node'
import type { Nats } from '../../../src/nats/connect.ts'
import type { RawMessage } from '../../../src/nats/message.ts'
import type { Inbox, Session } from '../../../src/nats/session.ts'
import { headerBytes } from './build.ts'

export interface Sent {
  readonly subject: string
  readonly body: string
  readonly reply: string
}

type Receive = (message: RawMessage) => void

/** As much of a session as pulling needs. */
export class FakeSession {
  readonly sent: Sent[] = []
  readonly inboxes = new Map<string, Receive>()
  readonly #ended = Promise.withResolvers<string>()
  #next = 0

  get ended(): Promise<string> {
    return this.#ended.promise
  }

  publish(subject: string, body: string, reply = ''): boolean {
    this.sent.push({ subject, body, reply })
    return true
  }

  openInbox(receive: Receive): Inbox {
    const subject = `_INBOX.pull.${this.#next++}`
    this.inboxes.set(subject, receive)
    return { subject, close: () => void this.inboxes.delete(subject) }
  }

  /** Answers of the management API, in order; the last one stays. */
  readonly answers: unknown[] = []

  readonly connection = {
    options: {},
    request: async () => {
      const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0]
      if (answer === undefined) throw new Error('nobody answers')
      return { data: Buffer.from(JSON.stringify(answer)) }
    },
  }

  end(): void {
    this.#ended.resolve('gone')
  }

  /** A status about the pull with this inbox. False: nobody listens there any more. */
  status(subject: string, line: string): boolean {
    const message = { subject, reply: '', headers: headerBytes([], line), body: Buffer.alloc(0) }
    return this.deliver(subject, message)
  }

  deliver(inbox: string, message: RawMessage): boolean {
    const receive = this.inboxes.get(inbox)
    receive?.(message)
    return receive !== undefined
  }
}

/** The chain of sessions, in the test's hands. */
export class FakeNats {
  session: Session | null = null
  readonly link = { problem: 'not connected' }
  readonly #listeners = new Set<(session: Session) => void>()

  onSession(listener: (session: Session) => void): () => void {
    this.#listeners.add(listener)
    if (this.session) listener(this.session)
    return () => void this.#listeners.delete(listener)
  }

  begin(session: FakeSession): FakeSession {
    this.session = session as unknown as Session
    for (const listener of [...this.#listeners]) listener(this.session)
    return session
  }

  end(session: FakeSession): void {
    this.session = null
    session.end()
  }

  asNats(): Nats {
    return this as unknown as Nats
  }
}

type AnswerCallback = (error: Error | null, message: never) => void

/** As much of the library's connection as questions need. */
export class FakeConnection {
  readonly published: { subject: string; reply: string; body: string }[] = []
  fails: Error | null = null
  #callback: AnswerCallback | null = null

  publish: NatsConnection['publish'] = (subject, payload, options) => {
    if (this.fails) throw this.fails
    this.published.push({ subject, reply: options?.reply ?? '', body: String(payload ?? '') })
  }

  subscribe: NatsConnection['subscribe'] = (_, options) => {
    this.#callback = options?.callback as AnswerCallback
    return {} as ReturnType<NatsConnection['subscribe']>
  }

  answer(subject: string, body: string): void {
    this.#callback?.(null, { subject, data: Buffer.from(body) } as never)
  }
}
