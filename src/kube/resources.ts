/**
 * Queues, QueueActions and QueueSchedules on the API server: their decoders, and one store for their
 * statuses. QueueJobs, which are a thousand times as many, have a file of their own.
 */
import { QueueSpec, QueueStatus } from '../api/queue.ts'
import { QueueActionSpec, QueueActionStatus } from '../api/queueaction.ts'
import { QueueScheduleSpec, QueueScheduleStatus } from '../api/queueschedule.ts'
import type { ActionObject, QueueObject, ScheduleObject } from '../core/resources.ts'
import type { WriteAnswer } from '../persistence/ports.ts'
import { decoderOf } from './decode.ts'
import { payloadOf } from './jobs.ts'
import type { Decode } from './objects.ts'
import { putStatus, type StatusTarget } from './status-write.ts'
import type { KubeRequests } from './transport.ts'

// `loose`: fields of a newer version stay, because the whole status is written back (B33).

export const decodeQueue: Decode<QueueObject> = decoderOf(QueueSpec, QueueStatus.loose(), {
  observedGeneration: -1,
})

const decodeBareAction = decoderOf(
  QueueActionSpec.omit({ payload: true }),
  QueueActionStatus.loose(),
  { observedGeneration: -1, phase: 'Pending' },
)

/** Without its payload, if that is large: it is read again before a job is dispatched with it. */
export const decodeAction: Decode<ActionObject> = (raw, meta) => {
  const decoded = decodeBareAction(raw, meta)
  if (decoded.kind === 'unreadable') return decoded
  return { kind: 'object', object: { ...decoded.object, payload: payloadOf(raw) } }
}

export const decodeSchedule: Decode<ScheduleObject> = decoderOf(
  QueueScheduleSpec,
  QueueScheduleStatus.loose(),
  { observedGeneration: -1 },
)

/** Status of each kind that `ObjectStatusStore` writes. */
export interface ObjectStatuses {
  readonly Queue: QueueObject['status']
  readonly QueueAction: ActionObject['status']
  readonly QueueSchedule: ScheduleObject['status']
}

export class ObjectStatusStore {
  readonly #requests: KubeRequests

  constructor(requests: KubeRequests) {
    this.#requests = requests
  }

  /** Replaces the whole status, on exactly the version and uid of `target`. Never rejects. */
  writeStatus<K extends keyof ObjectStatuses>(
    kind: K,
    target: StatusTarget,
    next: ObjectStatuses[K],
  ): Promise<WriteAnswer> {
    return putStatus(this.#requests, kind, target, next)
  }
}
