/** Makes dist/pages/editor/main.js of the editor page and the packages it uses, and gathers their licences. */
import { build } from 'esbuild'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

const folder = 'dist/pages/editor'
const { metafile } = await build({
  entryPoints: ['src/pages/editor/main.ts'],
  outfile: `${folder}/main.js`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
})

const [made] = Object.values(metafile.outputs)
const used = Object.entries(made.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0)
const packages = used.map(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
const licences = [...new Set(packages)].filter((path) => path !== undefined).sort()
writeFileSync(`${folder}/LICENSES.txt`, licences.map(licenceOf).join('\n\n'))

function licenceOf(path) {
  const { name, version, license } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'))
  const file = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? '' : readFileSync(`${path}/${file}`, 'utf8')
  return `${name} ${version} (${license})\n\n${text.trim()}`.trim()
}
