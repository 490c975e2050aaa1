import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Link } from '../../src/redis/link.ts'
import { makeShards } from '../../src/redis/shards.ts'
import { slotOf } from '../../src/redis/slots.ts'
import { hasRedisServer } from '../support/servers.ts'
import { until } from '../support/wait.ts'
import { startCluster } from './cluster.ts'
import type { OwnCluster } from './cluster.ts'
import { silentLog } from './support.ts'

/** A link that only writes down what it is told. */
interface PaperLink extends Link {
  readonly url: string
  readonly tag: string | undefined
  readonly wanted: Set<string>
  told: string[]
}

function makePaperShards(cluster: OwnCluster) {
  const links: PaperLink[] = []
  let gaps = 0
  const shards = makeShards({
    server: { url: cluster.urls[0]! },
    log: silentLog,
    makeLink: (url, tag) => {
      const link = paperLink(url, tag)
      links.push(link)
      return link
    },
    onGap: () => (gaps += 1),
    onChange: () => undefined,
  })
  const linkAt = (node: number): PaperLink =>
    links.findLast((link) => link.url.startsWith(cluster.urls[node]!))!
  return { shards, linkAt, gaps: () => gaps, [Symbol.asyncDispose]: () => shards.close() }
}

function paperLink(url: string, tag: string | undefined): PaperLink {
  const wanted = new Set<string>()
  const told: string[] = []
  return {
    ...{ url, tag, wanted, told, status: 'up', heardAt: 0, waitingBytes: 0 },
    want(channel) {
      wanted.add(channel)
      return Promise.resolve()
    },
    unwant: (channel) => void wanted.delete(channel),
    publish: () => undefined,
    ask: () => Promise.resolve(true),
    renew: () => void told.push('renew'),
    close() {
      told.push('close')
      return Promise.resolve()
    },
  }
}

describe.skipIf(!hasRedisServer())('the links to a cluster', () => {
  let cluster: OwnCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
  })

  test('a channel that is wanted before anything is known is placed later', async () => {
    await using paper = makePaperShards(cluster)
    await paper.shards.want('{a}')
    expect([paper.shards.linkOf('{a}'), paper.shards.isComplete]).toEqual([undefined, false])
    await until('it is placed', () => paper.shards.linkOf('{a}'))
    expect(paper.shards.isComplete).toBe(true)
    expect((paper.shards.linkOf('{a}') as PaperLink).wanted).toEqual(new Set(['{a}']))
    expect(paper.shards.links).toHaveLength(3)
  })

  test('[I9] a channel whose slot moves is wanted there and no longer here', async () => {
    await using paper = makePaperShards(cluster)
    await until('the owners are known', () => paper.shards.isComplete)
    const channel = '{123}'
    const from = cluster.urls.indexOf(await cluster.ownerOf(slotOf(channel)))
    const to = (from + 1) % 3
    await paper.shards.want(channel)
    const gaps = paper.gaps()
    await cluster.move(slotOf(channel), from, to)
    paper.shards.moved(paper.linkAt(from).url)
    await until('it has moved', () => paper.linkAt(to).wanted.has(channel))
    expect(paper.linkAt(from).wanted.has(channel)).toBe(false)
    expect(paper.gaps()).toBe(gaps + 1)
    await until('what is left is subscribed anew', () => paper.linkAt(from).told.includes('renew'))
    expect(paper.linkAt(to).told).toEqual([])
    paper.shards.unwant(channel)
    expect(paper.linkAt(to).wanted.size).toBe(0)
  })

  test('[I9] a probe keeps to slots of its own server', async () => {
    await using paper = makePaperShards(cluster)
    await until('the owners are known', () => paper.shards.isComplete)
    const before = paper.linkAt(0)
    const slot = slotOf(before.tag!)
    expect(await cluster.ownerOf(slot)).toBe(cluster.urls[0])
    await paper.shards.want(`{${before.tag!}}`)
    await cluster.move(slot, 0, 2)
    paper.shards.doubt()
    await until('there is another link', () => paper.linkAt(0) !== before)
    expect(before.told).toEqual(['close'])
    expect(await cluster.ownerOf(slotOf(paper.linkAt(0).tag!))).toBe(cluster.urls[0])
    expect(paper.linkAt(2).wanted).toEqual(new Set([`{${before.tag!}}`]))
  })
})
