/**
 * Puts what runs in production into a folder, for the image and for the packages: `node deploy/assemble.mjs FOLDER`, after
 * the build. It is for the Node that runs this. With --optional the packages of the embedded PostgreSQL and of
 * import-leveldb come along.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  options: { optional: { type: 'boolean' } },
  allowPositionals: true,
})
if (positionals.length !== 1) {
  throw new Error('usage: node deploy/assemble.mjs [--optional] FOLDER')
}
const folder = resolve(positionals[0])

mkdirSync(folder, { recursive: true })
for (const name of ['package.json', 'package-lock.json', 'LICENSE', 'migrations']) {
  cpSync(name, join(folder, name), { recursive: true })
}
cpSync('dist', join(folder, 'dist'), { recursive: true, filter: (path) => !isForTools(path) })
const omitted = ['--omit=dev', ...(values.optional ? [] : ['--omit=optional'])]
npm('ci', ...omitted, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund')
rmSync(join(folder, 'package-lock.json'))
forgetWhatIsNotThere(join(folder, 'package.json'))
writeFileSync(join(folder, 'sbom.cdx.json'), readSbom())
dropOtherBinaries(join(folder, 'node_modules/uWebSockets.js/dist/bin'))

function npm(...args) {
  return execFileSync('npm', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
}

function isForTools(path) {
  return /\.(d\.ts|map)$/.test(path)
}

function forgetWhatIsNotThere(path) {
  const gone = [
    'devDependencies',
    'scripts',
    'prettier',
    ...(values.optional ? [] : ['optionalDependencies']),
  ]
  const kept = Object.entries(read(path)).filter(([key]) => !gone.includes(key))
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`)
}

/** Of what is there: `npm sbom --omit=optional` leaves out whatever an optional package needs too, pg and yjs among it. */
function readSbom() {
  const sbom = JSON.parse(npm('sbom', '--sbom-type=application', '--sbom-format=cyclonedx'))
  sbom.metadata.component.name = read(join(folder, 'package.json')).name
  return `${JSON.stringify(sbom, null, 2)}\n`
}

/** uWebSockets.js comes with a binary of 5 to 7 MB for each platform and version of Node. */
function dropOtherBinaries(bin) {
  const ours = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
  const all = readdirSync(bin)
  if (!all.includes(ours)) throw new Error(`uWebSockets.js has no ${ours}: not for this Node`)
  for (const name of all) if (name !== ours) rmSync(join(bin, name))
}

function read(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}
