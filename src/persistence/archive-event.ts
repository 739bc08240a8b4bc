/**
 * What the history keeps of a job, as CloudEvents 1.0 (wire protocol, GQ_HISTORY): one event for each
 * end, and one for its deletion. Pure.
 *
 * Neither payload nor result stands in it, only their sizes: the history is one stream for all
 * namespaces, and who may read it is decided by NATS and not by the RBAC of a namespace
 * (docs/decisions/0023). The id is made of what happened, so that a repeated event is the same event.
 */
import { GROUP } from '../api/conditions.ts'
import { rfc3339, type WallMs } from '../core/clock.ts'
import { type JobObject, recordedEpoch } from '../core/job.ts'
import type { HistoryEvent } from './ports.ts'

const TYPE = 'io.gopherqueue.job'

export function endedEvent(object: JobObject): HistoryEvent {
  const { status } = object
  const phase = status.phase.toLowerCase()
  return {
    ...about(object),
    id: `${object.uid}.${recordedEpoch(status)}.${phase}`,
    type: `${TYPE}.${phase}`,
    time: status.completionTime ?? rfc3339(object.creationMs),
    data: dataOf(object),
  }
}

/** @param by what deleted it: its retention, or somebody's request */
export function deletedEvent(
  object: JobObject,
  by: 'retention' | 'request',
  now: WallMs,
): HistoryEvent {
  return {
    ...about(object),
    id: `${object.uid}.deleted`,
    type: `${TYPE}.deleted`,
    time: rfc3339(now),
    data: { ...dataOf(object), deletedBy: by },
  }
}

function about({ namespace, name, uid }: JobObject) {
  const path = `/apis/${GROUP}/v1alpha1/namespaces/${namespace}/queuejobs/${name}`
  return { namespace, uid, source: path, subject: name }
}

function dataOf({ namespace, name, uid, creationMs, spec, payload, status }: JobObject) {
  const { result, ...rest } = status
  return {
    namespace,
    name,
    uid,
    creationTime: rfc3339(creationMs),
    spec,
    payloadBytes: payloadBytes(payload),
    resultBytes: result === undefined ? 0 : Buffer.byteLength(JSON.stringify(result)),
    status: rest,
  }
}

function payloadBytes(payload: JobObject['payload']): number {
  switch (payload.kind) {
    case 'inline':
      return Buffer.byteLength(payload.json)
    case 'stored':
      return payload.bytes
    case 'absent':
    case 'too-deep':
      return 0
  }
}
