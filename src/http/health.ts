/**
 * `/livez` and `/readyz`: 200 or 503, and one line a component in plain text, without data. What the
 * lines say is decided in `observability/health.ts`.
 */
import { type Component, judgeHealth } from '../observability/health.ts'
import { type Answer, type Route, text } from './server.ts'

export function healthRoutes(components: () => readonly Component[]): readonly Route[] {
  const answer = (well: boolean, lines: readonly string[]): Answer =>
    text(well ? 200 : 503, lines.length === 0 ? 'ok' : lines.join('\n'))
  return [
    {
      path: '/livez',
      handle: () => {
        const { alive, lines } = judgeHealth(components())
        return answer(alive, alive ? [] : lines)
      },
    },
    {
      path: '/readyz',
      handle: () => {
        const { ready, lines } = judgeHealth(components())
        return answer(ready, lines)
      },
    },
  ]
}
