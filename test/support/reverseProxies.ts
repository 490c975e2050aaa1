/** nginx, Apache and HAProxy as Debian has them, with the configurations in deploy/: only ports, paths and times are replaced. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeCertificate } from '../socket/support/certificate.ts'
import { freePort, isListening } from './ports.ts'
import { until } from './wait.ts'

export const proxyNames = ['nginx', 'apache', 'haproxy'] as const
export type ProxyName = (typeof proxyNames)[number]

const binaries = { nginx: 'nginx', apache: 'apache2', haproxy: 'haproxy' } as const
const binaryOf = (name: ProxyName) => `/usr/sbin/${binaries[name]}`
export const hasReverseProxies = proxyNames.every((name) => existsSync(binaryOf(name)))

/** The name that the configurations and the certificate have. */
export const SITE = 'board.example'

export interface Backend {
  readonly port: number
  readonly adminPort: number
}

export interface ReverseProxy extends AsyncDisposable {
  readonly port: number
  /** Where it sends who comes without TLS. */
  readonly plainPort: number
  /** Everything that it has said. */
  log(): Promise<string>
}

interface Place {
  readonly folder: string
  readonly port: number
  readonly plainPort: number
  readonly log: string
}

/** @param idleSeconds after which it ends connections on which nothing happens */
export async function startReverseProxy(
  name: ProxyName,
  backends: readonly Backend[],
  idleSeconds: number,
): Promise<ReverseProxy> {
  const folder = await mkdtemp(join(tmpdir(), `lengthwise-${name}-`))
  const [port, plainPort] = [await freePort(), await freePort()]
  const place = { folder, port, plainPort, log: join(folder, 'log') }
  await writeFile(place.log, '')
  await writeCertificate(folder)
  const file = fileURLToPath(new URL(`../../deploy/${name}/${files[name]}`, import.meta.url))
  const committed = await readFile(file, 'utf8')
  const config = join(folder, 'config')
  await writeFile(config, adapt[name](committed, place, backends, idleSeconds))
  const args = await argumentsOf[name](place, config)
  const child = spawn(binaryOf(name), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (said += text.toString()))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const log = async () => said + (await readFile(place.log, 'utf8'))
  const dispose = async () => {
    child.kill(name === 'apache' ? 'SIGTERM' : 'SIGINT')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until(`${name} listens or ends`, async () => {
      if (child.exitCode !== null) return true
      return (await isListening(port)) && (await isListening(plainPort))
    })
    if (child.exitCode !== null) throw new Error(`${name} ended: ${await log()}`)
  } catch (error) {
    await dispose()
    throw error
  }
  return { port, plainPort, log, [Symbol.asyncDispose]: dispose }
}

const files = { nginx: 'lengthwise.conf', apache: 'lengthwise.conf', haproxy: 'haproxy.cfg' }

async function writeCertificate(folder: string): Promise<void> {
  const { cert, key } = makeCertificate(SITE)
  await writeFile(join(folder, 'fullchain.pem'), cert)
  await writeFile(join(folder, 'privkey.pem'), key)
  await writeFile(join(folder, 'fullchain-and-privkey.pem'), cert + key)
}

type Adapt = (text: string, place: Place, backends: readonly Backend[], idle: number) => string

/** @throws Error when there is nothing to replace: the test would run something else than what is committed */
function swap(text: string, changes: readonly (readonly [RegExp, string])[]): string {
  return changes.reduce((now, [from, to]) => {
    const changed = now.replaceAll(new RegExp(from, 'gm'), to)
    if (changed === now) throw new Error(`nothing in the configuration is like ${String(from)}`)
    return changed
  }, text)
}

const adapt: Readonly<Record<ProxyName, Adapt>> = {
  nginx: (text, { folder, port, plainPort, log }, backends, idle) =>
    swap(text, [
      ...backends.map(({ port: at }, index) => atPort(`lengthwise-${index + 1}:3000`, at)),
      [/^ *server lengthwise-3:3000.*$/, ''],
      [/listen 443 ssl;/, `listen 127.0.0.1:${port} ssl;`],
      [/listen 80;/, `listen 127.0.0.1:${plainPort};`],
      [/listen \[::\]:.*$/, ''],
      [/\/etc\/ssl\/board\.example/, folder],
      [/syslog:server=unix:\/dev\/log,nohostname,tag=nginx/, log],
      [/ 90s;/, ` ${idle}s;`],
    ]),
  apache: (text, { folder, port, plainPort, log }, backends, idle) =>
    swap(text, [
      ...backends.map(({ port: at }, index) => atPort(`lengthwise-${index + 1}:3000`, at)),
      [/^ *BalancerMember "http:\/\/lengthwise-3.*$/, ''],
      [/\*:443/, `127.0.0.1:${port}`],
      [/\*:80/, `127.0.0.1:${plainPort}`],
      [/\/etc\/ssl\/board\.example/, folder],
      [/\|\/usr\/bin\/logger --tag apache/, log],
      [/syslog:local0/, log],
      [/ProxyTimeout 90/, `ProxyTimeout ${idle}`],
    ]),
  haproxy: (text, { folder, port, plainPort }, backends, idle) =>
    swap(text, [
      ...backends.map(
        ({ port: at, adminPort }, index) =>
          [
            new RegExp(`lengthwise-${index + 1}:3000`),
            `127.0.0.1:${at} port ${adminPort}`,
          ] as const,
      ),
      [/^ *server lengthwise-3.*$/, ''],
      [/bind :443/, `bind 127.0.0.1:${port}`],
      [/bind :80/, `bind 127.0.0.1:${plainPort}`],
      [/\/etc\/ssl\/board\.example/, folder],
      [/timeout tunnel 90s/, `timeout tunnel ${idle}s`],
      [/maxconn 100000/, 'maxconn 200'],
      ...(process.getuid?.() === 0 ? [] : [[/^ *(user|group) haproxy$/, ''] as const]),
    ]),
}

const atPort = (name: string, port: number) => [new RegExp(name), `127.0.0.1:${port}`] as const

const argumentsOf: Readonly<
  Record<ProxyName, (place: Place, config: string) => Promise<string[]>>
> = {
  async nginx({ folder, log }, config) {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(' ')
    const main = join(folder, 'nginx.conf')
    await writeFile(
      main,
      `daemon off; worker_processes 1; pid ${folder}/pid; events { worker_connections 200; }
      http { access_log off; ${temporary} include ${config}; }`,
    )
    return ['-p', folder, '-e', log, '-c', main]
  },
  async apache({ folder, log, port, plainPort }, config) {
    const text = await readFile(config, 'utf8')
    const named = /^#   a2enmod (.*)$/m.exec(text)?.[1]?.split(' ') ?? []
    const modules = ['mpm_event', 'authz_core', 'alias', ...named]
      .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
      .filter((line) => existsSync(line.split(' ').at(-1)!))
    const main = join(folder, 'apache.conf')
    const head = [
      ...modules,
      ...[`PidFile ${folder}/pid`, `DefaultRuntimeDir ${folder}`, `ErrorLog ${log}`],
      ...['User www-data', 'Group www-data', 'ServerName localhost', 'StartServers 1'],
      ...[`Listen 127.0.0.1:${port}`, `Listen 127.0.0.1:${plainPort}`, `Include ${config}`],
    ]
    await writeFile(main, head.join('\n'))
    return ['-d', folder, '-f', main, '-DFOREGROUND']
  },
  haproxy: (_, config) => Promise.resolve(['-db', '-f', config]),
}
