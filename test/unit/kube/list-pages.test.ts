// A list is whole or it is an error: nothing that looks shorter than it is (B42).

import { describe, expect, it } from 'vitest'
import { KubeError } from '../../../src/kube/errors.ts'
import { listPages, type Selectors } from '../../../src/kube/list-pages.ts'
import type { KubeCall } from '../../../src/kube/transport.ts'
import { ScriptedRequests } from './doubles.ts'
import { raw } from './objects.ts'
import { list } from './scripted-api.ts'

const PATH = '/apis/gopherqueue.io/v1alpha1/queuejobs'

/** Reads the pages that these answers make, one after the other. */
async function pagesOf(
  answers: readonly unknown[],
  more: { selectors?: Selectors; maxPages?: number } = {},
) {
  const requests = new ScriptedRequests((_call, n) => answers[Math.min(n, answers.length) - 1])
  const { selectors = {}, ...options } = more
  const pages = []
  let error: unknown = null
  try {
    for await (const page of listPages(requests, PATH, selectors, { pageSize: 2, ...options })) {
      pages.push(page)
    }
  } catch (thrown) {
    error = thrown
  }
  const names = pages.map((page) => page.items.map(({ meta }) => meta.name))
  return { names, pages, error, calls: requests.calls }
}

const queryOf = (call: KubeCall | undefined) => call?.query

describe('a list', () => {
  it('is read page by page, each after the token of the one before', async () => {
    const { names, calls, error } = await pagesOf([
      list([raw(1, 5), raw(2, 6)], 100, 'A'),
      list([raw(3, 7)], 100),
    ])
    expect(error).toBeNull()
    expect(names).toEqual([['job-1', 'job-2'], ['job-3']])
    expect(calls.map(queryOf)).toEqual([{ limit: 2 }, { limit: 2, continue: 'A' }])
  })

  it('never asks for resourceVersion=0, which may show deleted objects and ignores the limit', async () => {
    const { calls } = await pagesOf([list([], 100)])
    expect(queryOf(calls[0])).not.toHaveProperty('resourceVersion')
  })

  it('asks with the same selectors on each page', async () => {
    const selectors = { label: 'a=b', field: 'status.phase=Running' }
    const { calls } = await pagesOf([list([], 100, 'A'), list([], 100)], { selectors })
    const want = { labelSelector: 'a=b', fieldSelector: 'status.phase=Running' }
    expect(calls).toHaveLength(2)
    for (const call of calls) expect(queryOf(call)).toMatchObject(want)
  })

  it('of nothing may be null', async () => {
    expect((await pagesOf([list(null, 100)])).names).toEqual([[]])
  })

  it('keeps the digits of long integers', async () => {
    const text = JSON.stringify(list([raw(1, 5, { spec: { payload: { n: 'N' } } })], 100))
    const { pages } = await pagesOf([text.replace('"N"', '9007199254740993')])
    expect(JSON.stringify(pages[0]?.items[0]?.raw.spec)).toBe('{"payload":{"n":9007199254740993}}')
  })
})

describe('a list that cannot be trusted is an error', () => {
  const good = list([raw(1, 5)], 100)
  it.each<[string, readonly unknown[], RegExp]>([
    ['no JSON', ['<html>'], /is not JSON/],
    ['cut JSON', [JSON.stringify(good).slice(0, -5)], /is not JSON/],
    ['no object', [[]], /no list/],
    ['an object of another kind', [raw(1, 5)], /no list/],
    ['no version', [{ ...good, metadata: {} }], /no resourceVersion/],
    ['version 0', [list([], '0')], /no resourceVersion/],
    ['items that are no list', [{ ...good, items: {} }], /no list/],
    ['an item that is null', [list([null], 100)], /an item has no name, uid or version/],
    ['an item without uid', [list([raw(1, 5, {}, { uid: '' })], 100)], /an item has no name/],
    [
      'an item without version',
      [list([raw(1, 5, {}, { resourceVersion: undefined })], 100)],
      /an item has no name/,
    ],
    [
      'a token that is no text',
      [{ ...good, metadata: { resourceVersion: '1', continue: 5 } }],
      /no list/,
    ],
    ['a page that comes back', [list([], 100, 'A'), list([], 100, 'A')], /repeats a page/],
  ])('%s', async (_what, answers, words) => {
    const { error } = await pagesOf(answers)
    expect(error).toBeInstanceOf(KubeError)
    expect((error as KubeError).message).toMatch(words)
  })

  it('an endless one', async () => {
    let n = 0
    const requests = new ScriptedRequests(() => list([], 100, `token-${n++}`))
    const reading = (async () => {
      const options = { pageSize: 2, maxPages: 50 }
      for await (const _ of listPages(requests, PATH, {}, options));
    })()
    await expect(reading).rejects.toThrow(/does not end/)
    expect(requests.calls).toHaveLength(50)
  })
})
