// JetStream as far as the protocol leans on it: a work stream with one message per job, an event
// stream from which acknowledged outcomes vanish, consumers, and core subjects for beats and control.

import type { Cancel } from '../../src/core/clock.ts'
import type { ClassId, JobUid, ShardId, WorkerId } from '../../src/core/ids.ts'
import { shardOf } from '../../src/core/ids.ts'
import type { Beat, Control, Note, Report, WorkItem } from '../../src/core/outcome.ts'
import type { VirtualClock } from '../../src/core/virtual-clock.ts'
import type { EventDelivery, Link } from '../../src/recovery/ports.ts'
import type { PublishAnswer } from '../../src/scheduler/ports.ts'

interface Stored {
  readonly seq: number
  readonly report: Report
  nextAt: number
}

interface Follower {
  readonly shard: ShardId
  readonly term: number
  readonly receive: (delivery: EventDelivery) => void
  readonly ended: (problem: string) => void
  readonly link: FakeLink
}

export class FakeLink implements Link {
  connected = true
  since = 0
  problem = ''
  dead = false
  /** Its process is stopped (SIGSTOP): nothing reaches it, its sockets stay. */
  frozen = false
  readonly #listeners = new Set<() => void>()

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  set(connected: boolean, now: number): void {
    if (this.dead || this.connected === connected) return
    this.connected = connected
    this.problem = connected ? '' : 'NATS is unreachable'
    this.since = now
    for (const each of this.#listeners) each()
  }
}

const HOP_MS = 1

export class FakeNats {
  readonly clock: VirtualClock
  up = true
  /** How long a look at the streams takes. */
  stateMs = 0
  /** Identity of both streams: 0 = missing. */
  #created = 0
  #seq = 0
  readonly work = new Map<JobUid, WorkItem>()
  readonly #events = new Map<number, Stored>()
  readonly #consumers = new Map<ShardId, number>()
  readonly #classes = new Set<string>()
  readonly #followers = new Set<Follower>()
  readonly #links = new Set<FakeLink>()
  readonly #beatReceivers = new Map<(beat: Beat) => void, FakeLink>()
  readonly workersHear = new Map<
    WorkerId,
    { namespace: string; hear: (message: Control) => void }
  >()
  readonly #pulls: { cls: string; take: (item: WorkItem) => void }[] = []

  constructor(clock: VirtualClock) {
    this.clock = clock
  }

  connect(): FakeLink {
    const link = new FakeLink()
    link.connected = this.up
    this.#links.add(link)
    return link
  }

