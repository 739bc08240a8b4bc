/**
 * Where the rooms hand in facts, and what follows when one is settled. While a fact of a job is open
 * the job is placed nowhere (protocol D6), so whatever settles looks at the job again, also what only
 * informs: the watch may bring a write before its answer comes, and a write may have met a version
 * that the watch then brings too late to be news (W3).
 */
import type { Clock } from '../core/clock.ts'
import type { Fact } from '../core/facts.ts'
import type { JobUid, ShardId } from '../core/ids.ts'
import type { Entry, Ledger } from '../core/ledger.ts'
import { Informer, type InformerOptions } from '../persistence/budget.ts'
import type { FactSink, Settled } from '../persistence/ports.ts'
import type { StatusWriter } from '../persistence/writer.ts'

export interface JobSinkOptions {
  readonly writer: StatusWriter
  readonly ledger: Ledger
  readonly clock: Clock
  readonly rates: InformerOptions['rates']
  /** The shard is held, whether or not anything may be written now. */
  readonly held: (shard: ShardId) => boolean
  /** Looks at the newest version: what does it ask for, and where does the job belong? */
  readonly consider: (entry: Entry) => void
  readonly place: (entry: Entry) => void
  /** The writer met the deletion before the watch told of it (W4). */
  readonly gone: (entry: Entry) => void
}

export interface JobSink extends FactSink {
  readonly informer: Informer
}

const LOOK_AGAIN_MS = 1_000

export function jobSink(options: JobSinkOptions): JobSink {
  const { writer, ledger, clock, rates } = options
  const write = async (uid: JobUid, fact: Fact): Promise<Settled> => {
    const before = ledger.get(uid)
    const settled = await writer.submit(uid, fact)
    const entry = ledger.get(uid)
    if (entry) lookAgain(options, entry, settled)
    else if (before) options.gone(before)
    return settled
  }
  const informer = new Informer({ clock, rates, load: writer, write })
  return {
    informer,
    submit(uid, fact) {
      informer.withdraw(uid)
      return write(uid, fact)
    },
    inform: (uid, fact) => informer.inform(uid, fact),
  }
}

function lookAgain(options: JobSinkOptions, entry: Entry, settled: Settled): void {
  const { ledger, clock, held, consider, place } = options
  if (settled === 'written' || settled === 'overtaken') consider(entry)
  else place(entry)
  // The Lease could not be renewed for a while: what was to be written is looked at again.
  if (settled !== 'stopped' || !held(entry.shard)) return
  clock.after(LOOK_AGAIN_MS, () => {
    if (ledger.get(entry.uid) === entry) consider(entry)
  })
}
