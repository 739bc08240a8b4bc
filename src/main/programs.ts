/**
 * The programs that `gopherqueue` runs, each from its configuration to its exit code. How they are
 * built stands in their own files, which are loaded only when they are needed: help and version need
 * neither Kubernetes nor NATS.
 */
import { type OperatorConfig, partsOf, type WorkerConfig } from '../api/config.ts'
import { type Service, ServiceGroup, serviceOf } from '../runtime/service.ts'
import type { ProcessPorts, Programs, Run } from './process-ports.ts'
import { runUntilStopped } from './run.ts'
import type { RunningWorker } from './worker.ts'

export const PROGRAMS: Programs = {
  async operator(run) {
    const operator = await openOperator(run.config, run)
    return runUntilStopped({
      service: operator,
      name: 'operator',
      signal: run.signal,
      wait: run.config.wait,
      components: () => operator.components(),
      ...timeAndLog(run.ports),
    })
  },

  async worker({ config, ports, signal, handlersFile }) {
    const worker = await workerService(config, ports, handlersFile)
    // It waits for its own connection, or does not, as the configuration says.
    const wait = true
    const components = () => []
    const life = { signal, wait, components, ...timeAndLog(ports) }
    return runUntilStopped({ service: worker, name: 'worker', ...life })
  },

  /** The worker first ends, then the operator that takes what it hands back. */
  async standalone({ config, live, ports, signal, handlersFile }) {
    const parts = partsOf(config)
    const operator = await openOperator(parts.operator, { live, ports })
    // Two servers of one process cannot have one port; the operator's is the one that was asked for.
    const worker = await workerService({ ...parts.worker, httpPort: 0 }, ports, handlersFile)
    const service = new ServiceGroup({
      clock: ports.clock,
      stopWithinMs: config.graceSeconds * 1000 + config.shutdownMs + CLOSE_WITHIN_MS,
      members: [
        { name: 'operator', service: operator },
        { name: 'worker', service: worker },
      ],
    })
    return runUntilStopped({
      service,
      name: 'standalone',
      signal,
      wait: config.wait,
      components: () => operator.components(),
      ...timeAndLog(ports),
    })
  },
}

/** For what a worker closes after its drain. */
const CLOSE_WITHIN_MS = 10_000

const timeAndLog = ({ clock, logger }: ProcessPorts) => ({ clock, logger })

async function openOperator(
  config: OperatorConfig,
  { live, ports }: Pick<Run<{ readonly dispatch: OperatorConfig['dispatch'] }>, 'live' | 'ports'>,
) {
  const { buildOperator } = await import('./operator.ts')
  return buildOperator(config, { ...ports, dispatch: () => live.current.dispatch })
}

async function workerService(
  config: WorkerConfig,
  { clock, random, logger, output }: ProcessPorts,
  handlersFile: string,
): Promise<Service> {
  const { loadHandlers } = await import('./handlers-file.ts')
  const { startWorker } = await import('./worker.ts')
  const { handlers, deps } = await loadHandlers(handlersFile)
  let worker: RunningWorker | null = null
  return serviceOf({
    start: async () => {
      const host = { clock, random, logger, output }
      worker = await startWorker({ ...config, handlers, ...(deps ? { deps } : {}) }, host)
    },
    stop: () => worker?.stop(),
  })
}
