// What operator and worker of the system suites count, as Prometheus sees it.

import { type Program, read } from './system.ts'

/** A number by the start of its series, such as `name{kind="beat"`; several are added up, none is 0. */
export type Scraped = (series: string) => number

export async function scrape(program: Program): Promise<Scraped> {
  const log = read(program.log)
  const said = /"metrics":"([^"]+)"/.exec(log) ?? /"health":"([^"]+)"/.exec(log)
  const url = `${said?.[1]?.replace(/\/metrics$/, '')}/metrics`
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  const lines = (await answer.text()).split('\n').filter((line) => !line.startsWith('#'))
  return (series) =>
    lines
      .filter((line) => line.startsWith(series))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
