/**
 * The stop button: `gq pause --all-namespaces` pauses every queue there is, with one action in each
 * namespace, and `gq resume --all-namespaces` lifts that. A namespace where jobs ran has a Queue, also
 * when nobody wrote one: the operator makes `Queue/default` at the first job (resources.md).
 *
 * What it cannot hold: queues that are created later, and a cluster whose operator does not run. The
 * operator's own switch, `dispatch: Paused` in its configuration, holds everything at once.
 */
import type { StoredObject } from '../kube/client-objects.ts'
import { type Ask, actionOf, carryOut } from './acts.ts'
import { inParallel } from './bounded.ts'
import { stopUnlessMeant } from './bulk.ts'
import { EXIT, UsageError } from './exit.ts'
import type { Given } from './given.ts'
import type { Context } from './ports.ts'
import { listed, warnOfSpec } from './queues.ts'

export const pauseEverything = switchOf('Pause')
export const resumeEverything = switchOf('Resume')

export const DISPATCH_HINT =
  "The operator's own switch holds everything at once, also queues that do not exist yet: dispatch: Paused in its configuration."

function switchOf(action: 'Pause' | 'Resume') {
  return async (context: Context, given: Given): Promise<number> => {
    const verb = action.toLowerCase()
    if (!given.on('all-namespaces')) {
      throw new UsageError(
        `gq ${verb} is for the whole cluster and needs --all-namespaces (-A)`,
        `for queues of one namespace: gq queue ${verb} NAME, or gq queue ${verb} --all`,
      )
    }
    const namespaces = await queuesByNamespace(context)
    const queues = [...namespaces.values()].flat()
    if (queues.length === 0) {
      context.output.note('no queue in any namespace; nothing was changed\n')
      return EXIT.done
    }
    const stop = await stopUnlessMeant(context, given, {
      act: `${action} ${queues.length} queues in ${namespaces.size} namespaces (${listed([...namespaces.keys()])})`,
      mind: action === 'Pause' ? `Running attempts go on. ${DISPATCH_HINT}` : '',
    })
    if (stop !== null) return stop
    warnOfSpec(context, action, queues)
    const cluster = await context.cluster()
    const asks = await inParallel([...namespaces.keys()], 8, async (namespace): Promise<Ask> => {
      const spec = await actionOf(cluster, given, { action, target: { kind: 'Queue', all: true } })
      return { namespace, about: 'all queues', prefix: `${verb}-everything`, spec }
    })
    return carryOut(context, given, asks)
  }
}

async function queuesByNamespace(
  context: Context,
): Promise<ReadonlyMap<string, readonly StoredObject[]>> {
  const { objects } = await context.cluster()
  const found = new Map<string, StoredObject[]>()
  for await (const page of objects.pages('Queue', '', {}, context.signal)) {
    for (const queue of page) {
      const { namespace } = queue.meta
      found.set(namespace, [...(found.get(namespace) ?? []), queue])
    }
  }
  return found
}
