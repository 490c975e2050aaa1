/**
 * Builds the image as `docker build -f deploy/Dockerfile .` does, with its version and revision as labels, and with the
 * certificate authorities that this machine trusts beyond Node's own. Usage: npm run image [-- TAG]
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const tag = process.argv[2] ?? `lengthwise:${version}`
const args = { VERSION: version, REVISION: revision(), ...extraCa() }
const given = Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
const built = spawnSync('docker', ['build', '-f', 'deploy/Dockerfile', '-t', tag, ...given, '.'], {
  stdio: 'inherit',
})
if (built.error) throw built.error
process.exitCode = built.status ?? 1

function revision() {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

function extraCa() {
  const file = process.env.NODE_EXTRA_CA_CERTS
  if (!file) return {}
  const fingerprint = (pem) => new X509Certificate(pem).fingerprint256
  const known = new Set(rootCertificates.map(fingerprint))
  const all = readFileSync(file, 'utf8').match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g) ?? []
  const extra = all.filter((pem) => !known.has(fingerprint(pem)))
  return extra.length > 0 ? { EXTRA_CA: extra.join('\n') } : {}
}
