/**
 * Which shards this process leads: it renews its member Lease, takes shards that nobody holds, and
 * gives up what it has lost (protocol T1, W6, W7).
 *
 *   every renewMs: renew the member Lease ─┬─ failed: trust runs out after two thirds of the duration
 *                                          └─ ok: trusted; look for shards to take
 *   a shard is free: never held, given up, ours by identity, or its holder's Lease has not changed
 *   for a full duration as seen here.
 *
 * What a shard needs before it leads (T2–T8) is `takeover.ts`'s; this file owns every write of a shard
 * record.
 */
import { type Cancel, type Clock, type MonoMs, type Random, sleep } from '../core/clock.ts'
import type { Term } from '../core/epoch.ts'
import { describeError } from '../core/errors.ts'
import { allShards, type ShardId } from '../core/ids.ts'
import type { Logger } from '../observability/ports.ts'
import { isExpired, isTrusted, type Sighting, sight } from '../runtime/lease.ts'
import type { CasAnswer, MemberLeases, ShardRecord, ShardRecords } from './ports.ts'
import { claimed, floored, raised, released } from './record.ts'
import type { Shards } from './shards.ts'

export interface LeadershipOptions {
  /** Name of this process; no two live processes share one. */
  readonly identity: string
  readonly records: ShardRecords
  readonly members: MemberLeases
  readonly shards: Shards
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Duration of the member Lease, ms. */
  readonly leaseMs: number
  readonly renewMs: number
  /** T2–T8 for shards whose T1 was won. Called for one group at a time. */
  readonly takeOver: (shards: readonly ShardId[]) => Promise<void>
  /** The member Lease is trusted again, or for the first time (W7). */
  readonly trustBegins: () => void
  /** The shard is not ours any more: drop what is believed about it, write and publish nothing. */
  readonly steppedDown: (shard: ShardId) => void
}

/** A shard record is read so often at most because somebody named a higher term. */
const SUSPECT_MS = 1_000

export class Leadership {
  readonly #options: LeadershipOptions
  readonly #sightings = new Map<string, Sighting>()
  #renewalBeganAt: MonoMs | null = null
  #timer: Cancel | null = null
  #stopped = true
  #taking: Promise<void> | null = null
  #problem = 'not started'
  #loop: Promise<void> = Promise.resolve()
  readonly #suspicions = new Map<ShardId, Promise<boolean>>()
  readonly #suspectedAt = new Map<ShardId, MonoMs>()

  constructor(options: LeadershipOptions) {
    this.#options = options
  }

  /** W7: asked before every write and every dispatch. */
  get trusted(): boolean {
    const { clock, leaseMs } = this.#options
    return !this.#stopped && isTrusted(this.#renewalBeganAt, clock.monotonic(), leaseMs)
  }

