/** Exit code 0 if the node in this container answers 200: `node healthcheck.mjs [/readyz]`, /livez by default. */
import { get } from 'node:http'

const { ADMIN_HOST, ADMIN_PORT } = process.env
const anywhere = ['', undefined, '0.0.0.0', '::']
const host = anywhere.includes(ADMIN_HOST) ? '127.0.0.1' : ADMIN_HOST
const options = {
  host,
  port: ADMIN_PORT || 9600,
  path: process.argv[2] ?? '/livez',
  timeout: 4_000,
}
const asking = get(options, (answer) => {
  answer.pipe(process.stdout)
  process.exitCode = answer.statusCode === 200 ? 0 : 1
})
asking.on('timeout', () => asking.destroy(new Error('no answer')))
asking.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
