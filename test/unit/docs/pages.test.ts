// Every page of the documentation against what there is. A page that names what is gone fails here, not
// at its reader's.

import { describe, expect, it } from 'vitest'
import { readText, repositoryFiles } from '../../../scripts/repository.ts'
import {
  FAILURE_CATEGORIES,
  JOB_CONDITIONS,
  KINDS,
  PHASES,
  QUEUE_CONDITIONS,
} from '../../../src/api/conditions.ts'
import { REASON_NAMES } from '../../../src/api/reasons.ts'
import { NOT_YET_SUPPORTED } from '../../../src/api/served.ts'
import { METRIC_ROWS } from '../../../src/observability/metrics.ts'
import { RINGS } from '../../architecture/rooms.ts'
import { anchorsOf, type Known, problemsIn } from './references.ts'

const files = repositoryFiles()
const pages = files.filter((file) => file.endsWith('.md'))

/** Words in several humps that are others' names, or those of our SDK and of code that a page explains. */
const OTHER_WORDS = [
  'AbortSignal',
  'AlreadyExists',
  'ClusterFull',
  'GopherQueue',
  'GopherQueueError',
  'RetryAfter',
  'SeededRandom',
  'SubmissionUnknown',
  'VirtualClock',
  'WaitTimeout',
]

const exported = (file: string) =>
  [...readText(file).matchAll(/\b(?:class|interface|type|const|function) (\w+)/g)].map(
    ([, name = '']) => name,
  )

const known: Known = {
  files: new Set(files),
  read: readText,
  scripts: new Set(
    Object.keys((JSON.parse(readText('package.json')) as { scripts: object }).scripts),
  ),
  metrics: new Set(METRIC_ROWS.map(({ name }) => name)),
  words: new Set([
    ...REASON_NAMES,
    ...PHASES,
    ...FAILURE_CATEGORIES,
    ...JOB_CONDITIONS,
    ...QUEUE_CONDITIONS,
    ...Object.keys(KINDS),
    ...exported('test/golden/sdk.d.ts.txt'),
    ...exported('test/golden/client.d.ts.txt'),
    ...OTHER_WORDS,
  ]),
  rooms: RINGS.flat(),
}

describe('a page names only what there is', () => {
  it.each(pages)('%s', (page) => {
    expect(problemsIn(page, readText(page), known)).toEqual([])
  })

  it.each([
    ['[a](gone.md)', 'the link gone.md leads nowhere'],
    ['[a](../../outside.md)', 'the link ../../outside.md leads nowhere'],
    ['[a](README.md#nowhere)', 'docs/README.md has no heading #nowhere'],
    ['[a](#nowhere)', 'docs/README.md has no heading #nowhere'],
    [`\`\`\`sh\nnpm run ${'gone'}\n\`\`\``, 'package.json has no script gone'],
    [`\`npm run -s ${'gone'}\``, 'package.json has no script gone'],
    ['`src/gone.ts`', 'there is no src/gone.ts'],
    ['see `core/gone.ts`, then', 'there is no src/core/gone.ts'],
    ['```sh\nkubectl apply -f examples/gone.yaml\n```', 'there is no examples/gone.yaml'],
    ['`gopherqueue_gone_total`', 'there is no metric gopherqueue_gone_total'],
    ['reason `GoneReason`', 'nothing is called GoneReason'],
  ])('is told of %j', (text, problem) => {
    expect(problemsIn('docs/README.md', text, known)).toEqual([`docs/README.md: ${problem}`])
  })

  it.each([
    '[a](../README.md#a-first-job) and [b](https://example.com/gone.md)',
    '[a](protocol) and [b](decisions/README.md)',
    '`npm run -s demo:env`, `npm test -- test/unit/core/ids.test.ts`',
    '`core/ids.ts`, `src/api/`, `test/fixtures/<version>/`, `gopherqueue_…`',
    '`NoWorkers`, `QueueJob`, `observedGeneration`',
  ])('is fine with %j', (text) => {
    expect(problemsIn('docs/README.md', text, known)).toEqual([])
  })

  it('knows the headings of a page as GitHub links to them', () => {
    expect(anchorsOf('# A, b (`c`)\n## 4. The way of one job\n```\n# no\n```\n')).toEqual(
      new Set(['a-b-c', '4-the-way-of-one-job']),
    )
  })
})

describe('the pages keep up with the code', () => {
  const unserved = (kind: keyof typeof NOT_YET_SUPPORTED) =>
    NOT_YET_SUPPORTED[kind].filter(({ served }) => served === undefined).map(({ path }) => path)

  it.each(['README.md', 'docs/job-model.md'])(
    '%s names every field of a job that is not served',
    (page) => {
      expect(
        unserved('QueueJob').filter((path) => !readText(page).includes(`\`${path}\``)),
      ).toEqual([])
    },
  )

  it('docs/resources.md names every field of queues and actions that is not served', () => {
    const text = readText('docs/resources.md')
    const paths = [...unserved('Queue'), ...unserved('QueueAction')]
    expect(paths.filter((path) => !text.includes(`\`${path}\``))).toEqual([])
  })

  const cited = (pattern: RegExp) => {
    const sources = files.filter((file) => /^(src|test)\/.*\.ts$/.test(file))
    const ids = sources.flatMap((file) =>
      [...readText(file).matchAll(pattern)].map(([, id = '']) => id),
    )
    return [...new Set(ids)].sort()
  }

  it('docs/dispatch-protocol.md has every rule that a comment cites', () => {
    const text = readText('docs/dispatch-protocol.md')
    const ids = cited(/\bprotocol ([A-Z]\d)\b/g)
    expect(ids.length).toBeGreaterThan(20)
    expect(ids.filter((id) => !text.includes(`| ${id} |`) && !text.includes(`**${id}**`))).toEqual(
      [],
    )
  })

  it('docs/bad-input.md has every class that a comment cites', () => {
    const has = new Set<string>()
    for (const [, first, last] of readText('docs/bad-input.md').matchAll(/\bB(\d+)(?:–B(\d+))?/g)) {
      for (let n = Number(first); n <= Number(last ?? first); n++) has.add(`B${n}`)
    }
    const ids = cited(/\breliability (B\d+)\b/g)
    expect(ids.length).toBeGreaterThan(3)
    expect(ids.filter((id) => !has.has(id))).toEqual([])
  })

  it('docs/README.md lists every page, docs/decisions/README.md every decision', () => {
    const listed = (index: string, folder: string) => {
      const text = readText(index)
      return pages
        .filter((page) => page.startsWith(folder) && page !== index)
        .map((page) => page.slice(folder.length))
        .filter((page) => !page.includes('/') && !text.includes(`](${page})`))
    }
    expect(listed('docs/README.md', 'docs/')).toEqual([])
    expect(listed('docs/decisions/README.md', 'docs/decisions/')).toEqual([])
  })
})
