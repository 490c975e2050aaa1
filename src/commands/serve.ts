/**
 * Runs a node until a signal or a failure.
 *
 *   starting ─listening─▶ serving ─signal─▶ draining ─everything closed─▶ exit 0
 *      │ signal: exit 0      │ failure: draining, then exit 1   │ second signal: hurried; too slow even so: exit 1
 *      └ failure: exit 1
 */
import type { Logger } from 'pino'
import { secretsOf } from '../config/show.ts'
import { makeLog } from '../log.ts'
import { startNode } from '../node.ts'
import type { RunningNode } from '../node.ts'
import { tracingSecrets } from '../tracing.ts'
import { drainLimitMs } from '../worker/leaving.ts'
import { loadConfig, serveOptions } from './command.ts'
import type { Command } from './command.ts'
import { tellSystemd } from './systemd.ts'

export const serve: Command = {
  usage: 'serve [--zwibbler-conf FILE | --y-websocket]',
  about: 'runs a node; SIGTERM and SIGINT drain it, a second one hurries',
  options: serveOptions,
  async run(values, context) {
    const { config, notices } = await loadConfig(context, values)
    const secrets = [...secretsOf(config), ...tracingSecrets(context.env)]
    const log = makeLog({ level: config.LOG_LEVEL, secrets })
    for (const notice of notices) log.warn({}, notice)
    logCrashes(log)
    const signals = listenForSignals()
    let node: RunningNode | undefined
    // Nobody has been served yet: there is nothing to drain. Leaving at once also ends the embedded PostgreSQL.
    void signals.first.then(() => node === undefined && process.exit(0))
    try {
      node = await startNode(config, { log, version: context.version, env: context.env })
    } catch (error) {
      log.fatal({ err: error }, 'the node does not start')
      return 1
    }
    const running = node
    const isAlive = async (): Promise<boolean> => (await running.liveness()).ready
    void signals.first.then(tellSystemd({ env: context.env, log, isAlive }))
    return await untilDrained(node, signals, { log, patienceMs: drainLimitMs(config) })
  },
}

interface Signals {
  readonly first: Promise<string>
  readonly second: Promise<string>
}

function listenForSignals(): Signals {
  const heard: ((signal: string) => void)[] = []
  const next = () => new Promise<string>((resolve) => heard.push(resolve))
  const signals = { first: next(), second: next() }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => heard.shift()?.(signal))
  }
  return signals
}

const HURRY_MS = 3_000
/** By then nobody but the kernel could have ended it. */
const KILL_MS = 1_000

async function untilDrained(
  node: RunningNode,
  signals: Signals,
  { log, patienceMs }: { readonly log: Logger; readonly patienceMs: number },
): Promise<number> {
  const failure = node.failed.catch((error: unknown) => {
    log.fatal({ err: error }, 'the node cannot go on')
    return undefined
  })
  const signal = await Promise.race([signals.first, failure])
  void signals.second.then((again) => {
    log.warn({ signal: again }, 'hurrying')
    node.hurry()
    setTimeout(() => process.exit(1), HURRY_MS).unref()
  })
  setTimeout(() => {
    log.fatal({}, 'the drain does not end')
    process.exit(1)
  }, patienceMs - KILL_MS).unref()
  await node.drain(signal ?? 'failure')
  return signal === undefined ? 1 : 0
}

/** What nobody caught is logged as everything else is: without secrets. */
function logCrashes(log: Logger): void {
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, 'crashed')
    process.exit(1)
  })
}
