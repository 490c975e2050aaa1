import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../../src/postgres/embedded.ts'
import { silentLog } from '../redis/support.ts'
import { makePostgresBench } from './postgresBench.ts'
import { documentStoreContract } from './store.ts'

documentStoreContract('embedded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-contract-'))
  const embedded = await startEmbedded({ folder, log: silentLog })
  const bench = await makePostgresBench(embedded.url)
  return {
    ...bench,
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]()
      await embedded.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
})
