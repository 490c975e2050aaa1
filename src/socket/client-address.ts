/** Whose connection it is, when proxies that are trusted to say so stand between. */
import { BlockList, isIP, SocketAddress } from 'node:net'

/**
 * Which proxies are believed: so many, counted from here; or those in this list of addresses, networks (`10.0.0.0/8`) and names
 * of `namedNetworks`.
 */
export type TrustedProxies = number | readonly string[]

export const namedNetworks: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

export interface Hops {
  /** Who connected. */
  readonly peer: string
  /** Whose connection that is, by the PROXY protocol; '' when it was not spoken. */
  readonly proxied: string
  /** X-Forwarded-For: each proxy appends who connected to it. */
  readonly forwardedFor: string
}

export interface ClientAddress {
  /** The first address, from here, that no trusted proxy has: everything further was said by somebody who is not believed. */
  of(hops: Hops): string
  /** Whether what the peer says about its clients is believed. */
  trusts(peer: string): boolean
}

export function makeClientAddress(proxies: TrustedProxies): ClientAddress {
  const isTrusted = makeTrust(proxies)

  return {
    of({ peer, proxied, forwardedFor }) {
      let known = normalAddress(peer) ?? peer
      const told = forwardedFor === '' ? [] : forwardedFor.split(',').reverse()
      if (proxied !== '') told.unshift(proxied)
      for (const [distance, next] of told.entries()) {
        const address = normalAddress(next)
        // Nonsense is no address, even of a trusted proxy: then the client is the last one that is known.
        if (address === undefined || !isTrusted(known, distance)) break
        known = address
      }
      return known
    },
    trusts: (peer) => isTrusted(normalAddress(peer) ?? '', 0),
  }
}

function makeTrust(proxies: TrustedProxies): (address: string, distance: number) => boolean {
  if (typeof proxies === 'number') return (_, distance) => distance < proxies
  const list = new BlockList()
  for (const network of proxies.flatMap((name) => namedNetworks[name] ?? [name])) {
    const [address = '', bits] = network.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return (address) =>
    isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/**
 * One spelling for each address: no port, no zone, IPv6 in its shortest form, IPv4 in IPv6 as IPv4.
 * @returns undefined when it is none
 */
export function normalAddress(text: string): string | undefined {
  const bare = text
    .trim()
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
  const address = bare.replace(/%.*$/, '')
  if (isIP(address) !== 6) return isIP(address) === 4 ? address : undefined
  const short = new SocketAddress({ address, family: 'ipv6' }).address
  return short.startsWith('::ffff:') && short.includes('.') ? short.slice(7) : short
}

/** What counts as one client: an IPv4 address, or the 64 bits of an IPv6 address that a household is given. */
export function groupOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [left = '', right] = address.split('::')
  const [head, tail] = [left, right ?? ''].map((part) =>
    part.split(':').filter((one) => one !== ''),
  )
  const zeros = Array.from({ length: 8 - head!.length - tail!.length }, () => '0')
  return `${[...head!, ...zeros, ...tail!].slice(0, 4).join(':')}::/64`
}