  cut(link: FakeLink): void {
    link.dead = true
    link.connected = false
    this.#links.delete(link)
    for (const [receive, owner] of this.#beatReceivers) {
      if (owner === link) this.#beatReceivers.delete(receive)
    }
    for (const each of this.#followers) if (each.link === link) this.#followers.delete(each)
  }

  /** kill -9 of the server; `wipe`: its data is deleted as well. */
  stop(wipe = false): void {
    this.up = false
    this.#pulls.length = 0
    if (wipe) this.wipe()
    for (const link of this.#links) link.set(false, this.clock.monotonic())
  }

  wipe(): void {
    this.#created = 0
    this.work.clear()
    this.#events.clear()
    this.#consumers.clear()
    this.#classes.clear()
  }

  start(): void {
    this.up = true
    // What was delivered and not acknowledged before comes again.
    for (const seq of this.#events.keys()) this.clock.after(500, () => this.#offer(seq))
    for (const link of this.#links) {
      this.clock.after(200, () => {
        if (this.up) link.set(true, this.clock.monotonic())
      })
    }
  }

  // --- worker side

  pull(namespace: string, cls: ClassId, take: (item: WorkItem) => void): () => void {
    const pull = { cls: `${namespace}/${cls}`, take }
    this.#pulls.push(pull)
    this.clock.after(HOP_MS, () => this.#deliver())
    return () => {
      const index = this.#pulls.indexOf(pull)
      if (index >= 0) this.#pulls.splice(index, 1)
    }
  }

  /** Acknowledged: the message is gone. */
  taken(uid: JobUid): void {
    this.work.delete(uid)
  }

  /** Outcomes that nobody has acknowledged. */
  get outcomes(): number {
    return this.#events.size
  }

  get exists(): boolean {
    return this.#created !== 0
  }

  /** True: stored, or a duplicate of what is stored. */
  report(report: Report): boolean {
    if (!this.up || this.#created === 0) return false
    const known = [...this.#events.values()].some(
      (each) => each.report.uid === report.uid && each.report.epoch === report.epoch,
    )
    if (known) return true
    const seq = ++this.#seq
    this.#events.set(seq, { seq, report, nextAt: 0 })
    this.clock.after(HOP_MS, () => this.#offer(seq))
    return true
  }

  beat(beat: Beat): void {
    if (!this.up) return
    for (const [receive, link] of this.#beatReceivers) {
      if (!link.frozen) this.clock.after(HOP_MS, () => receive(beat))
    }
  }

  // --- operator side

  portsFor(link: FakeLink) {
    const alive = () => this.up && link.connected && !link.dead
    const need = () => {
      if (!alive()) throw new Error('NATS is unreachable')
    }
    return {
      link,
      dispatcher: {
        publish: async (item: WorkItem): Promise<PublishAnswer> => {
          if (!alive()) return { kind: 'unsent' }
          if (this.#created === 0) return { kind: 'unknown' }
          if (this.work.has(item.uid)) return { kind: 'occupied' }
          this.work.set(item.uid, item)
          this.clock.after(HOP_MS, () => this.#deliver())
          return { kind: 'stored' }
        },
        purge: async ({ uid }: { uid: JobUid }) => {
          need()
          this.work.delete(uid)
        },
      },
      announcer: {
        toWorker: (_namespace: string, worker: WorkerId, message: Control) => {
          if (alive()) this.clock.after(HOP_MS, () => this.workersHear.get(worker)?.hear(message))
        },
        toNamespace: (namespace: string, message: Control) => {
          for (const each of this.workersHear.values()) {
            if (alive() && each.namespace === namespace) {
              this.clock.after(HOP_MS, () => each.hear(message))
            }
          }
        },
      },
      streams: {
        ensure: async () => {
          need()
          if (this.#created === 0) this.#created = this.clock.monotonic() + 1
          return this.#state()
        },
        state: async () => {
          need()
          await this.#wait(this.stateMs)
          need()
          return this.#created === 0 ? null : this.#state()
        },
        recreate: async () => {
          need()
          this.wipe()
        },
        takeEvents: async (shard: ShardId, term: number) => {
          need()
          const held = this.#consumers.get(shard) ?? 0
          if (held > term) return 'higher-term' as const
          this.#consumers.set(shard, term)
          for (const each of this.#followers) {
            if (each.shard === shard && each.term < term) {
              this.#followers.delete(each)
              const tell = (): void => {
                if (each.link.frozen) this.clock.after(100, tell)
                else each.ended('the consumer was deleted')
              }
              tell()
            }
          }
          return 'taken' as const
        },
        releaseEvents: async () => {},
        ensureClass: async (namespace: string, cls: ClassId) => {
          need()
          this.#classes.add(`${namespace}/${cls}`)
          this.#deliver()
        },
        removeClass: async (namespace: string, cls: ClassId) => {
          need()
          this.#classes.delete(`${namespace}/${cls}`)
        },
        workNamespaces: async () => [...new Set([...this.work.values()].map((w) => w.namespace))],
        purgeWork: async (namespace: string) => {
          need()
          // Longer than a worker takes to answer an announcement.
          await new Promise<void>((resolve) => void this.clock.after(5 * HOP_MS, resolve))
          for (const [uid, item] of this.work)
            if (item.namespace === namespace) this.work.delete(uid)
        },
        lastWork: async (_namespace: string, _cls: ClassId, uid: JobUid) => {
          need()
          return this.work.has(uid) ? { seq: 1 } : null
        },
        storedEvent: async (_shard: ShardId, _namespace: string, uid: JobUid) => {
          need()
          return [...this.#events.values()].some((each) => each.report.uid === uid)
        },
      },
      feed: {
        follow: async (
          shard: ShardId,
          term: number,
          receive: (delivery: EventDelivery) => void,
          ended: (problem: string) => void,
        ) => {
          need()
          const follower: Follower = { shard, term, receive, ended, link }
          this.#followers.add(follower)
          const pending = [...this.#events.values()].filter(
            (each) => shardOf(each.report.namespace) === shard,
          )
          for (const each of pending) {
            each.nextAt = 0
            this.#offer(each.seq)
          }
          return {
            pending: pending.length,
            stop: async () => void this.#followers.delete(follower),
          }
        },
      },
      beats: {
        beats: (receive: (beat: Beat) => void) => {
          this.#beatReceivers.set(receive, link)
          return () => void this.#beatReceivers.delete(receive)
        },
        notes: (_receive: (note: Note) => void) => () => {},
        rejected: () => () => {},
      },
    }
  }

  async #wait(ms: number): Promise<void> {
    if (ms > 0) await new Promise<void>((resolve) => void this.clock.after(ms, resolve))
  }

  #state() {
    const state = { created: String(this.#created), lastSeq: this.#seq }
    return { work: state, events: state }
  }

  #deliver(): void {
    if (!this.up) return
    for (const item of [...this.work.values()]) {
      const key = `${item.namespace}/${item.cls}`
      if (!this.#classes.has(key)) continue
      const index = this.#pulls.findIndex((pull) => pull.cls === key)
      const pull = this.#pulls[index]
      if (!pull) continue
      this.#pulls.splice(index, 1)
      // Taken from the stream only by the acknowledgement; a second pull must not get it meanwhile.
      this.work.delete(item.uid)
      pull.take(item)
    }
  }

  #offer(seq: number): void {
    const stored = this.#events.get(seq)
    if (!stored || !this.up) return
    const { report } = stored
    const shard = shardOf(report.namespace)
    const follower = [...this.#followers].find((each) => each.shard === shard)
    if (!follower) return
    const again = (ms: number): Cancel => this.clock.after(ms, () => this.#offer(seq))
    if (follower.link.frozen) {
      again(100)
      return
    }
    follower.receive({
      namespace: report.namespace,
      worker: report.owner.worker,
      uid: report.uid,
      report,
      problem: '',
      ack: () => void this.#events.delete(seq),
      nak: (delayMs) => void again(Math.max(1, delayMs)),
      inProgress() {},
    })
  }
}
