/** What to say when a name is not there: the nearest names that are, as far as they may be listed. */
import { KINDS, type Kind } from '../api/conditions.ts'
import { sentence } from '../api/reasons.ts'
import { nearestName } from '../core/nearest.ts'
import { NotFound } from './exit.ts'
import type { Context } from './ports.ts'

/** Names that are looked at: one page. */
const LOOK_MS = 5_000

export async function notFound(
  context: Context,
  kind: Kind,
  key: { readonly namespace: string; readonly name: string },
): Promise<NotFound> {
  const { namespace, name } = key
  const near = nearestName(name, await namesIn(context, kind, namespace))
  const all = `kubectl -n ${namespace} get ${KINDS[kind].shortName}`
  return new NotFound(
    sentence('TargetNotFound', { kind, namespace, name }),
    near === null ? `see what there is: ${all}` : `did you mean ${near}? see what there is: ${all}`,
  )
}

/** Only a help: no list, no names. */
async function namesIn(
  context: Context,
  kind: Kind,
  namespace: string,
): Promise<readonly string[]> {
  const aborter = new AbortController()
  const disarm = context.clock.after(LOOK_MS, () => aborter.abort())
  try {
    const { objects } = await context.cluster()
    for await (const page of objects.pages(kind, namespace, {}, aborter.signal)) {
      return page.map(({ meta }) => meta.name)
    }
    return []
  } catch {
    return []
  } finally {
    disarm()
  }
}
