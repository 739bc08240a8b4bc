// Stand-ins for what the adapters of this folder are given.

import type { KubeCall, KubeRequests } from '../../../src/kube/transport.ts'
import type { LogFields, Logger, LogLevel } from '../../../src/observability/ports.ts'

export interface LogLine {
  readonly level: LogLevel
  readonly msg: string
  readonly fields: LogFields
}

/** A logger that keeps its lines. */
export class KeptLog implements Logger {
  readonly lines: LogLine[] = []

  debug(msg: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'debug', msg, fields })
  }
  info(msg: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', msg, fields })
  }
  warn(msg: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', msg, fields })
  }
  error(msg: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', msg, fields })
  }
  child(): Logger {
    return this
  }

  /** Lines that a person should see. */
  get loud(): readonly LogLine[] {
    return this.lines.filter(({ level }) => level === 'warn' || level === 'error')
  }
}

/** Requests that a function answers; a thrown error is the answer, too. */
export class ScriptedRequests implements KubeRequests {
  readonly calls: KubeCall[] = []
  answer: (call: KubeCall, n: number) => unknown

  constructor(answer: (call: KubeCall, n: number) => unknown) {
    this.answer = answer
  }

  async request(call: KubeCall): Promise<unknown> {
    this.calls.push(call)
    return this.answer(call, this.calls.length)
  }

  async requestText(call: KubeCall): Promise<string> {
    const answer = await this.request(call)
    return typeof answer === 'string' ? answer : JSON.stringify(answer)
  }
}
