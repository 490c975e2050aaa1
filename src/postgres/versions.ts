/** Named states of documents. The port and its promises: `core/segments.ts`. */
import type { Epoch } from '../core/ports.ts'
import type { Version, VersionStore } from '../core/segments.ts'
import { storeContent } from './content.ts'
import type { Pools, Row } from './pool.ts'

const COLUMNS = `id, name, created_at, "offset", content, length`

/** No row: the document is gone. Its content is then rolled back. */
const SAVE = {
  name: 'save-version',
  text: `insert into document_versions (key, name, "offset", content, length)
    select key, $2, $3, $4, $5 from documents where key = $1 for key share returning ${COLUMNS}`,
}
const LIST = {
  name: 'list-versions',
  text: `select ${COLUMNS} from document_versions where key = $1 order by id desc`,
}
const FIND = {
  name: 'find-version',
  text: `select ${COLUMNS} from document_versions where key = $1 and id = $2`,
}
const REMOVE = {
  name: 'remove-version',
  text: `delete from document_versions where key = $1 and id = $2 returning 1`,
}

class NoDocument extends Error {}

export function makeVersionStore({ others, reads }: Pools): VersionStore {
  return {
    async save(epoch, version) {
      try {
        return await others.transaction(async (query) => {
          const content = await storeContent(query, 'versions/', version)
          const { name, offset, length } = version
          const [row] = await query(SAVE, [epoch, name, offset, content, length])
          if (!row) throw new NoDocument()
          return read(row)
        })
      } catch (error) {
        if (error instanceof NoDocument) return undefined
        throw error
      }
    },
    async list(epoch) {
      return (await reads.query(LIST, [epoch])).map(read)
    },
    async find(epoch, id) {
      const [row] = await reads.query(FIND, [epoch, id])
      return row && read(row)
    },
    async remove(epoch, id) {
      return (await others.query(REMOVE, [epoch, id])).length > 0
    },
  }
}

function read([id, name, createdAt, offset, content, length]: Row): Version {
  return {
    id: id as number,
    name: name as string,
    createdAt: createdAt as Date,
    offset: offset as number,
    content: content as Epoch,
    length: length as number,
  }
}
