/**
 * Makes the .deb and the .rpm for this machine's processor: npm run packages [-- FOLDER]. Needs Go (for nfpm, pinned in
 * go.mod) and the build. NFPM names an nfpm that is there already.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE = '22.23.3'
const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')
const build = join(here, 'build')
const into = resolve(process.argv[2] ?? build)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

rmSync(build, { recursive: true, force: true })
mkdirSync(build, { recursive: true })
mkdirSync(into, { recursive: true })

// Debian 12 has Node 18, so the packages bring their own: npm's package is nodejs.org's binary.
const name = `node-linux-${process.arch}`
run(
  root,
  'npm',
  'install',
  '--silent',
  '--no-save',
  '--prefix',
  join(build, 'npm'),
  `${name}@${NODE}`,
)
const brought = join(build, 'npm/node_modules', name)
const node = join(build, 'node')
copyFileSync(join(brought, 'bin/node'), node)
writeFileSync(
  join(build, 'copyright'),
  [join(root, 'LICENSE'), join(brought, 'LICENSE')].map((path) => readFileSync(path)).join('\n\n'),
)

// By that Node, because the app is for the Node that assembles it.
run(root, node, 'deploy/assemble.mjs', '--optional', join(build, 'app'))
// Where it will be, nobody may write: what it mends on its first use is mended here.
const binaries = join(build, 'app/dist/postgres/embedded/binaries.js')
run(root, node, '-e', `import('${binaries}').then(({ findBinaries }) => findBinaries())`)

const nfpm = process.env.NFPM ? [process.env.NFPM] : ['go', 'tool', 'nfpm']
process.env.VERSION = version
process.env.ARCH = { x64: 'amd64' }[process.arch] ?? process.arch
for (const packager of ['deb', 'rpm']) {
  run(here, ...nfpm, 'package', '--config', 'nfpm.yaml', '--packager', packager, '--target', into)
}

function run(cwd, command, ...args) {
  execFileSync(command, args, { cwd, stdio: 'inherit' })
}
