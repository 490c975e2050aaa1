import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { makeCluster } from '../support/cluster.ts'
import { withClient } from '../support/databases.ts'
import type { TestNode } from '../support/nodes.ts'
import { hasPgDump } from '../support/servers.ts'
import { until } from '../support/wait.ts'
import { roomsOf } from '../support/yjs.ts'
import { makePeer } from '../support/yjsPeers.ts'
import { connectZwibbler } from '../support/zwibbler.ts'

const run = promisify(execFile)
const { databaseUrl: server } = inject('services')
const ids = ['drawing', 'yjs/room']
/** The same database, as it was when it was dumped. */
async function restore(url: string, file: string): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  await withClient(server, async (client) => {
    await client.query(`drop database ${name} with (force)`)
    await client.query(`create database ${name} template template0`)
  })
  await run('pg_restore', ['--no-owner', '--exit-on-error', '--dbname', url, file])
}

test.skipIf(!hasPgDump)(
  'a backup made while everybody works is restored: what it has is there, and clients come back and bring what it lacks',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lengthwise-backup-'))
    const file = join(folder, 'backup')
    try {
      await using cluster = await makeCluster(2, { env: { DRAIN_MS: '500' } })
      const [near, far] = cluster.nodes as [TestNode, TestNode]
      await using ann = await makePeer(roomsOf(near), 'room').synced()
      await using drawing = connectZwibbler(near.url, 'drawing')
      await drawing.joined()
      ann.text.insert(0, 'before. ')
      expect(await drawing.append('before. ')).toMatchObject({ kind: 'stored' })
      await using bob = makePeer(roomsOf(far), 'room')
      await bob.hears('before. ')
      const epochs = async () =>
        await Promise.all(ids.map(async (id) => (await near.document(id))!.epoch))
      const then = await epochs()

      await run('pg_dump', ['--format=custom', '--file', file, cluster.databaseUrl])
      ann.text.insert(8, 'after. ')
      await bob.hears('after. ')
      expect(await drawing.append('after. ')).toMatchObject({ kind: 'stored' })
      await Promise.all(cluster.nodes.map((node) => node.stop()))
      await restore(cluster.databaseUrl, file)
      const { stdout } = await run(process.execPath, ['dist/main.js', 'restored'], {
        env: { ...process.env, DATABASE_URL: cluster.databaseUrl },
      })
      expect(stdout).toContain('2 documents have a new epoch')
      await Promise.all(cluster.nodes.map((node) => node.start()))

      await using late = connectZwibbler(far.url, 'drawing')
      await late.hears('before. ')
      expect(late.text()).toBe('before. ')
      expect(await late.append('again. ')).toMatchObject({ kind: 'stored' })
      // The pages of before, at the ports that the nodes have now.
      await using annAgain = makePeer(roomsOf(near), 'room', { doc: ann.doc })
      await using eve = makePeer(roomsOf(far), 'room')
      await eve.hears('before. after. ')
      await using bobAgain = makePeer(roomsOf(far), 'room', { doc: bob.doc })
      annAgain.text.insert(15, 'again. ')
      for (const { text } of [bobAgain, eve])
        await until('all have all', () => text.toJSON() === 'before. after. again. ')
      for (const [at, epoch] of (await epochs()).entries()) expect(epoch).toBeGreaterThan(then[at]!)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
