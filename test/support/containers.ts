import { execFile, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether the `docker` on the PATH finds an engine that answers. */
export function hasEngine(): boolean {
  return spawnSync('docker', ['version'], { timeout: 5_000, stdio: 'ignore' }).status === 0
}

/** `docker …`; what it says. @throws Error with its stderr */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', args, { maxBuffer: 2 ** 24 })
  return stdout.trim()
}

/** A network of a test's own: its containers know each other by name, and go with it. */
export interface Network extends AsyncDisposable {
  /** Starts a container in the background. */
  start(name: string, ...args: readonly string[]): Promise<Container>
  [Symbol.asyncDispose](): Promise<void>
}

export interface Container {
  readonly id: string
  /** `127.0.0.1:<port>`, of a port published with `--publish 127.0.0.1::<port>`. */
  address(port: number): Promise<string>
  exec(...command: readonly string[]): Promise<string>
  logs(): Promise<string>
  /** One field of `docker inspect`, by a Go template. */
  inspect(template: string): Promise<string>
}

export async function makeNetwork(): Promise<Network> {
  const network = `lengthwise-test-${randomBytes(4).toString('hex')}`
  await docker('network', 'create', network)
  const ids: string[] = []
  return {
    async start(name, ...args) {
      const place = ['--network', network, '--network-alias', name]
      const id = await docker('run', '--detach', ...place, ...args)
      ids.push(id)
      return makeContainer(id)
    },
    async [Symbol.asyncDispose]() {
      if (ids.length > 0) await docker('rm', '--force', '--volumes', ...ids)
      await docker('network', 'rm', network)
    },
  }
}

function makeContainer(id: string): Container {
  return {
    id,
    address: (port) => docker('port', id, String(port)),
    exec: (...command) => docker('exec', id, ...command),
    logs: () => docker('logs', id),
    inspect: (template) => docker('inspect', '--format', template, id),
  }
}
