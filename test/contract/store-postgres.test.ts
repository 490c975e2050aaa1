import { inject } from 'vitest'
import { makeDatabase } from '../support/databases.ts'
import { makePostgresBench } from './postgresBench.ts'
import { documentStoreContract } from './store.ts'

const { databaseUrl } = inject('services')

documentStoreContract('Postgres', async () => {
  const database = await makeDatabase(databaseUrl)
  const bench = await makePostgresBench(database.url)
  return {
    ...bench,
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
})
