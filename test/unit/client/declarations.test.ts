// The public surface of the client, frozen: a difference here is a difference for every program that
// submits jobs.

import { expect, it } from 'vitest'
import { declarationsOf } from '../sdk/declarations.ts'

const command = 'npx vitest run --project unit test/unit/client/declarations.test.ts -u'

it('has the declarations that were reviewed', { timeout: 90_000 }, async () => {
  const changed = `The public declarations of the client have changed. On purpose? ${command}\n`
  const declarations = await declarationsOf(['client'])
  await expect(declarations, changed).toMatchFileSnapshot('../../golden/client.d.ts.txt')
})
