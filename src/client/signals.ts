/**
 * Signals of callers. A program may give one signal to ten thousand calls, and Node 20 warns of a leak
 * from the eleventh listener on: each signal is listened to once, whoever waits for it, and each call
 * gets a signal of its own.
 */

const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls `act` when the signal is aborted, at once if it is. @returns how to stop listening */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) {
    act()
    return () => {}
  }
  const acts = waiting.get(signal) ?? listenTo(signal)
  // Wrapped, so that one function can be given twice.
  const own = () => act()
  acts.add(own)
  return () => {
    acts.delete(own)
  }
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const acts = new Set<() => void>()
  waiting.set(signal, acts)
  const tellAll = () => {
    for (const act of [...acts]) act()
  }
  signal.addEventListener('abort', tellAll, { once: true })
  return acts
}

export interface Linked {
  /** Aborted with the reason of the first that is. */
  readonly signal: AbortSignal
  /** The call is over. */
  readonly release: () => void
}

export function linked(signals: readonly (AbortSignal | undefined)[]): Linked {
  const aborter = new AbortController()
  const undo = signals.map((signal) =>
    signal ? onAbort(signal, () => aborter.abort(signal.reason)) : () => {},
  )
  return {
    signal: aborter.signal,
    release: () => {
      for (const each of undo) each()
    },
  }
}

/** Runs a call under a signal of its own. */
export async function underSignals<T>(
  signals: readonly (AbortSignal | undefined)[],
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, release } = linked(signals)
  try {
    signal.throwIfAborted()
    return await run(signal)
  } finally {
    release()
  }
}
