/**
 * The controller: all rooms of the operator joined over their ports, without a single adapter. The
 * operator gives it the genuine Kubernetes and NATS, a simulator can give it anything.
 *
 *   watches ─▶ intake ─▶ ledger ─▶ cycle ─▶ dispatcher            (jobs go out)
 *   events  ─▶ outcomes ─▶ writer ─▶ etcd                         (outcomes come in)
 *   beats   ─▶ workers, listings        rescuer: what is due      (attempts are watched)
 *   leadership ─▶ takeover: who may do any of it                  (protocol section 5)
 */

import type { ClockStops } from '../core/active-deadline.ts'
import { sleep } from '../core/clock.ts'
import type { ShardId } from '../core/ids.ts'
import type { JobObject } from '../core/job.ts'
import { type Attempt, type Entry, Ledger } from '../core/ledger.ts'
import { countQueues } from '../core/queue-counts.ts'
import { isPaused } from '../core/queue-pause.ts'
import type { QueueObject } from '../core/resources.ts'
import type { DispatchStanding } from '../core/why.ts'
import { ActionEffects } from '../ingestion/action-effects.ts'
import { ActionReconciler } from '../ingestion/actions.ts'
import { Admission } from '../ingestion/admission.ts'
import { ImplicitQueues } from '../ingestion/implicit-queue.ts'
import { Intake } from '../ingestion/intake.ts'
import { normaliser } from '../ingestion/normalise.ts'
import { QueueReporter } from '../ingestion/queue-reporter.ts'
import { Queues } from '../ingestion/queues.ts'
import { ScheduleReconciler } from '../ingestion/schedules.ts'
import { StatusWriter } from '../persistence/writer.ts'
import { ActiveDeadlines } from '../recovery/active-deadlines.ts'
import { Acts } from '../recovery/acts.ts'
import { Leadership } from '../recovery/leadership.ts'
import { Listings } from '../recovery/listings.ts'
import { Outcomes } from '../recovery/outcomes.ts'
import { Reclaims } from '../recovery/reclaims.ts'
import { Rescuer } from '../recovery/rescuer.ts'
import { Shards } from '../recovery/shards.ts'
import { StreamWatch } from '../recovery/stream-watch.ts'
import { Takeover } from '../recovery/takeover.ts'
import { Workers } from '../recovery/workers.ts'
import { RateWindow } from '../runtime/rate-window.ts'
import { DispatchCycle } from '../scheduler/cycle.ts'
import { Holds } from '../scheduler/holds.ts'
import { isUnconfirmedRestore } from '../scheduler/placement.ts'
import { failurePolicy } from '../scheduler/retry.ts'
import type { Controller, ControllerPorts, ControllerSettings } from './controller-ports.ts'
import { countingStarts } from './counted-starts.ts'
import { scrapeGauges } from './gauges.ts'
import { jobSink } from './job-sink.ts'
import { queueLimit } from './queue-limits.ts'
import { buildRetirement } from './retirement.ts'
import { StatusObserver } from './status-observer.ts'

