/** /livez, /readyz and /metrics of a worker; what they say is decided in `worker/health.ts`. */
import type { MetricsRegistry } from '../http/metrics.ts'
import { type Route, text } from '../http/server.ts'
import { type Health, liveness, readiness } from '../worker/health.ts'
import type { WorkerState } from '../worker/loop.ts'

export interface HealthSources {
  readonly state: () => WorkerState
  /** '' = connected. */
  readonly natsProblem: () => string
  readonly metrics: MetricsRegistry
}

export function workerRoutes({ state, natsProblem, metrics }: HealthSources): readonly Route[] {
  const answer = ({ ok, says }: Health) => text(ok ? 200 : 503, says)
  return [
    { path: '/livez', handle: () => answer(liveness(state())) },
    { path: '/readyz', handle: () => answer(readiness(state(), natsProblem())) },
    {
      path: '/metrics',
      handle: async () => ({
        status: 200,
        contentType: metrics.contentType,
        body: await metrics.render(),
      }),
    },
  ]
}