  /** One line for readiness; '' = shards are led, or another process leads them all. */
  get problem(): string {
    return this.#problem
  }

  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#loop = this.#tick()
  }

  /** Gives every shard up, so that another process need not wait for the Lease to run out. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#timer?.()
    this.#stopped = true
    await this.#loop
    const { members, shards, identity, logger } = this.#options
    const held = shards.all()
    for (const { shard } of held) this.#leave(shard)
    const giveUp = held.map(({ record }) => this.#release(record))
    await Promise.allSettled([...giveUp, members.remove(identity)])
    logger.info('shards handed over', { shards: held.length })
  }

  /** T2, T5: false when the record was lost to somebody else; the shard is then given up. */
  raise(shard: ShardId, term: Term): Promise<boolean> {
    return this.#write(shard, (record) =>
      raised(record, term, this.#salt(), this.#options.clock.now()),
    )
  }

  /** T7. */
  writeFloor(shard: ShardId): Promise<boolean> {
    return this.#write(shard, floored)
  }

  /**
   * O4: somebody speaks of a term above ours. Deposed if the record says so; otherwise it is a forgery
   * or comes from an etcd that was restored, and changes nothing. False: it could not be read.
   */
  async verify(shard: ShardId): Promise<boolean> {
    const held = this.#options.shards.get(shard)
    if (!held) return true
    const found = await this.#options.records.read(shard).catch(() => null)
    if (found && !sameRecord(found, held.record)) this.stepDown(shard, 'the record is another one')
    return found !== null
  }

  /**
   * The streams were replaced: T1 again for every shard, then T2–T8 with the new terms. One loss is
   * told by every consumer that it takes along; shards that are being taken look for themselves (T3).
   */
  takeAgain(why: string): void {
    const { shards, logger } = this.#options
    const lost = shards.all().filter(({ phase }) => phase !== 'taking')
    if (lost.length === 0 || this.#stopped) return
    logger.warn('taking over again', { why, shards: lost.length })
    for (const { shard } of lost) shards.enter(shard, 'taking')
    const group = new Set(lost.map(({ shard }) => shard))
    const before = this.#taking ?? Promise.resolve()
    this.#occupy(before.then(() => this.#takeGroup(this.#stillTaking(group))))
  }

  /** By now, in the versions of now: a take-over that ran meanwhile may have taken or lost some. */
  #stillTaking(group: ReadonlySet<ShardId>): readonly ShardRecord[] {
    return this.#options.shards
      .all()
      .filter(({ shard, phase }) => group.has(shard) && phase === 'taking')
      .map(({ record }) => record)
  }

  /**
   * `verify` for whoever cannot be trusted to ask seldom: one read a second for each shard, however
   * many messages name a term of the future.
   */
  suspect(shard: ShardId): Promise<boolean> {
    const { clock } = this.#options
    const waiting = this.#suspicions.get(shard)
    if (waiting) return waiting
    const since = clock.monotonic() - (this.#suspectedAt.get(shard) ?? Number.NEGATIVE_INFINITY)
    const answer = sleep(clock, Math.max(0, SUSPECT_MS - since)).then(() => {
      this.#suspicions.delete(shard)
      this.#suspectedAt.set(shard, clock.monotonic())
      return this.verify(shard)
    })
    this.#suspicions.set(shard, answer)
    return answer
  }

  stepDown(shard: ShardId, why: string): void {
    const held = this.#options.shards.get(shard)
    if (!held) return
    this.#options.logger.warn('stepped down', { shard, term: held.record.term, why })
    this.#leave(shard)
  }

  #leave(shard: ShardId): void {
    this.#options.shards.drop(shard)
    this.#options.steppedDown(shard)
  }

  async #tick(): Promise<void> {
    const { clock, members, identity, renewMs, logger } = this.#options
    const began = clock.monotonic()
    const wasTrusted = this.trusted || this.#renewalBeganAt === null
    const renewed = await members.renew(identity).catch((error: unknown) => {
      logger.warn('the member Lease was not renewed', { err: describeError(error) })
      return false
    })
    if (this.#stopped) return
    if (renewed && (wasTrusted || (await this.#verifyAll()))) {
      const begins = !this.trusted
      this.#renewalBeganAt = began
      if (begins) this.#options.trustBegins()
      this.#seek()
    } else if (renewed) {
      this.#problem = 'shard records cannot be read'
    } else {
      this.#problem = 'the member Lease cannot be renewed'
    }
    const took = clock.monotonic() - began
    this.#timer = clock.after(Math.max(100, renewMs - took), () => {
      this.#loop = this.#tick()
    })
  }

  /** After a time without trust: another process may have led meanwhile. False: not known. */
  async #verifyAll(): Promise<boolean> {
    const held = this.#options.shards.all()
    const known = await Promise.all(held.map(({ shard }) => this.verify(shard)))
    return !known.includes(false)
  }

  /** Starts a search for free shards unless one is running. */
  #seek(): void {
    const { shards } = this.#options
    if (this.#taking) return
    if (shards.all().length === allShards.length) {
      this.#problem = ''
      return
    }
    this.#occupy(this.#takeFree())
  }

  /** One group is taken at a time. */
  #occupy(work: Promise<void>): void {
    const taking = work.finally(() => {
      if (this.#taking === taking) this.#taking = null
    })
    this.#taking = taking
  }

  async #takeFree(): Promise<void> {
    const { shards, logger } = this.#options
    try {
      const missing = allShards.filter((shard) => !shards.get(shard))
      const free = await this.#freeOf(missing)
      this.#problem = free.length < missing.length ? '' : this.#problem
      if (free.length > 0) await this.#takeGroup(free)
    } catch (error) {
      this.#problem = `shard records cannot be read: ${describeError(error)}`
      logger.warn('shard records cannot be read', { err: describeError(error) })
    }
  }

  async #freeOf(missing: readonly ShardId[]): Promise<readonly ShardRecord[]> {
    const { records, identity, leaseMs, clock } = this.#options
    const found = await Promise.all(missing.map((shard) => records.read(shard)))
    const holders = new Set(found.map((record) => record.holder))
    holders.delete('')
    holders.delete(identity)
    if (holders.size > 0) await this.#sightHolders(holders)
    return found.filter(({ holder }) => {
      if (holder === '' || holder === identity) return true
      return isExpired(this.#sightings.get(holder), clock.monotonic(), leaseMs)
    })
  }

  async #sightHolders(holders: ReadonlySet<string>): Promise<void> {
    const { members, clock } = this.#options
    const leases = await members.list()
    const now = clock.monotonic()
    for (const holder of holders) {
      const lease = leases.find((each) => each.identity === holder)
      const mark = lease ? `${lease.resourceVersion}/${lease.renewTime}` : ''
      this.#sightings.set(holder, sight(this.#sightings.get(holder), mark, now))
    }
  }

  /** T1 for each; what is won goes through T2–T8 together. */
  async #takeGroup(group: readonly ShardRecord[]): Promise<void> {
    const { logger, shards, takeOver } = this.#options
    if (group.length === 0) return
    if (!shards.all().some(({ phase }) => phase === 'leading')) this.#problem = 'taking over'
    try {
      const won = await Promise.all(group.map((record) => this.#claim(record)))
      const taken = group.filter((_, index) => won[index]).map(({ shard }) => shard)
      if (taken.length > 0 && !this.#stopped) await takeOver(taken)
      this.#forgetHolders(group)
      this.#problem = ''
    } catch (error) {
      this.#problem = `taking over failed: ${describeError(error)}`
      logger.error('taking over failed', { err: describeError(error) })
      for (const { shard } of group) this.stepDown(shard, 'taking over failed')
    }
  }

  /**
   * T1, on exactly the version that was judged to be free, or that we wrote last: whoever wrote since
   * then has it. One shard's trouble is not its neighbours'.
   */
  async #claim(before: ShardRecord): Promise<boolean> {
    const { records, shards, clock, identity, logger } = this.#options
    const { shard } = before
    try {
      const next = claimed(before, identity, this.#salt(), clock.now())
      const record = await this.#settled(next, await records.compareAndSet(next))
      if (record && !this.#stopped) {
        shards.take(record, before.floor)
        return true
      }
      if (record) await this.#release(record)
      this.stepDown(shard, 'somebody else took it')
    } catch (error) {
      logger.error('a shard could not be claimed', { shard, err: describeError(error) })
      this.stepDown(shard, 'it could not be claimed')
    }
    return false
  }

  /** A clean stop: best effort, whoever comes next waits for the Lease otherwise. */
  async #release(record: ShardRecord): Promise<void> {
    await this.#options.records.compareAndSet(released(record)).catch(() => undefined)
  }

  /** The member Lease of a process that died is nobody's any more. */
  #forgetHolders(group: readonly ShardRecord[]): void {
    const { members, identity } = this.#options
    for (const holder of new Set(group.map((record) => record.holder))) {
      if (holder === '' || holder === identity) continue
      this.#sightings.delete(holder)
      void members.remove(holder).catch(() => undefined)
    }
  }

  async #write(shard: ShardId, change: (record: ShardRecord) => ShardRecord): Promise<boolean> {
    const { records, shards } = this.#options
    const held = shards.get(shard)
    if (!held) return false
    const next = change(held.record)
    const record = await this.#settled(next, await records.compareAndSet(next))
    if (record && this.#stopped) await this.#release(record)
    else if (record) shards.update(record)
    else this.stepDown(shard, 'the record was changed by somebody else')
    return record !== null && !this.#stopped
  }

  /** After an unknown answer the write may have happened: the record tells. */
  async #settled(wanted: ShardRecord, answer: CasAnswer): Promise<ShardRecord | null> {
    if (answer.kind === 'set') return answer.record
    if (answer.kind === 'lost') return null
    const found = await this.#options.records.read(wanted.shard)
    return sameRecord(found, wanted) ? found : null
  }

  #salt(): string {
    return Buffer.from(this.#options.random.bytes(16)).toString('hex')
  }
}

/** The salt of the term is 128 random bits: it tells whose write it was. */
function sameRecord(a: ShardRecord, b: ShardRecord): boolean {
  return (
    a.holder === b.holder &&
    a.term === b.term &&
    a.floor === b.floor &&
    a.salts[a.term]?.hex === b.salts[b.term]?.hex
  )
}
