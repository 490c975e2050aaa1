/** What can be found out about another process of this machine. */
import { readFileSync, readlinkSync } from 'node:fs'

/** Whether a process has this id now, whoever's it is. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When it started, in the kernel's ticks: with the id it names one process for good. Only on Linux. */
export function startOf(pid: number): string | undefined {
  const stat = orUndefined(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The second field is the program's name in brackets, which may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

/** Its current folder. Only on Linux, and only if it is ours or we are root. */
export function folderOf(pid: number): string | undefined {
  return orUndefined(() => readlinkSync(`/proc/${pid}/cwd`))
}

/** Within what process ids mean the same: containers on one machine may share a host name. Only on Linux. */
export function idSpace(): string | undefined {
  return orUndefined(() => readlinkSync('/proc/self/ns/pid'))
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
