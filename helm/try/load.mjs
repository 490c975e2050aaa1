/** The load as a pod of the nodes' own image: what real clients need is bundled into one file. */
import { build } from 'esbuild'
import { until } from './shell.mjs'

const entry = new URL('load/main.mjs', import.meta.url).pathname

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [entry],
    ...{ bundle: true, minify: true, write: false, platform: 'node', format: 'esm' },
    target: 'node20',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  })
  return outputFiles[0].text
}

/**
 * @param cluster what `inNamespace` returns
 * @param secret with the keys that tokens are signed with
 * @returns `ask(path)`, see load/main.mjs
 */
export async function startLoad(cluster, { image, target, secret }) {
  const metadata = { name: 'load', labels: { app: 'load' } }
  const unprivileged = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  }
  const container = {
    ...{ name: 'load', image, imagePullPolicy: 'IfNotPresent', securityContext: unprivileged },
    command: ['node', '--no-warnings', '/load/load.mjs'],
    env: [{ name: 'TARGET', value: target }],
    envFrom: [{ secretRef: { name: secret } }],
    volumeMounts: [{ name: 'load', mountPath: '/load' }],
  }
  const spec = {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    },
    containers: [container],
    volumes: [{ name: 'load', configMap: { name: 'load' } }],
  }
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'load.mjs': await bundle() } },
    { apiVersion: 'v1', kind: 'Pod', metadata, spec },
  )
  await until('the load', async () => {
    const { status } = await cluster.get('pod', 'load')
    if (status.phase === 'Failed') throw new Error(await cluster.kubectl(['logs', 'load']))
    return status.phase === 'Running' && (await cluster.kubectl(['logs', 'load'])).includes('ready')
  })
  return async (path) => {
    const script = `fetch('http://127.0.0.1:8080${path}').then(async (r) => console.log(await r.text()))`
    const answer = JSON.parse(await cluster.kubectl(['exec', 'load', '--', 'node', '-e', script]))
    if (answer.error) throw new Error(answer.error)
    return answer
  }
}
