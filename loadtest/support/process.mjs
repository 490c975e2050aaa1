/** What the system says of a process, and processes of ours that are told what to do by messages. */
import { fork } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'

const KIB = 1024

async function statusOf(pid, field) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)[1]) * KIB
}

/** Resident memory in bytes. */
export const memoryOf = (pid) => statusOf(pid, 'VmRSS')

/** The most resident memory since the process began, or since `forgetPeak`. */
export const peakOf = (pid) => statusOf(pid, 'VmHWM')

export const forgetPeak = (pid) => writeFile(`/proc/${pid}/clear_refs`, '5')

/**
 * Starts one of `processes/` beside this one. `ask(what)` sends it a message and resolves with its answer; whatever goes wrong
 * over there rejects, at the next question at the latest.
 */
export function startHelper(name) {
  const child = fork(new URL(`../processes/${name}.mjs`, import.meta.url))
  let waiting
  let failure
  const fail = (why) => {
    failure = new Error(`${name}: ${why}`)
    waiting?.reject(failure)
  }
  child.on('message', (message) => {
    if (message.failure !== undefined) return fail(message.failure)
    waiting?.resolve(message)
    waiting = undefined
  })
  child.on('exit', (code) => fail(`exited with ${code}`))
  return {
    pid: child.pid,
    ask(message) {
      if (failure) return Promise.reject(failure)
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        child.send(message)
      })
    },
    stop: () => stopChild(child),
  }
}

/** The other side of `startHelper`: answers each message with what `handle` returns. */
export function serveHelper(handle) {
  process.on('message', (message) => {
    handle(message).then(
      (answer) => process.send(answer ?? {}),
      (error) => process.send({ failure: error.message }),
    )
  })
  process.on('disconnect', () => process.exit())
}

export const tellFailure = (why) => process.send({ failure: why })

/** Asks a process to go, and makes it when it does not. */
export async function stopChild(child, patienceMs = 20_000) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  await gone
  clearTimeout(timer)
}

const TICKS = 100

/** Seconds of CPU, user and system, that a process has had; 0 when it is gone. */
export async function cpuOf(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (stat === undefined) return 0
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Seconds of CPU, of all its threads, since a server began, by what it says at `/metrics`. */
export async function cpuSecondsAt(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(await answer.text())[1])
}
