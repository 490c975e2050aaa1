/** Nodes whose database is not in their release: a Job migrates it, with an existing Secret and with the chart's own. */
import { chart, setImage } from './steps.mjs'

const b64 = (text) => Buffer.from(text, 'base64').toString()

export async function external(cluster, { image, say, release, name }) {
  // The quickstart's Postgres and Redis play the external ones: elsewhere these would not be closed to other releases.
  await release('upgrade', 'try', chart, '--reuse-values', '--set', 'networkPolicy.enabled=false')
  await cluster.kubectl([
    ...['exec', `${name}-postgres-0`, '--'],
    ...['createdb', '-U', 'lengthwise', 'outside'],
  ])
  const { data } = await cluster.get('secret', name)
  const url = b64(data.DATABASE_URL).replace(/lengthwise$/, 'outside')
  const stringData = {
    DATABASE_URL: url,
    ZWIBBLER_JWT_KEY: 'a key',
    REDIS_URL: b64(data.REDIS_URL),
  }
  const metadata = { name: 'outside-settings' }
  await cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData })

  const nodes = `${setImage(image)},replicaCount=2`
  const refusal = await release(
    ...['install', 'outside', chart, '--set', `${nodes},existingSecret=nowhere`],
  ).then(() => 'none', String)
  const timed = async (what, ...args) => {
    const began = performance.now()
    await release(...args)
    await cluster.helm('test', 'outside')
    const events = await cluster.get('events', '--field-selector', 'involvedObject.kind=Job')
    const completed = events.items.filter(({ reason }) => reason === 'Completed').length
    say(
      `${what}: ${((performance.now() - began) / 1000).toFixed(1)} s, ${completed} Jobs completed`,
    )
    return completed
  }
  const existing = await timed(
    'existing Secret',
    ...['install', 'outside', chart, '--set', `${nodes},existingSecret=${metadata.name}`],
  )
  const own = await timed(
    'URL in the values',
    ...['upgrade', 'outside', chart, '--set', `${nodes},existingSecret=${metadata.name}`],
    ...['--set', `database.url=${url}`],
  )
  const settings = await cluster.kubectl(['exec', 'deploy/outside-lengthwise', '--', 'env'])
  await cluster.helm('uninstall', 'outside', '--wait')
  const left = await leftOf(cluster, 'outside')
  return [
    ...(/needs the Secret nowhere/.test(refusal) ? [] : [`a Secret that is not there: ${refusal}`]),
    ...(left === 'Pod/outside-lengthwise-test' ? [] : [`an uninstall left ${left}`]),
    ...(existing === 1 ? [] : ['no Job migrated before the install']),
    ...(own === 2 ? [] : ['no Job migrated before the upgrade']),
    ...(settings.includes('MIGRATE=0\n') ? [] : ['the nodes migrate too']),
  ]
}

/** What is there of a release, but for pods that are on their way out. */
async function leftOf(cluster, release) {
  const kinds = 'pods,jobs,deployments,services,secrets,configmaps,serviceaccounts,networkpolicies'
  const { items } = await cluster.get(kinds, '-l', `app.kubernetes.io/instance=${release}`)
  const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  return staying.map(({ kind, metadata }) => `${kind}/${metadata.name}`).join(', ')
}
