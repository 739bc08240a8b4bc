// What a process costs, as the Linux kernel counts it: CPU time and resident memory from /proc.
// Elsewhere there is no /proc, and the benchmarks say so instead of a number.

import { readFileSync } from 'node:fs'

// USER_HZ: fixed at 100 for everything that user space reads, whatever the kernel's own tick is.
const tickMs = 10

export interface ProcessCost {
  /** CPU time since its start, user and system, all threads, in ms. */
  readonly cpuMs: number
  readonly residentBytes: number
}

/** Undefined where the system has no /proc, or the process is gone. */
export function costOf(pid: number): ProcessCost | undefined {
  try {
    return parseCost(
      readFileSync(`/proc/${pid}/stat`, 'utf8'),
      readFileSync(`/proc/${pid}/status`, 'utf8'),
    )
  } catch {
    return undefined
  }
}

/** From the content of /proc/PID/stat and /proc/PID/status (proc(5)). */
export function parseCost(stat: string, status: string): ProcessCost | undefined {
  // The second field is the program's name in parentheses; it may hold spaces and parentheses.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/)
  // Fields 14 and 15, counted from 1; field 3 is the first one behind the name.
  const ticks = Number(fields[11]) + Number(fields[12])
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  if (!Number.isFinite(ticks) || resident === undefined) return undefined
  return { cpuMs: ticks * tickMs, residentBytes: Number(resident) * 1024 }
}
