/**
 * The operator: the genuine Kubernetes and NATS under the controller, health and metrics beside it,
 * started in order and stopped in reverse. No decision about jobs is taken here.
 *
 * It starts without an API server and without NATS: both are waited for, `/readyz` says which, and
 * one log line each says when that changes. SIGTERM hands over: no new starts, the writes in flight
 * answered, the shards given up, within `shutdownMs`.
 */
import type { OperatorConfig } from '../api/config.ts'
import type { Clock, Random } from '../core/clock.ts'
import { GopherQueueError } from '../core/errors.ts'
import { healthRoutes } from '../http/health.ts'
import { createMetrics, type MetricsRegistry } from '../http/metrics.ts'
import { HttpServer, type Route } from '../http/server.ts'
import { zoneDataProblem } from '../ingestion/zone.ts'
import type { KubeAccess } from '../kube/access.ts'
import { loadKubeConfig } from '../kube/config.ts'
import { KubeObjectCreator } from '../kube/create.ts'
import { KubeObjectDeleter } from '../kube/delete.ts'
import { KubeEvents } from '../kube/events.ts'
import { decodeJob, KubePayloadReader, KubeStatusStore } from '../kube/jobs.ts'
import { KubeMemberLeases, KubeShardRecords } from '../kube/lease.ts'
import { collectionPath } from '../kube/paths.ts'
import { ActionPolicyCheck } from '../kube/policies.ts'
import { Reflector } from '../kube/reflector.ts'
import { decodeAction, decodeQueue, decodeSchedule, ObjectStatusStore } from '../kube/resources.ts'
import { KubeTargetLister } from '../kube/targets.ts'
import { KubeTransport } from '../kube/transport.ts'
import { natsBeatFeed } from '../nats/beats.ts'
import { connectNats, type Nats } from '../nats/connect.ts'
import { natsAnnouncer } from '../nats/control.ts'
import { natsDispatcher } from '../nats/dispatch.ts'
import { natsEvents } from '../nats/events.ts'
import { natsHistory } from '../nats/history.ts'
import { noLogin } from '../nats/login.ts'
import { natsStreams } from '../nats/streams.ts'
import {
  apiServerComponent,
  type Component,
  natsComponent,
  watchComponent,
} from '../observability/health.ts'
import { codeClass, metricsOf } from '../observability/metrics.ts'
import type { History } from '../persistence/ports.ts'
import { processIdentity } from '../process/env.ts'
import type { ProcessLogger } from '../process/logger.ts'
import { readInstallationKey } from '../process/read-file.ts'
import { type Service, ServiceGroup, serviceOf } from '../runtime/service.ts'
import { buildController } from './controller.ts'
import type { Controller } from './controller-ports.ts'
import { VERSION } from './version.ts'

export interface OperatorPorts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: ProcessLogger
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What the process measures of itself goes into the operator's registry. */
  readonly measured: (registry: MetricsRegistry) => void
  /** Of now: `dispatch` may change while the process runs. */
  readonly dispatch: () => OperatorConfig['dispatch']
}

export interface Operator extends Service {
  /** Where `/livez` and `/readyz` answer; '' before the start. */
  readonly healthUrl: string
  readonly components: () => readonly Component[]
}

/** Reads what is needed to know the way; connects to nothing yet but plugins of a kubeconfig. */
export async function buildOperator(
  config: OperatorConfig,
  ports: OperatorPorts,
): Promise<Operator> {
  const { clock, random, logger, environment } = ports
  refuseWithoutZones()
  const access = await loadKubeConfig({ clock, env: environment, path: config.kubeconfig })
  const key =
    config.installationKeyFile === ''
      ? new Uint8Array()
      : await readInstallationKey(config.installationKeyFile)
  const metrics = createMetrics({
    rows: metricsOf('operator'),
    perQueue: config.metricsPerQueue,
    processMetrics: true,
    problem: (says) => logger.error('a metric was used wrongly', { err: says }),
  })
  ports.measured(metrics)
  const identity = processIdentity(config.identity, random)
  logger.info('operator starts', {
    version: VERSION,
    identity,
    server: access.server,
    origin: access.origin,
    nats: config.natsUrl,
  })
  return new OperatorProcess({ config, ports, access, key, metrics, identity })
}

/** B48: schedules would be silently wrong, so it is said once, before anything is connected. */
function refuseWithoutZones(): void {
  const problem = zoneDataProblem()
  if (problem === '') return
  throw new GopherQueueError('TimeZoneDataMissing', `this Node lacks time-zone data: ${problem}`, {
    help: 'run the operator with a Node that has full ICU data, as its image has',
  })
}

interface Prepared {
  readonly config: OperatorConfig
  readonly ports: OperatorPorts
  readonly access: KubeAccess
  readonly key: Uint8Array
  readonly metrics: MetricsRegistry
  readonly identity: string
}

