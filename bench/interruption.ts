// Ctrl-C as an AbortSignal: the first one asks for an end in good order, a second one ends the process
// at once. Even then nothing is left behind: devcluster/cleanup.ts takes the cluster down.

/** Aborted by SIGINT, SIGTERM or SIGHUP. */
export function interruption(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(130)
      process.stderr.write('\nending what was started; once more ends it at once\n')
      stop.abort(new Error(`interrupted by ${name}`))
    })
  }
  return stop.signal
}

/** Resolves when the signal is aborted, and keeps the process alive until then. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const ended = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => ended.resolve(), { once: true })
  // A listener of a signal alone does not keep a process alive.
  const hold = setInterval(() => undefined, 3_600_000)
  await ended.promise
  clearInterval(hold)
}
