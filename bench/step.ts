// A long step shown to people while it goes on (devcluster/progress.ts), ended also when it fails.

import { startProgress } from '../devcluster/progress.ts'

/**
 * @param why what it does, for whoever waits
 * @param work calls `say` with what is going on right now
 * @param last the last line of the display, from the result
 */
export async function step<T>(
  title: string,
  why: string,
  work: (say: (now: string) => void) => Promise<T>,
  last: (result: T) => string = () => 'done',
): Promise<T> {
  const progress = startProgress(title, why)
  try {
    const result = await work(progress.say)
    progress.end(last(result))
    return result
  } catch (error) {
    progress.end('not finished')
    throw error
  }
}
