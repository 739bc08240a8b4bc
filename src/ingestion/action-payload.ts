/**
 * The payload that a Replay brings along (decision 0020): it stays in the action and is read from there
 * at each dispatch. Judged at first sight by the rules of every payload, so that whoever asks hears
 * of it at once and the job is not brought back only to be refused.
 */
import { MAX_PAYLOAD_BYTES } from '../api/queuejob.ts'
import { sentence } from '../api/reasons.ts'
import { MAX_PAYLOAD_DEPTH } from '../core/depth.ts'
import type { ActionObject } from '../core/resources.ts'
import type { BadPayload } from './action.ts'
import type { ActionPayloads } from './ports.ts'
import { judgePayload } from './validate.ts'

/** Null: nothing wrong with it. 'unknown': it could not be read now. */
export async function judgeActionPayload(
  action: ActionObject,
  reader: ActionPayloads,
): Promise<BadPayload | null | 'unknown'> {
  const { payload } = action
  switch (payload.kind) {
    case 'absent':
      return null
    case 'inline':
      return judgePayload(payload.json)
    case 'too-deep': {
      const error = `it is nested deeper than ${MAX_PAYLOAD_DEPTH} levels; send it as a string`
      const message = sentence('InvalidPayload', { path: 'spec.payload', error })
      return { reason: 'InvalidPayload', message }
    }
    case 'stored': {
      const { bytes } = payload
      if (bytes > MAX_PAYLOAD_BYTES) {
        const slots = { bytes, limit: MAX_PAYLOAD_BYTES }
        return { reason: 'PayloadTooLarge', message: sentence('PayloadTooLarge', slots) }
      }
      const read = await reader.readActionPayload(action, action.uid)
      if (read.kind !== 'found') return 'unknown'
      return read.json === null ? null : judgePayload(read.json)
    }
  }
}
