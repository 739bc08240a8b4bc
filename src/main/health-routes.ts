/**
 * `/livez` and `/readyz`: one line a component, without data. Live as long as the process answers: a
 * restart mends nothing that is outside. Ready when nothing is wrong with any component; the lines
 * say which is.
 */
import { type Route, text } from '../http/server.ts'

export interface Component {
  readonly name: string
  /** One line; '' = well. */
  readonly problem: string
}

export function healthRoutes(components: () => readonly Component[]): readonly Route[] {
  return [
    { path: '/livez', handle: () => text(200, 'ok') },
    {
      path: '/readyz',
      handle: () => {
        const all = components()
        const well = all.every(({ problem }) => problem === '')
        const lines = all.map(
          ({ name, problem }) =>
            `${problem === '' ? 'ok' : 'not ready'} ${name}${problem === '' ? '' : `: ${problem}`}`,
        )
        return text(well ? 200 : 503, lines.join('\n'))
      },
    },
  ]
}
