// The public surface, frozen: a difference here is a difference for every program that uses the SDK.

import { expect, it } from 'vitest'
import { declarationsOf } from './declarations.ts'

const command = 'npx vitest run --project unit test/unit/sdk/declarations.test.ts -u'

it('has the declarations that were reviewed', { timeout: 90_000 }, async () => {
  const declarations = await declarationsOf(['index', 'worker', 'testing', 'protocol'])
  const changed = `The public declarations of the SDK have changed. On purpose? ${command}\n`
  await expect(declarations, changed).toMatchFileSnapshot('../../golden/sdk.d.ts.txt')
})
