import { makeLocalBus } from '../../src/local/bus.ts'
import { silentLog } from '../redis/support.ts'
import { busContract } from './bus.ts'

busContract('local', () => {
  const bus = makeLocalBus({ log: silentLog })
  return Promise.resolve({
    near: bus,
    far: bus,
    [Symbol.asyncDispose]: () => bus.close(),
  })
})
