// Shows the jobs until they have ended: on a terminal as a table that redraws itself, elsewhere as a line
// for each change. The jobs are listed four times a second; a watch would show people the same.

import type { WriteStream } from 'node:tty'
import { createLogUpdate } from 'log-update'
import { type Clock, sleep } from '../src/core/clock.ts'
import { collectionPath } from '../src/kube/paths.ts'
import type { KubeTransport } from '../src/kube/transport.ts'
import { changesBetween, type JobView, jobsTable, viewsOf } from './job-view.ts'

const lookEveryMs = 250

/** Where the jobs are drawn. */
export interface Picture {
  readonly draw: (views: readonly JobView[]) => void
  /** A line that stays. */
  readonly say: (line: string) => void
  readonly end: () => void
}

export function pictureOn(stream: WriteStream): Picture {
  return stream.isTTY === true ? redrawn(stream) : logged(stream)
}

function redrawn(stream: WriteStream): Picture {
  const update = createLogUpdate(stream)
  return {
    draw: (views) => update(jobsTable(views)),
    say: (line) => update.persist(line),
    end: () => update.done(),
  }
}

function logged(stream: WriteStream): Picture {
  let before: readonly JobView[] = []
  return {
    draw: (views) => {
      for (const line of changesBetween(before, views)) stream.write(`  ${line}\n`)
      before = views
    },
    say: (line) => stream.write(`${line}\n`),
    end: () => undefined,
  }
}

export interface Watching {
  readonly api: KubeTransport
  readonly clock: Clock
  readonly namespace: string
  readonly picture: Picture
  readonly withinMs: number
  readonly signal: AbortSignal
}

/**
 * Draws the jobs and hands them to `enough`, again and again until it answers true or the time is over.
 * Resolves with the last picture, whatever it shows.
 */
export async function showJobs(
  { api, clock, namespace, picture, withinMs, signal }: Watching,
  enough: (views: readonly JobView[]) => boolean | Promise<boolean>,
): Promise<readonly JobView[]> {
  const path = collectionPath('QueueJob', namespace)
  const deadline = clock.monotonic() + withinMs
  try {
    for (;;) {
      const views = viewsOf(await api.request({ verb: 'GET', path, signal }))
      picture.draw(views)
      if ((await enough(views)) || clock.monotonic() > deadline) return views
      await sleep(clock, lookEveryMs, signal)
      signal.throwIfAborted()
    }
  } finally {
    picture.end()
  }
}