/** Two unanswered pings freeze the leases of attempts: well within one lease (protocol L1). */
const NATS_PING_MS = 2_500

class OperatorProcess implements Operator {
  readonly #prepared: Prepared
  readonly #transport: KubeTransport
  readonly #nats: Nats
  readonly #events: KubeEvents
  readonly #guard: ActionPolicyCheck
  readonly #controller: Controller
  readonly #reflectors: readonly Reflector<never>[]
  readonly #health: HttpServer
  readonly #metricsServer: HttpServer
  readonly #group: ServiceGroup

  constructor(prepared: Prepared) {
    this.#prepared = prepared
    const { config, ports, identity } = prepared
    const { clock, random, logger } = ports
    this.#transport = this.#openTransport()
    this.#nats = connectNats({
      url: config.natsUrl,
      caFile: config.natsCaFile,
      name: `gopherqueue-operator ${identity}`,
      inboxPrefix: `_INBOX_operator_${Buffer.from(random.bytes(8)).toString('hex')}`,
      login: noLogin,
      clock,
      random,
      logger,
      pingMs: NATS_PING_MS,
    })
    this.#guard = new ActionPolicyCheck(this.#transport, clock)
    this.#events = new KubeEvents({
      requests: this.#transport,
      instance: identity,
      tryTake: () => this.#controller.tryInform(),
      clock,
      random,
      logger,
    })
    this.#controller = this.#buildController()
    this.#reflectors = this.#buildReflectors() as unknown as readonly Reflector<never>[]
    const host = config.local ? '127.0.0.1' : '0.0.0.0'
    const server = (name: string, port: number, routes: readonly Route[]) =>
      new HttpServer({ routes, host, port, name, clock, logger })
    this.#health = server(
      'health',
      config.httpPort,
      healthRoutes(() => this.components()),
    )
    this.#metricsServer = server('metrics', config.metricsPort, [this.#metricsRoute()])
    this.#group = new ServiceGroup({
      clock,
      stopWithinMs: config.shutdownMs,
      members: [
        { name: 'health server', service: this.#health },
        { name: 'metrics server', service: this.#metricsServer },
        { name: 'connections', service: this.#connections() },
        { name: 'controller', service: this.#controllerService() },
        { name: 'watches', service: this.#watches() },
      ],
    })
  }

  get healthUrl(): string {
    return this.#health.port === 0 ? '' : `http://127.0.0.1:${this.#health.port}`
  }

  async start(): Promise<void> {
    await this.#group.start()
    this.#prepared.ports.logger.info('operator listens', {
      health: this.healthUrl,
      metrics: `http://127.0.0.1:${this.#metricsServer.port}/metrics`,
    })
  }

  stop(): Promise<void> {
    return this.#group.stop()
  }

  components(): readonly Component[] {
    const { access, ports } = this.#prepared
    const { link } = this.#nats
    const silentForMs = Math.min(...this.#reflectors.map((each) => each.silentForMs()))
    return [
      apiServerComponent({ server: access.server, silentForMs }),
      ...this.#reflectors.map((reflector) =>
        watchComponent({
          resource: reflector.name,
          synced: reflector.hasSynced,
          problem: reflector.state().problem,
          silentForMs: reflector.silentForMs(),
        }),
      ),
      natsComponent({
        connected: link.connected,
        problem: link.problem,
        forMs: ports.clock.monotonic() - link.since,
      }),
      ...this.#leadershipComponents(),
    ]
  }

  #leadershipComponents(): readonly Component[] {
    const { problem, leading } = this.#controller.state()
    const paused = this.#prepared.ports.dispatch() === 'Paused'
    const notes = [
      ...(problem === '' && leading === 0 ? ['standby: other processes lead every shard'] : []),
      ...(paused ? ['dispatch: Paused is configured; nothing starts'] : []),
    ]
    return [
      { name: 'leadership', problem },
      ...notes.map((note): Component => ({ name: 'operator', problem: note, weighs: 'nothing' })),
    ]
  }

  #openTransport(): KubeTransport {
    const { ports, access, metrics } = this.#prepared
    return new KubeTransport({
      access,
      clock: ports.clock,
      random: ports.random,
      version: VERSION,
      observe: ({ verb, status, tookMs }) => {
        metrics.count('gopherqueue_api_requests_total', { verb, code: codeClass(status) })
        metrics.observe('gopherqueue_api_request_seconds', tookMs / 1000, { verb })
      },
    })
  }

  #buildController(): Controller {
    const { config, ports, key, metrics, identity } = this.#prepared
    const { clock, random, logger } = ports
    const nats = this.#nats
    const leases = {
      requests: this.#transport,
      namespace: config.namespace,
      clock,
      random,
      logger,
      leaseSeconds: config.memberLeaseSeconds,
    }
    return buildController(
      {
        clock,
        random,
        logger,
        metrics,
        events: this.#events,
        store: new KubeStatusStore(this.#transport),
        objectStatuses: new ObjectStatusStore(this.#transport),
        guard: this.#guard,
        targets: new KubeTargetLister(this.#transport),
        creator: new KubeObjectCreator(this.#transport),
        deleter: new KubeObjectDeleter(this.#transport),
        history: this.#history(),
        payloads: new KubePayloadReader(this.#transport),
        records: new KubeShardRecords(leases),
        members: new KubeMemberLeases(leases),
        link: nats.link,
        streams: natsStreams({
          nats,
          random,
          logger,
          replicas: config.natsReplicas,
          eventsMaxBytes: config.eventsMaxBytes,
        }),
        feed: natsEvents({ nats, clock, logger }),
        beats: natsBeatFeed({ nats, clock }),
        dispatcher: natsDispatcher({ nats, clock, logger }),
        announcer: natsAnnouncer(nats),
        relistJobs: () => this.#jobs().relist(),
        dispatchPaused: () => ports.dispatch() === 'Paused',
        termChanged: (term) => this.#transport.setTerm(term),
      },
      {
        version: VERSION,
        identity,
        controllerName: config.controllerName,
        key,
        memberLeaseMs: config.memberLeaseSeconds * 1000,
        renewMs: config.renewMs,
        attemptLeaseMs: config.attemptLeaseSeconds * 1000,
        statusWriters: config.statusWriters,
        maxObjects: config.limits.maxObjects,
        maxFinishedObjects: config.limits.maxFinishedObjects,
        information: {
          perSecond: config.information.perSecond,
          share: config.information.percent / 100,
        },
      },
    )
  }

  #history(): History | null {
    const { config, ports } = this.#prepared
    const { maxBytes, maxAgeSeconds } = config.history
    if (maxBytes === 0) return null
    const { clock, random, logger } = ports
    return natsHistory({
      ...{ nats: this.#nats, clock, random, logger, replicas: config.natsReplicas },
      historyMaxBytes: maxBytes,
      historyMaxAgeSeconds: maxAgeSeconds,
    })
  }

  #jobs(): Pick<Reflector<never>, 'relist'> {
    const [jobs] = this.#reflectors
    if (!jobs) throw new Error('the watches are not built')
    return jobs
  }

  /** Jobs first: they are what a take-over waits for. */
  #buildReflectors() {
    const { config, ports } = this.#prepared
    const { clock, random, logger } = ports
    const base = {
      transport: this.#transport,
      clock,
      random,
      logger,
      pageSize: config.listPageSize,
      rolledBack: (seen: string, found: string) =>
        logger.error('the API server went back in time: restart the operator', { seen, found }),
    }
    const { jobs, queues, actions, schedules } = this.#controller
    return [
      new Reflector({
        ...base,
        name: 'queuejobs',
        path: collectionPath('QueueJob'),
        decode: decodeJob,
        watcher: jobs,
      }),
      new Reflector({
        ...base,
        name: 'queues',
        path: collectionPath('Queue'),
        decode: decodeQueue,
        watcher: queues,
      }),
      new Reflector({
        ...base,
        name: 'queueactions',
        path: collectionPath('QueueAction'),
        decode: decodeAction,
        watcher: actions,
      }),
      new Reflector({
        ...base,
        name: 'queueschedules',
        path: collectionPath('QueueSchedule'),
        decode: decodeSchedule,
        watcher: schedules,
      }),
    ] as const
  }

  #connections(): Service {
    return serviceOf({
      stop: async () => {
        this.#events.stop()
        await Promise.allSettled([this.#nats.drain(500), this.#transport.close()])
      },
    })
  }

  #controllerService(): Service {
    return serviceOf({
      start: () => this.#controller.start(),
      stop: () => this.#controller.stop(this.#prepared.config.shutdownMs * 0.6),
    })
  }

  #watches(): Service {
    return serviceOf({
      start: () => {
        for (const each of this.#reflectors) each.start()
      },
      stop: () => {
        for (const each of this.#reflectors) each.stop()
      },
    })
  }

  #metricsRoute(): Route {
    const { metrics } = this.#prepared
    const { link } = this.#nats
    metrics.onScrape((scraped) => {
      scraped.set('gopherqueue_nats_connected', link.connected ? 1 : 0)
      scraped.set('gopherqueue_build_info', 1, { version: VERSION, node: process.version })
      this.#controller.scrape(scraped)
    })
    return {
      path: '/metrics',
      handle: async () => ({
        status: 200,
        contentType: metrics.contentType,
        body: await metrics.render(),
      }),
    }
  }
}
