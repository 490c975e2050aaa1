import type { Cluster } from '../support/cluster.ts'
import { seededRandom } from '../support/random.ts'
import { startWorkload } from '../support/workload.ts'
import { makePeer } from '../support/yjsPeers.ts'
import { roomsOf } from '../support/yjs.ts'
import { startYjsWorkload } from '../support/yjsWorkload.ts'
import { connectZwibbler } from '../support/zwibbler.ts'
import { makeReceiver } from '../surfaces/zwibbler/receiver.ts'
import type { Receiver } from '../surfaces/zwibbler/receiver.ts'

/** An application that lets everybody in and is told of every room. */
export async function makeApplication(): Promise<Receiver> {
  const application = await makeReceiver()
  application.answer = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"user":"ann","permission":"rw"}')
  }
  return application
}

/** Settings with which every part has something to do, and soon. */
export const busySettings = ({ url }: Receiver): Record<string, string> => ({
  ...{ YJS_AUTH: 'hook', AUTH_HOOK_URL: url, AUTH_CACHE_SECONDS: '1' },
  ...{
    YJS_CALLBACK_URL: url,
    YJS_CALLBACK_OBJECTS: '{"t":"Text"}',
    YJS_CALLBACK_DEBOUNCE_MS: '300',
  },
  SWEEP_ACTIVE_MS: '500',
})

const TOO_MUCH_FOR_A_DESERTED_ROOM = 40_000

export interface Load extends AsyncDisposable {
  /** @returns what somebody was told or given wrongly */
  end(): Promise<string[]>
}

/**
 * People on both surfaces and both nodes: they write, conflict, come and go; some do not speak the protocol, and a room is
 * left that is worth folding.
 */
export function startLoad({ nodes, databaseUrl }: Cluster, seed: string): Load {
  const random = seededRandom(seed)
  const isOver = new AbortController()
  const boards = startWorkload({ nodes, databaseUrl, random: random.fork(), documents: ['a', 'b'] })
  const rooms = startYjsWorkload({ nodes, databaseUrl, random: random.fork(), rooms: ['r', 's'] })

  async function visit(turn: number): Promise<void> {
    const node = nodes[turn % nodes.length]!
    await using stranger = connectZwibbler(node.url, 'x', { raw: true })
    stranger.socket.on('open', () => stranger.socket.send(new Uint8Array([0x02, 0x00])))
    await using peer = await makePeer(roomsOf(node), `left-${turn}`).synced()
    peer.text.insert(0, 'long '.repeat(TOO_MUCH_FOR_A_DESERTED_ROOM / 5))
    await peer.hears('long')
    await stranger.closed
  }
  const visiting = (async () => {
    for (let turn = 0; !isOver.signal.aborted; turn++) await visit(turn)
  })()
  let ending: Promise<string[]> | undefined
  async function end(): Promise<string[]> {
    isOver.abort()
    await visiting
    const [{ complaints }, others] = await Promise.all([boards.finish(), rooms.finish()])
    return [...complaints, ...others]
  }
  const endOnce = (): Promise<string[]> => (ending ??= end())
  return {
    end: endOnce,
    async [Symbol.asyncDispose]() {
      await endOnce()
    },
  }
}
