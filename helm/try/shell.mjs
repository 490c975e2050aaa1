/** helm and kubectl, of whatever cluster KUBECONFIG names. */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

export { sleep }

/**
 * @param input what the command reads
 * @returns what it said on stdout
 * @throws Error with what it said on stderr
 */
export function run(command, args, input = '') {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const said = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => (said[name] += text))
    }
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(said.stdout)
      else
        reject(new Error(`${command} ${args.slice(0, 4).join(' ')}: ${said.stderr || said.stdout}`))
    })
    // A command that fails at once reads nothing.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}

/** Both commands, in one namespace. */
export function inNamespace(namespace) {
  const kubectl = (args, input) => run('kubectl', ['-n', namespace, ...args], input)
  return {
    namespace,
    kubectl,
    helm: (...args) => run('helm', ['-n', namespace, ...args]),
    apply: (...objects) =>
      kubectl(
        ['apply', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
      ),
    get: async (...args) => JSON.parse(await kubectl(['get', ...args, '-o', 'json'])),
  }
}

/** @throws Error when it is not so within the time */
export async function until(what, isSo, withinMs = 180_000) {
  const deadline = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited for nothing: ${what}`)
    await sleep(500)
  }
}
