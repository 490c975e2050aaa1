/** The servers that are compared, and how each is told to keep what it is given. */
import { startNode } from '../../support/nodes.mjs'
import { makeFolder, startHocuspocus, startReference } from '../../support/peers.mjs'

export const YJS_PATH = '/yjs/'

/** What a load generator must know of a server. */
export const asServer = ({ port }, dialect = 'y-websocket', path = '/') => ({ port, dialect, path })

/**
 * Ours on a database of its own, the others with folders of their own that outlive them.
 * @param isShared servers share their rooms by Redis; otherwise each is alone and without it
 * @returns by name, how to start one; and how to remove the folders
 */
export async function makeServers({ place, freshDatabase, isShared = false }) {
  const { url: databaseUrl } = await freshDatabase()
  const redisUrl = isShared ? place.redisUrl : undefined
  const [leveldb, files] = [await makeFolder(), await makeFolder()]
  const make = (start, dialect, path) => async (options) => {
    const { pid, port, stop } = await start(options)
    return { pid, stop, server: asServer({ port }, dialect, path) }
  }
  return {
    databaseName: new URL(databaseUrl).pathname.slice(1),
    start: {
      ours: make(
        (options) => startNode({ dist: place.dist, databaseUrl, redisUrl, ...options }),
        'y-websocket',
        YJS_PATH,
      ),
      reference: make((options) => startReference({ folder: leveldb.folder, ...options })),
      referenceInMemory: make((options) => startReference({ ...options, folder: undefined })),
      hocuspocus: make(
        (options) => startHocuspocus({ folder: files.folder, redisUrl, ...options }),
        'hocuspocus',
      ),
    },
    async remove() {
      await leveldb.remove()
      await files.remove()
    },
  }
}

/** The names of those whose rooms outlive them. */
export const LASTING = ['ours', 'reference', 'hocuspocus']

export const titles = {
  ours: 'ours',
  reference: '@y/websocket-server',
  referenceInMemory: 'the same without LevelDB',
  hocuspocus: 'Hocuspocus',
}