/** Builds all rooms; nothing runs before `start`. */
export function buildController(ports: ControllerPorts, settings: ControllerSettings): Controller {
  const { clock, random, logger, metrics, link, announcer, streams, store } = ports
  const starts = new RateWindow(60_000)
  const dispatcher = countingStarts(ports.dispatcher, starts, clock)
  const shards = new Shards(settings.key)
  const queues = new Queues(settings.controllerName, () => clock.monotonic())
  const ledger = new Ledger(normaliser((namespace, name) => queues.get(namespace, name)))
  const leads = (shard: ShardId) => shards.leads(shard)
  const admission = new Admission({
    ...{ ledger, queues, clock, maxObjects: settings.maxObjects },
    unfit: (entry) => intake.unfit(entry),
    consider: (entry) => intake.consider(entry),
  })
  ledger.watch({
    changed(entry) {
      admission.changed(entry)
      retirement.reaper.look(entry)
    },
    removed: (entry) => admission.removed(entry),
  })
  const observer = new StatusObserver({
    ...{ logger, metrics, events: ports.events, ledger },
    ended: (object) => retirement.archive.ended(object),
  })
  const writer = new StatusWriter({
    store,
    ledger,
    policy: failurePolicy,
    stopsOf: (entry) => stopsOf(entry),
    observer,
    clock,
    random,
    maxInFlight: settings.statusWriters,
    mayWrite: (shard) => shards.get(shard) !== undefined && leadership.trusted,
  })
  const sink = jobSink({
    ...{ writer, ledger, clock, rates: settings.information },
    held: (shard) => shards.get(shard) !== undefined,
    consider: (entry) => intake.consider(entry),
    place: (entry) => place(entry),
    gone: (entry) => gone(entry, entry.attempt),
  })
  const workers = new Workers({ ledger, leaseMs: settings.attemptLeaseMs }, () => clock.monotonic())
  const moved = (entry: Entry) => {
    cycle.place(entry)
    cycle.kick()
  }
  // What was read live goes the way of the watch, which will bring it too late to be news.
  const seen = (object: JobObject) => intake.changed(object)
  const known = { shards, ledger, workers, sink, store, seen }
  const base = { ...known, clock, random, logger, metrics, announcer }
  const reclaims = new Reclaims({
    ...base,
    streams,
    dispatcher,
    leaseMs: settings.attemptLeaseMs,
    moved,
  })
  const gate = {
    leads,
    get open() {
      return streamWatch.trusted && leadership.trusted && !ports.dispatchPaused()
    },
  }
  const cycle = new DispatchCycle({
    ...base,
    capacity: workers,
    gate,
    epochs: shards,
    dispatcher,
    payloads: ports.payloads,
    refused: (entry) => writer.holds(entry.uid) || intake.refused(entry),
    acceptsPayload: (entry, json) => intake.acceptsPayload(entry, json),
    payloadLost: (entry) => intake.payloadLost(entry),
    queueHolds: (namespace, queue) => queues.holds(namespace, queue),
    policy: (namespace, queue) => queues.policy(namespace, queue),
    hold: (entry) => admission.hold(entry),
    rankOf: (entry) => admission.rankOf(entry),
    holdUntil: (uid) => reclaims.holdUntil(uid),
  })
  const streamWatch = new StreamWatch(streams, link)
  const streamLost = (why: string) => {
    listings.forgetClasses()
    leadership.takeAgain(why)
  }
  const suspect = (shard: ShardId) => leadership.suspect(shard)
  const verify = (shard: ShardId) => void suspect(shard)
  const outcomes = new Outcomes({
    ...base,
    feed: ports.feed,
    verify: suspect,
    streamLost,
    moved: (entry) => {
      // Whoever reports has taken it: the back-off of D7 begins anew.
      reclaims.settled(entry.uid)
      moved(entry)
    },
  })
  const takeover = new Takeover({
    ...base,
    streams,
    streamWatch,
    outcomes,
    link,
    relist: ports.relistJobs,
    leadership: () => leadership,
    recall: (group) => listings.recall(group),
    leading,
  })
  const listings = new Listings({
    ...base,
    streams,
    verify,
    lifted: (shard, term) => takeover.lifted(shard, term),
    capacityChanged: () => cycle.kick(),
  })
  const rescuer = new Rescuer({
    ...base,
    reclaims,
    streamWatch,
    streams,
    link,
    leaseMs: settings.attemptLeaseMs,
    streamLost,
    linkBack: () => cycle.kick(),
    classRemoved: (namespace, cls) => listings.forgetClass(namespace, cls),
  })
  const leadership = new Leadership({
    ...base,
    identity: settings.identity,
    records: ports.records,
    members: ports.members,
    leaseMs: settings.memberLeaseMs,
    renewMs: settings.renewMs,
    takeOver: (group) => takeover.run(group),
    trustBegins: () => cycle.kick(),
    steppedDown: (shard) => {
      writer.abandon(shard)
      ledger.reset(shard, clock.monotonic())
      retirement.reaper.steppedDown(shard)
      for (const { uid } of ledger.ofShard(shard)) {
        cycle.remove(uid)
        deadlines.remove(uid)
      }
      void outcomes.leave(shard)
    },
  })
  const acts = new Acts({ ...base, dispatcher, moved })
  const deadlines = new ActiveDeadlines({
    ...base,
    acts,
    stopsOf,
    counts: (entry) => {
      const { namespace, queue } = entry.record
      return queues.state(namespace, queue).kind !== 'foreign' && !isUnconfirmedRestore(entry)
    },
  })
  const implicit = new ImplicitQueues({ ...base, ...settings, queues, creator: ports.creator })
  const retirement = buildRetirement({
    ...base,
    queues,
    leads,
    deleter: ports.deleter,
    history: ports.history,
    maxFinished: settings.maxFinishedObjects,
    neededByWaiting: (entry) => admission.neededByWaiting(entry),
  })
  function place(entry: Entry): void {
    if (leads(entry.shard)) implicit.seen(entry)
    deadlines.place(entry)
    cycle.place(entry)
  }
  function stopsOf(entry: Entry): ClockStops {
    const queue = queues.get(entry.record.namespace, entry.record.queue)
    return { pauses: queue?.status.pauses ?? [], readySince: admission.readySince(entry) }
  }
  const intake = new Intake({
    ...base,
    queues,
    admission,
    version: settings.version,
    leads,
    termOf: (shard) => shards.get(shard)?.record.term ?? 0,
    verify,
    place: (entry) => place(entry),
    suspend: (entry) => rescuer.suspend(entry),
    rerun: (entry) => void acts.rerun(entry),
    gone,
    unreadable: (object) => observer.unreadable(object, 'QueueJob'),
  })
  const count = () =>
    countQueues({
      jobs: ledger.entries(),
      queues: queues.all(),
      workers: Iterator.from(workers.live()).map(({ beat }) => beat),
      classes: workers.classes(),
      isReady: (uid) => cycle.isReady(uid),
    })
  const standing = (): DispatchStanding => {
    if (ports.dispatchPaused()) return { kind: 'paused' }
    return link.connected ? { kind: 'open' } : { kind: 'unavailable', cause: link.problem }
  }
  const reporter = new QueueReporter({
    ...base,
    queues,
    statuses: ports.objectStatuses,
    version: settings.version,
    controllerName: settings.controllerName,
    leads,
    count,
    startsPerMinute: (namespace, name) => starts.of(`${namespace}/${name}`, clock.monotonic()),
    dispatch: standing,
    limit: queueLimit({ ledger, queues, clock, standing: cycle.standing, ...settings }),
    pressure: () => retirement.reaper.pressure,
    tryTake: () => tryInform('queue'),
    changed: (queue) => queueChanged(queue),
  })
  const tryInform = (use: 'queue' | 'action' | 'schedule' | 'event') => {
    const taken = sink.informer.tryTake()
    const result = taken ? 'taken' : 'refused'
    metrics.count('gopherqueue_information_total', { use, result })
    return taken
  }
  const schedules = new ScheduleReconciler({
    ...base,
    statuses: ports.objectStatuses,
    creator: ports.creator,
    deleter: retirement.deleter,
    events: ports.events,
    version: settings.version,
    leads,
    cancel: async (uid, request) => {
      const entry = ledger.get(uid)
      return entry ? acts.act(entry, { kind: 'cancel', action: '', ...request }) : 'stopped'
    },
    isForeign: (namespace, queue) => queues.state(namespace, queue).kind === 'foreign',
    mayDelete: (uid) => retirement.mayDelete(uid),
    mayInform: () => tryInform('schedule'),
    unreadable: (object) => observer.unreadable(object, 'QueueSchedule'),
  })
  const effects = new ActionEffects({
    ...base,
    act: (entry, request, options) => acts.act(entry, request, options),
    pauses: reporter,
    queueUid: ({ namespace, name }) => queues.get(namespace, name)?.uid ?? null,
    runs: schedules,
    deleter: retirement.deleter,
    deleted: (entry) => intake.removed(entry.object, entry.uid),
    moved,
  })
  const actions = new ActionReconciler({
    ...base,
    statuses: ports.objectStatuses,
    guard: ports.guard,
    lister: ports.targets,
    payloads: ports.payloads,
    effects,
    deleter: retirement.deleter,
    events: ports.events,
    version: settings.version,
    leads,
    mayInform: () => tryInform('action'),
    unreadable: (object) => observer.unreadable(object, 'QueueAction'),
  })
  const holds = new Holds({
    ...base,
    capacity: workers,
    version: settings.version,
    leads,
    queue: (namespace, name) => queues.state(namespace, name),
    policy: (namespace, name) => queues.policy(namespace, name),
    hold: (entry) => admission.hold(entry),
    standing: cycle.standing,
    dispatch: standing,
  })
  function gone(entry: Entry, attempt: Attempt | null): void {
    retirement.gone(entry)
    cycle.remove(entry.uid)
    deadlines.remove(entry.uid)
    reclaims.settled(entry.uid)
    sink.informer.withdraw(entry.uid)
    acts.deleted(entry, attempt)
  }
  function leading(shard: ShardId): void {
    ports.termChanged(Math.max(...shards.all().map((each) => each.record.term)))
    cycle.forgetStarts(shard)
    for (const entry of ledger.ofShard(shard)) {
      // T2: its salt is gone, so no outcome of it can be checked.
      if (entry.attempt && !shards.knows(shard, entry.attempt.epoch)) void reclaims.fence(entry)
      intake.consider(entry)
    }
    retirement.reaper.leading(shard)
    reporter.leading(shard)
    schedules.leading(shard)
    actions.leading(shard)
  }
  function queueChanged(queue: QueueObject): void {
    const before = queues.get(queue.namespace, queue.name)
    queues.set(queue)
    // Deleted and made again while the watch was away: the first generation once more.
    const same = before?.uid === queue.uid && before.generation === queue.generation
    if (!same || isPaused(before) !== isPaused(queue)) intake.queueChanged(queue)
    if (!same) retirement.reaper.queueChanged(queue.namespace, queue.name)
  }
  let unsubscribe: (() => void)[] = []
  return {
    jobs: schedules.watching(intake),
    queues: {
      changed(queue) {
        queueChanged(queue)
        reporter.changed(queue)
      },
      removed(key) {
        queues.remove(key)
        reporter.removed(key)
        implicit.removed(key.namespace, key.name)
        intake.queueChanged(key)
        retirement.reaper.queueChanged(key.namespace, key.name)
      },
      unreadable: (object) => observer.unreadable(object, 'Queue'),
      synced() {
        if (queues.complete) return
        queues.synced()
        for (const entry of ledger.entries()) {
          intake.consider(entry)
          retirement.reaper.look(entry)
        }
      },
    },
    schedules,
    actions,
    start() {
      unsubscribe = [
        ports.beats.beats((beat) => listings.receive(beat)),
        ports.beats.notes((note) => observer.progress(note, sink)),
        ports.beats.rejected((sender, problem, kind) => observer.rejected(sender, problem, kind)),
      ]
      rescuer.start()
      holds.start()
      reporter.start()
      retirement.reaper.start()
      schedules.start()
      actions.start()
      leadership.start()
    },
    async stop(deadlineMs) {
      for (const each of unsubscribe) each()
      cycle.stop()
      holds.stop()
      deadlines.stop()
      admission.stop()
      rescuer.stop()
      retirement.reaper.stop()
      retirement.archive.stop()
      sink.informer.stop()
      const half = deadlineMs / 2
      const looks = Promise.allSettled([actions.stop(), reporter.stop(), schedules.stop()])
      // An API server that hangs must not keep the shards from being handed over.
      await Promise.all([writer.stop(half), Promise.race([looks, sleep(clock, half)])])
      await Promise.allSettled(shards.all().map(({ shard }) => outcomes.leave(shard)))
      await leadership.stop()
    },
    tryInform: () => tryInform('event'),
    scrape: (scraped) =>
      scrapeGauges(
        {
          ...{ shards, ledger, queues, count, writer, reporter, schedules, actions, retirement },
          informer: sink.informer,
          limits: settings,
        },
        scraped,
        clock.now(),
      ),
    state: () => ({
      leading: shards.all().filter(({ phase }) => phase === 'leading').length,
      problem: leadership.problem,
      jobs: ledger.size,
      ready: cycle.ready,
      delayed: cycle.delayed,
      writes: writer.depth,
    }),
  }
}
