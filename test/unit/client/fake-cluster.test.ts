// The fake keeps the same promises as the genuine adapter: the suite of test/contract/client runs on both.

import { describeStore } from '../../contract/client/store-suite.ts'
import { FakeActions, FakeCluster, someone } from './fake-cluster.ts'

describeStore('the cluster in memory', async () => {
  const cluster = new FakeCluster()
  return {
    store: cluster,
    feed: cluster,
    actions: new FakeActions(),
    identity: someone,
    namespace: 'shop',
    setPhase: async (key, phase) => {
      cluster.put({ namespace: key.namespace, name: key.name }, { phase })
    },
    remove: async (key) => cluster.remove(key),
    ancient: '1',
  }
})
