/** Self-signed certificates for 127.0.0.1, made on the spot (X.509 in DER, RFC 5280). */
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto'

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts)
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text))
const utcTime = (text: string): Buffer => der(0x17, Buffer.from(text))
const COMMON_NAME = Buffer.from('0603550403', 'hex')
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex')

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly fingerprint: string
}

/** @param until its last second, as in `491231235959Z` */
export function makeCertificate(name: string, until = '491231235959Z'): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(ECDSA_WITH_SHA256)
  const names = sequence(der(0x31, sequence(COMMON_NAME, utf8(name))))
  const validity = sequence(utcTime('200101000000Z'), utcTime(until))
  const serial = der(0x02, Buffer.from([1]))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const body = sequence(serial, algorithm, names, validity, names, spki)
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey))
  const cert = pem('CERTIFICATE', sequence(body, algorithm, signature))
  return {
    cert,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    fingerprint: new X509Certificate(cert).fingerprint256,
  }
}
