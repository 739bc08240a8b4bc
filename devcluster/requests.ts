// The few questions the launcher itself asks its servers: are you ready, and a token please.
// Every answer has a size limit and a deadline.

import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { connect } from 'node:net'
import type { Credentials } from './pki.ts'

const answerWithinMs = 5_000
const maxAnswerBytes = 1_048_576

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface Question {
  readonly url: string
  readonly method?: 'GET' | 'POST'
  /** Sent as JSON. */
  readonly body?: unknown
  readonly ca?: string
  /** Client certificate to log in with. */
  readonly login?: Credentials
}

export function ask(question: Question): Promise<Answer> {
  const url = new URL(question.url)
  const body = question.body === undefined ? undefined : JSON.stringify(question.body)
  const options = {
    method: question.method ?? 'GET',
    signal: AbortSignal.timeout(answerWithinMs),
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    ca: question.ca,
    cert: question.login?.certificate,
    key: question.login?.key,
    // A connection of its own: the server may be killed between two questions.
    agent: false as const,
  }
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? tlsRequest : plainRequest
    const request = send(url, options, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxAnswerBytes) request.destroy(new Error(`${question.url}: answer too large`))
        else chunks.push(chunk)
      })
      response.once('error', reject)
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      )
    })
    request.once('error', reject)
    request.end(body)
  })
}

/** Whether the answer to a GET is 200. */
export async function answersOk(question: Question): Promise<boolean> {
  return (await ask(question)).status === 200
}

/** Whether a nats-server greets on this port with JetStream on. */
export function natsGreets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: answerWithinMs })
    let greeting = ''
    const end = (ok: boolean) => {
      socket.destroy()
      resolve(ok)
    }
    socket.on('data', (chunk) => {
      greeting += chunk.toString()
      if (greeting.includes('\n') || greeting.length > 65_536) {
        end(/^INFO \{.*"jetstream":\s*true/.test(greeting))
      }
    })
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
    socket.once('close', () => end(false))
  })
}
