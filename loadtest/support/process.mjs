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
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill()
      await gone
    },
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

/** Seconds of CPU, of all its threads, since a server began, by what it says at `/metrics`. */
export async function cpuSecondsAt(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(await answer.text())[1])
}
