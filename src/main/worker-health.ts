/** /livez, /readyz and /metrics of a worker; what they say is decided in `worker/health.ts`. */
import type { MetricsRegistry } from '../http/metrics.ts'
import { type Route, text } from '../http/server.ts'
import { judgeHealth } from '../observability/health.ts'
import { workerComponents } from '../worker/health.ts'
import type { WorkerState } from '../worker/state.ts'

export interface HealthSources {
  readonly state: () => WorkerState
  /** '' = connected. */
  readonly natsProblem: () => string
  readonly metrics: MetricsRegistry
}

export function workerRoutes({ state, natsProblem, metrics }: HealthSources): readonly Route[] {
  const health = () => judgeHealth(workerComponents(state(), natsProblem()))
  const answer = (ok: boolean, lines: readonly string[]) => text(ok ? 200 : 503, lines.join('\n'))
  return [
    {
      path: '/livez',
      handle: () => {
        const { alive, lines } = health()
        return answer(alive, lines)
      },
    },
    {
      path: '/readyz',
      handle: () => {
        const { ready, lines } = health()
        return answer(ready, lines)
      },
    },
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
