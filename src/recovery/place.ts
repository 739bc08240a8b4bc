/** Where an attempt runs, as it is written down: the owner, and what its heartbeat says for people. */
import type { WorkerPlace } from '../core/facts.ts'
import type { ClassId } from '../core/ids.ts'
import type { Entry } from '../core/ledger.ts'
import type { Owner } from '../core/outcome.ts'
import type { Workers } from './workers.ts'

export function placeOf(
  { object }: Pick<Entry, 'object'>,
  owner: Owner,
  cls: ClassId,
  workers: Pick<Workers, 'get'>,
): WorkerPlace {
  const beat = workers.get(object.namespace, owner.worker)?.beat
  const { worker, boot } = owner
  return { worker, boot, cls: beat?.cls ?? cls, pod: beat?.pod ?? '', node: beat?.node ?? '' }
}
