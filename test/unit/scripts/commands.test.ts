// Every command of this project that a page, a message or a comment tells people to type exists.

import { describe, expect, it } from 'vitest'
import { readText, repositoryFiles } from '../../../scripts/repository.ts'

const { scripts } = JSON.parse(readText('package.json')) as {
  scripts: Readonly<Record<string, string>>
}
const TYPED = /\bnpm (?:run (?:-s |--silent )?([a-z][a-z:-]*)|(test)\b)/g

/** Names of scripts that a text tells people to run. */
function commandsIn(text: string): readonly string[] {
  return [...text.matchAll(TYPED)].map(([, run, test]) => run ?? test ?? '')
}

describe('a command that people are told to type', () => {
  const files = repositoryFiles().filter((file) =>
    /\.(md|ts|mjs|yaml)$|^Dockerfile$|^\.ci\//.test(file),
  )
  it('exists', () => {
    const missing = files.flatMap((file) =>
      commandsIn(readText(file))
        .filter((name) => !(name in scripts))
        .map((name) => `${file}: npm run ${name}`),
    )
    expect(missing).toEqual([])
  })
  it('is found in its usual forms', () => {
    const text =
      '`npm run verify`, npm run -s demo:env; npm test, npm run test:unit -- x, npm testing'
    expect(commandsIn(text)).toEqual(['verify', 'demo:env', 'test', 'test:unit'])
  })
  it('runs in a fresh clone', () => {
    for (const [name, command] of Object.entries(scripts)) {
      expect(command, name).toMatch(/^node scripts\/bootstrap\.mjs (node|vitest|tsc|biome) /)
    }
  })
})
