import { existsSync } from 'node:fs'
import { request } from 'node:http'
import type { RequestOptions } from 'node:http'
import type { StartedTestContainer } from 'testcontainers'
import type { Found, Way } from './way.ts'

const SOCKET = '/var/run/docker.sock'
const PING_MS = 1_000
const START_MS = 120_000

/** Containers for this run, if a Docker engine answers quickly. */
export const docker: Way = {
  name: 'docker',
  findPostgres: () => onEngine(startPostgres),
  findRedis: () => onEngine(startRedis),
}

async function onEngine(start: () => Promise<Found>): Promise<Found | undefined> {
  if (!(await engineAnswers())) return undefined
  try {
    return await start()
  } catch (error) {
    console.log(`Docker answers, but no container starts (${String(error)}): going on without it`)
    return undefined
  }
}

async function startPostgres(): Promise<Found> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const container = await new GenericContainer('postgres:15')
    .withEnvironment({ POSTGRES_PASSWORD: 'test' })
    .withExposedPorts(5432)
    // Twice: the first time is the server that only runs the init scripts.
    .withWaitStrategy(Wait.forLogMessage('database system is ready to accept connections', 2))
    .withCommand(['postgres', '-c', 'max_connections=200'])
    .withStartupTimeout(START_MS)
    .start()
  const url = `postgres://postgres:test@${addressOf(container, 5432)}/postgres`
  return { url, description: 'in Docker', stop: () => stop(container) }
}

async function startRedis(): Promise<Found> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const container = await new GenericContainer('redis:7')
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .withStartupTimeout(START_MS)
    .start()
  return {
    url: `redis://${addressOf(container, 6379)}`,
    description: 'in Docker',
    stop: () => stop(container),
  }
}

function addressOf(container: StartedTestContainer, port: number): string {
  return `${container.getHost()}:${container.getMappedPort(port)}`
}

async function stop(container: StartedTestContainer): Promise<void> {
  await container.stop({ timeout: 1_000 })
}

/** Asked by hand: testcontainers takes seconds to find out that there is no engine. */
function engineAnswers(): Promise<boolean> {
  const where = engineAddress()
  if (where === undefined) return Promise.resolve(false)
  return new Promise((resolve) => {
    const asking = request({ ...where, path: '/_ping', timeout: PING_MS }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asking.once('timeout', () => asking.destroy())
    asking.once('error', () => resolve(false))
    asking.end()
  })
}

function engineAddress(): RequestOptions | undefined {
  const host = process.env.DOCKER_HOST
  if (host === undefined || host === '')
    return existsSync(SOCKET) ? { socketPath: SOCKET } : undefined
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) }
  const { hostname, port } = new URL(host)
  return { host: hostname, port: port === '' ? 2375 : port }
}
