/** Counts what is published, by queue: the starts in the last minute of a Queue's status. */
import type { Clock } from '../core/clock.ts'
import type { RateWindow } from '../runtime/rate-window.ts'
import type { Dispatcher } from '../scheduler/ports.ts'

export function countingStarts(
  dispatcher: Dispatcher,
  starts: RateWindow,
  clock: Clock,
): Dispatcher {
  return {
    publish(item) {
      starts.count(`${item.namespace}/${item.queue}`, clock.monotonic())
      return dispatcher.publish(item)
    },
    purge: (item) => dispatcher.purge(item),
  }
}
