/**
 * QueueJobs and QueueActions as a client reads them. A client may be older than the operator that
 * wrote the object, so nothing here is refused: a field that is absent or of another type is empty,
 * and a phase that is not known stays what it is. The operator itself reads strictly (`jobs.ts`).
 */
import { SUBMISSION_ANNOTATION } from '../api/conditions.ts'
import type { ActionFailure, ActionView, JobView, StatusView } from '../client/ports.ts'
import { isRecord, type ObjectMeta, type RawObject, textAt } from './objects.ts'

export function jobView(raw: RawObject, meta: ObjectMeta): JobView {
  const spec = recordAt(raw, 'spec')
  return {
    namespace: meta.namespace,
    name: meta.name,
    uid: meta.uid,
    resourceVersion: meta.resourceVersion,
    createdMs: meta.creationMs,
    submission: textAt(meta.annotations, SUBMISSION_ANNOTATION),
    queue: textAt(spec, 'queue'),
    type: textAt(spec, 'type'),
    priority: textAt(spec, 'priority'),
    status: statusView(recordAt(raw, 'status')),
  }
}

function statusView(status: RawObject): StatusView {
  const worker = recordAt(status, 'worker')
  return {
    phase: textAt(status, 'phase') || 'Pending',
    reason: textAt(status, 'reason'),
    message: textAt(status, 'message'),
    attempts: Math.max(numberAt(status, 'attempt'), numberAt(status, 'attempts')),
    progress: whereGiven(status, 'progress', (progress) => ({
      percent: numberAt(progress, 'percent'),
      message: textAt(progress, 'message'),
    })),
    worker: textAt(worker, 'pod') || textAt(worker, 'podUID'),
    startedMs: timeAt(status, 'startTime'),
    finishedMs: timeAt(status, 'completionTime'),
    nextAttemptMs: timeAt(status, 'nextAttemptTime'),
    error: whereGiven(status, 'error', (error) => ({
      category: textAt(error, 'category'),
      code: textAt(error, 'code'),
      message: textAt(error, 'message'),
    })),
    result: Object.hasOwn(status, 'result') ? status.result : undefined,
    duplicateOf: whereGiven(status, 'duplicateOf', (first) => ({
      name: textAt(first, 'name'),
      uid: textAt(first, 'uid'),
    })),
  }
}

export function actionView(raw: RawObject, meta: ObjectMeta): ActionView {
  const status = recordAt(raw, 'status')
  const failures = failuresOf(status)
  const [first = null] = failures
  return {
    namespace: meta.namespace,
    name: meta.name,
    uid: meta.uid,
    phase: textAt(status, 'phase') || 'Pending',
    reason: textAt(status, 'reason'),
    message: textAt(status, 'message'),
    failure: first && { reason: first.reason, message: first.message },
    failures,
    counts: {
      matched: numberAt(status, 'matched'),
      done: numberAt(status, 'done'),
      skipped: numberAt(status, 'skipped'),
      failed: numberAt(status, 'failed'),
    },
  }
}

function failuresOf(status: RawObject): readonly ActionFailure[] {
  const failures = Object.hasOwn(status, 'failures') ? status.failures : null
  if (!Array.isArray(failures)) return []
  return failures.filter(isRecord).map((failure) => ({
    name: textAt(failure, 'name'),
    reason: textAt(failure, 'reason'),
    message: textAt(failure, 'message'),
  }))
}

const NOTHING: RawObject = {}

function recordAt(raw: RawObject, key: string): RawObject {
  const value = Object.hasOwn(raw, key) ? raw[key] : null
  return isRecord(value) ? value : NOTHING
}

function whereGiven<T>(raw: RawObject, key: string, read: (record: RawObject) => T): T | null {
  const value = Object.hasOwn(raw, key) ? raw[key] : null
  return isRecord(value) ? read(value) : null
}

function numberAt(raw: RawObject, key: string): number {
  const value = Object.hasOwn(raw, key) ? raw[key] : 0
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}

function timeAt(raw: RawObject, key: string): number | null {
  const ms = Date.parse(textAt(raw, key))
  return Number.isNaN(ms) ? null : ms
}
