// A long step shown to people: one line that is redrawn on a terminal, one line every few seconds
// in a log. Everything goes to stderr, so that stdout stays free for results.

import type { WriteStream } from 'node:tty'

const redrawMs = 200
const logLineMs = 5_000

export interface Progress {
  /** What is going on right now, in a few words. */
  readonly say: (now: string) => void
  /** Ends the display with a last line. */
  readonly end: (last: string) => void
}

/** Seconds since a start, for people: `7 s`, `3 min 05 s`. */
export function formatElapsed(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
}

export function startProgress(
  title: string,
  why: string,
  stream: WriteStream = process.stderr,
): Progress {
  const started = Date.now()
  const inPlace = stream.isTTY === true && process.env.CI === undefined
  let now = 'starting'
  const elapsed = () => formatElapsed(Date.now() - started)
  const draw = () => {
    const line = `${title}: ${now} (${elapsed()})`
    stream.write(
      inPlace ? `\r\x1b[2K${line.slice(0, Math.max(20, stream.columns - 1))}` : `${line}\n`,
    )
  }
  stream.write(`${title}: ${why}\n`)
  const timer = setInterval(draw, inPlace ? redrawMs : logLineMs)
  timer.unref()
  return {
    say: (text) => {
      now = text
    },
    end: (last) => {
      clearInterval(timer)
      stream.write(`${inPlace ? '\r\x1b[2K' : ''}${title}: ${last} (${elapsed()})\n`)
    },
  }
}
