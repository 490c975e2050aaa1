#!/usr/bin/env node
/**
 * Tries the chart on the cluster that KUBECONFIG names: a quickstart of three nodes with real clients on it, which is upgraded,
 * rolled back, evicted from and left without Redis; then nodes with a database outside their release. Everything is in a
 * namespace of its own, which enforces the restricted Pod Security Standard and is deleted afterwards.
 *
 *   IMAGE=lengthwise:dev node helm/try.mjs [upgrade rollback evict redis external …]
 *
 * NEXT_IMAGE is what it is upgraded to (default: the same image, in new pods); REDIS_AWAY_S how long Redis is gone (120);
 * KEEP=1 leaves the namespace.
 */
import { makeSteps } from './try/steps.mjs'
import { inNamespace, run } from './try/shell.mjs'

const { IMAGE = 'lengthwise:dev', NEXT_IMAGE = IMAGE, REDIS_AWAY_S = '120', KEEP } = process.env
const namespace = `lengthwise-try-${Date.now().toString(36)}`
const label = 'pod-security.kubernetes.io/enforce=restricted'
const began = performance.now()
const seconds = () => `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s`
const say = (text) => console.log(`${seconds()}  ${text}`)

await run('kubectl', ['create', 'namespace', namespace])
await run('kubectl', ['label', 'namespace', namespace, label])
say(`namespace ${namespace}`)
const cluster = inNamespace(namespace)
const steps = makeSteps(cluster, {
  ...{ image: IMAGE, nextImage: NEXT_IMAGE, redisAwayMs: Number(REDIS_AWAY_S) * 1000, say },
})
const asked = process.argv.slice(2)
const broken = []
try {
  for (const [name, step] of Object.entries(steps)) {
    if (name !== 'install' && asked.length > 0 && !asked.includes(name)) continue
    say(`== ${name}`)
    for (const mistake of await step()) broken.push(`${name}: ${mistake}`)
  }
} catch (error) {
  broken.push(String(error))
  console.log(await cluster.kubectl(['get', 'pods,jobs,events']))
  const ofAll = ['-l', 'app.kubernetes.io/name=lengthwise', '--all-containers', '--prefix']
  console.log(await cluster.kubectl(['logs', ...ofAll, '--tail=10']).catch(String))
}
if (!KEEP) await run('kubectl', ['delete', 'namespace', namespace, '--wait=false'])
for (const mistake of broken) say(`BROKEN ${mistake}`)
if (broken.length === 0) say('everything held')
process.exit(broken.length === 0 ? 0 : 1)
