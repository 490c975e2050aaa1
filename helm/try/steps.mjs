/** What is done to a release while clients are on it, and what has to hold. Each step returns what did not. */
import { external } from './external.mjs'
import { startLoad } from './load.mjs'
import { sleep, until } from './shell.mjs'

export const chart = new URL('../lengthwise', import.meta.url).pathname
const values = `${chart}/values-quickstart.yaml`
const NAME = 'try-lengthwise'
const NODES = 'app.kubernetes.io/instance=try,app.kubernetes.io/component=node'

/** `--set` for an image such as registry/name:tag. */
export function setImage(image) {
  const at = image.lastIndexOf(':')
  return [`image.repository=${image.slice(0, at)}`, `image.tag=${image.slice(at + 1)}`].join()
}

export function makeSteps(cluster, { image, nextImage, redisAwayMs, say }) {
  let ask
  const nodes = async () => (await cluster.get('pods', '-l', NODES)).items
  const podNames = async () => (await nodes()).map(({ metadata }) => metadata.name)
  const release = (...args) => cluster.helm(...args, '--wait', '--timeout', '5m')

  async function ready() {
    const slices = await cluster.get('endpointslices', '-l', `kubernetes.io/service-name=${NAME}`)
    const all = slices.items.flatMap(({ endpoints }) => endpoints ?? [])
    return all.filter(({ conditions }) => conditions.ready).length
  }

  /** One thing done to the nodes, under load: afterwards everybody is back and nothing is missing. */
  async function underLoad(act, { mostReconnects }) {
    await ask('/begin')
    const began = performance.now()
    await act()
    const acted = performance.now() - began
    const isBack = async () => {
      const { clients, connected } = await ask('/report')
      return connected === clients
    }
    await until('every client is back', isBack, 30_000).catch(() => undefined)
    const report = await ask('/report')
    const verdict = await ask('/settle')
    say(`${(acted / 1000).toFixed(1)} s; ${JSON.stringify({ ...report, ...verdict })}`)
    return [
      ...Object.entries(verdict)
        .filter(([, count]) => count > 0)
        .map((entry) => entry.join(' ')),
      ...report.failures,
      ...(report.connected < report.clients ? ['some clients are not back'] : []),
      ...(report.mostReconnects > mostReconnects ? [`${report.mostReconnects} reconnects`] : []),
    ]
  }

  /** A rollout has ended when the old nodes have drained too. */
  async function replaced(act) {
    const old = await podNames()
    await act()
    say('helm is done')
    await until('the old nodes have left', async () => {
      const now = await podNames()
      return now.every((name) => !old.includes(name))
    })
  }

  return {
    async install() {
      const began = performance.now()
      await release('install', 'try', chart, '-f', values, '--set', setImage(image))
      say(`three nodes after ${((performance.now() - began) / 1000).toFixed(1)} s`)
      await cluster.helm('test', 'try')
      say(
        `helm test: ${(await cluster.kubectl(['logs', `${NAME}-test`])).trim().replace('\n', '; ')}`,
      )
      ask = await startLoad(cluster, { image, target: `ws://${NAME}`, secret: NAME })
      say(`load: ${JSON.stringify(await ask('/report'))}`)
      return []
    },
    /** Each of the three nodes drains once: a client may land on one that is yet to go. */
    upgrade: () =>
      underLoad(
        () =>
          replaced(() =>
            release(
              ...['upgrade', 'try', chart, '-f', values],
              ...['--set', `${setImage(nextImage)},podAnnotations.try=upgrade`],
            ),
          ),
        { mostReconnects: 3 },
      ),
    rollback: () =>
      underLoad(() => replaced(() => release('rollback', 'try', '1')), { mostReconnects: 3 }),
    evict: () => underLoad(evict, { mostReconnects: 1 }),
    redis: () => underLoad(withoutRedis, { mostReconnects: 0 }),
    external: () => external(cluster, { image, say, release, name: NAME }),
  }

  async function evict() {
    const [first, second] = await nodes()
    const log = cluster.kubectl(['logs', '-f', first.metadata.name]).catch(String)
    const began = performance.now()
    await evictPod(first)
    const refusal = await evictPod(second).then(() => undefined, String)
    if (!/disruption budget/.test(refusal ?? '')) throw new Error(`not refused: ${refusal}`)
    const isGone = async () => !(await podNames()).includes(first.metadata.name)
    await until('the evicted node has left', isGone)
    say(`gone after ${((performance.now() - began) / 1000).toFixed(1)} s; a second one was refused`)
    const lines = (await log).split('\n')
    if (!lines.some((line) => line.includes('"stopped"'))) throw new Error('it did not drain')
    if (lines.some((line) => line.includes('were cut'))) throw new Error('it cut connections')
    await until('three nodes are ready', async () => (await ready()) === 3)
  }

  function evictPod({ metadata: { name, namespace } }) {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`
    return cluster.kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction))
  }

  async function withoutRedis() {
    const scale = (count) =>
      cluster.kubectl(['scale', `statefulset/${NAME}-redis`, `--replicas=${count}`])
    const addresses = (await nodes()).map(({ status }) => `ws://${status.podIP}:3000`)
    await scale(0)
    const ends = performance.now() + redisAwayMs
    let fewest = Infinity
    let slowestMs = 0
    while (performance.now() < ends) {
      fewest = Math.min(fewest, await ready())
      const across = await ask(`/across?hosts=${addresses.join()}`)
      slowestMs = Math.max(slowestMs, across.slowestMs)
      await sleep(2_000)
    }
    say(`without Redis: at least ${fewest} nodes in the Service, others had it in ${slowestMs} ms`)
    await scale(1)
    await cluster.kubectl(['rollout', 'status', `statefulset/${NAME}-redis`, '--timeout=60s'])
    if (fewest < 3) throw new Error(`only ${fewest} nodes stayed in the Service`)
    await until('Redis is heard again', async () => {
      const { slowestMs: now } = await ask(`/across?hosts=${addresses.join()}`)
      return now < 500
    })
  }
}
