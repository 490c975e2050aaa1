// A process that has an embedded PostgreSQL: what `serve` does, without the rest. Tells what happens as JSON lines.
import { startEmbedded } from '../../dist/postgres/embedded.js'

const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`)
const log = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [
    level,
    (fields, message) => tell({ level, message, ...fields, err: fields.err?.message }),
  ]),
)
const [folder, end] = process.argv.slice(2)

try {
  const embedded = await startEmbedded({ folder, log })
  tell({ url: embedded.url })
  if (end === 'crash') throw new Error('crash')
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, async () => {
      tell({ signal })
      await embedded.stop()
      tell({ stopped: true })
      process.exit(0)
    })
  }
  setInterval(() => undefined, 1_000)
} catch (error) {
  tell({ failed: error.message })
  process.exit(1)
}
