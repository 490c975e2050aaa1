import { makeAppendFaults } from '../../src/local/faults.ts'
import { makeLocalStore } from '../../src/local/store.ts'
import { documentStoreContract } from './store.ts'

documentStoreContract('in-memory', () => {
  const faults = makeAppendFaults()
  const store = makeLocalStore(faults)
  return Promise.resolve({
    near: store,
    far: store,
    nodes: ['one', 'two'],
    lock(epoch) {
      const unlock = faults.lock(epoch)
      return Promise.resolve(() => {
        unlock()
        return Promise.resolve()
      })
    },
    loseRow(epoch, offset) {
      store.loseRow(epoch, offset)
      return Promise.resolve()
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
})
