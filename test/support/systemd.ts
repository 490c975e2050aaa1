import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FakeSystemd extends AsyncDisposable {
  /** With its own `systemd-notify` in front. */
  readonly path: string
  heard(): Promise<string[]>
  [Symbol.asyncDispose](): Promise<void>
}

/** A `systemd-notify` for the PATH that only writes down what it was to tell. */
export async function makeSystemd(): Promise<FakeSystemd> {
  const folder = await mkdtemp(join(tmpdir(), 'lengthwise-systemd-'))
  const heard = join(folder, 'heard')
  await writeFile(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${heard}\n`)
  await chmod(join(folder, 'systemd-notify'), 0o755)
  return {
    path: `${folder}:${process.env.PATH ?? ''}`,
    heard: async () => (await readFile(heard, 'utf8').catch(() => '')).split('\n').slice(0, -1),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}
