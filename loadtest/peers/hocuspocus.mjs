/**
 * Hocuspocus as its manual has it, with Redis between instances. FOLDER keeps rooms in files, whole, when Hocuspocus says
 * so: the cheapest store there is.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from '@hocuspocus/extension-redis'
import { Server } from '@hocuspocus/server'
import * as Y from 'yjs'

const { FOLDER, REDIS_HOST, REDIS_PORT, REDIS_PREFIX } = process.env
const fileOf = (name) => join(FOLDER, encodeURIComponent(name))
await mkdir(FOLDER, { recursive: true })

const files = {
  async onLoadDocument({ documentName, document }) {
    const bytes = await readFile(fileOf(documentName)).catch(() => undefined)
    if (bytes) Y.applyUpdate(document, bytes)
  },
  async onStoreDocument({ documentName, document }) {
    const file = fileOf(documentName)
    await writeFile(`${file}.new`, Y.encodeStateAsUpdate(document))
    await rename(`${file}.new`, file)
  },
}

const redis = REDIS_HOST
  ? [new Redis({ host: REDIS_HOST, port: Number(REDIS_PORT), prefix: REDIS_PREFIX })]
  : []
const server = new Server({
  ...{ port: 0, address: '127.0.0.1', quiet: true, stopOnSignals: false },
  extensions: [...redis, files],
})
await server.listen()
console.log(JSON.stringify({ port: server.address.port }))
const { error } = console
console.error = (...what) => {
  // Said each time that Redis lets the other one store.
  if (what[0] !== '[onStoreDocument]') error(...what)
}
process.once('SIGTERM', () => void server.destroy().then(() => process.exit(0)))
