// Listens to the beats of genuine workers, as everybody can where NATS asks for no login: what they
// run, with epoch and nonce, is what an honest outcome, and so a forged one, is made of.

import { connect } from '@nats-io/transport-node'

export interface RunningNow {
  readonly uid: string
  readonly name: string
  readonly epoch: number
  readonly nonce: string
  readonly attempt: number
  readonly boot: string
  readonly ageMs: number
}

export interface HeardBeats {
  /** What the last beat of worker-a lists. */
  readonly running: readonly RunningNow[]
  /** Its class. */
  readonly cls: string
  /** Messages in a stream, and the number of the last one that it took. */
  stream(name: string): Promise<{ readonly messages: number; readonly last_seq: number }>
  close(): Promise<void>
}

export const NOBODY: RunningNow = {
  uid: '00000000-0000-4000-8000-000000000000',
  name: 'nobody',
  epoch: 1,
  nonce: '0'.repeat(32),
  attempt: 1,
  boot: 'nobodys-boot',
  ageMs: 0,
}

export async function hearBeats(url: string): Promise<HeardBeats> {
  const connection = await connect({ servers: url })
  let running: readonly RunningNow[] = []
  let cls = ''
  connection.subscribe('gq.v1.beat.*.default.worker-a', {
    callback: (_, message) => {
      const beat = message.json<{ boot: string; class: string; running: readonly RunningNow[] }>()
      cls = beat.class
      running = beat.running.map((each) => ({ ...each, boot: beat.boot }))
    },
  })
  return {
    get running() {
      return running
    },
    get cls() {
      return cls
    },
    async stream(name) {
      const answer = await connection.request(`$JS.API.STREAM.INFO.${name}`)
      return answer.json<{ state: { messages: number; last_seq: number } }>().state
    },
    close: () => connection.close(),
  }
}

/** Headers of the outcome that the worker of this attempt would send. */
export function honestHeaders(job: RunningNow): Readonly<Record<string, string>> {
  return {
    'Gq-Proto': '1',
    'Gq-Job-Uid': job.uid,
    'Gq-Job-Name': job.name,
    'Gq-Epoch': String(job.epoch),
    'Gq-Nonce': job.nonce,
    'Gq-Attempt': String(job.attempt),
    'Gq-Boot': job.boot,
    'Gq-Outcome': 'succeeded',
  }
}

/** Headers of the work message that the operator would send again. */
export function workHeaders(job: RunningNow): Readonly<Record<string, string>> {
  const { 'Gq-Boot': _, 'Gq-Outcome': __, ...shared } = honestHeaders(job)
  return {
    ...shared,
    'Gq-Namespace': 'default',
    'Gq-Queue': 'default',
    'Gq-Type': 'work',
    'Gq-Max-Attempts': '3',
    'Gq-Timeout-Ms': '60000',
  }
}
