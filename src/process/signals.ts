/**
 * SIGTERM and SIGINT as one AbortSignal. The first signal asks: everything that waits ends, what runs
 * is handed over. The second one means it: the process ends at once, with code 1, because what it held
 * was not handed over. Whoever runs the process decides how long it may take; nothing here does.
 */
export interface SignalSource {
  on(name: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
  off(name: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
}

export interface StopSignal {
  readonly signal: AbortSignal
  /** Back to what the system does with these signals. */
  release(): void
}

export interface StopSignalOptions {
  readonly source: SignalSource
  readonly exit: (code: number) => void
  /** Called with the name of each signal: for the log. */
  readonly heard: (name: string, count: number) => void
}

const NAMES = ['SIGTERM', 'SIGINT'] as const
/** names.md, "Exit codes": no clean stop. */
const CUT_OFF = 1

export function stopSignal({ source, exit, heard }: StopSignalOptions): StopSignal {
  const stopper = new AbortController()
  let count = 0
  const listeners = NAMES.map((name) => {
    const listener = () => {
      count++
      heard(name, count)
      if (count === 1) stopper.abort()
      else exit(CUT_OFF)
    }
    source.on(name, listener)
    return [name, listener] as const
  })
  return {
    signal: stopper.signal,
    release() {
      for (const [name, listener] of listeners) source.off(name, listener)
    },
  }
}
