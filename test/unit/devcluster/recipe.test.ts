// Under which name a built program is found again.

import { describe, expect, it } from 'vitest'
import { cacheFolder } from '../../../devcluster/build.ts'
import {
  controlPlaneRecipe,
  kubernetesVersion,
  natsRecipe,
  recipeKey,
} from '../../../devcluster/recipe.ts'

describe('recipeKey', () => {
  const inputs = { 'go.mod': 'module a', 'main.go': 'package main', arch: 'x64' }
  const key = (changed: Record<string, string>) =>
    recipeKey({ slug: 'controlplane', inputs: changed })

  it('is the same for the same inputs in another order', () => {
    const reversed = Object.fromEntries(Object.entries(inputs).reverse())
    expect(key(reversed)).toBe(key(inputs))
  })

  it('changes with every single input', () => {
    const changed = Object.keys(inputs).map((name) => key({ ...inputs, [name]: 'other' }))
    expect(new Set([...changed, key(inputs)]).size).toBe(Object.keys(inputs).length + 1)
  })

  it('does not confuse where one input ends and the next begins', () => {
    expect(key({ a: 'x;1:b=1:y', b: '' })).not.toBe(key({ a: 'x', b: 'y' }))
    expect(key({ ab: 'c' })).not.toBe(key({ a: 'bc' }))
  })

  it('is a folder name that says what is in it', () => {
    expect(key(inputs)).toMatch(/^controlplane-[0-9a-f]{16}$/)
  })
})

describe('the recipes', () => {
  it('hold everything of the Go module that decides the control plane', () => {
    const { inputs } = controlPlaneRecipe()
    expect(Object.keys(inputs).sort()).toEqual([
      'arch',
      'cgo',
      'flags',
      'go.mod',
      'go.sum',
      'main.go',
      'os',
    ])
  })

  it('stamp the Kubernetes version that go.mod requires', () => {
    const { inputs } = controlPlaneRecipe()
    expect(inputs['go.mod']).toContain(`k8s.io/kubernetes v${kubernetesVersion}\n`)
    expect(inputs.flags).toContain(`version.gitVersion=v${kubernetesVersion} `)
  })

  it('give each nats-server version a place of its own', () => {
    expect(recipeKey(natsRecipe('2.10.27'))).not.toBe(recipeKey(natsRecipe()))
  })
})

describe('cacheFolder', () => {
  it('follows XDG_CACHE_HOME', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/elsewhere' })).toBe('/elsewhere/gopherqueue')
  })

  it('ignores a relative XDG_CACHE_HOME, as the specification says', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: 'cache' })).toMatch(/^\/.*\/\.cache\/gopherqueue$/)
  })
})
