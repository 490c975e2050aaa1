import { expect, test } from 'vitest'
import { groupOf, makeClientAddress, normalAddress } from '../../src/socket/client-address.ts'

const of = (proxies: number | string[], peer: string, forwardedFor: string, proxied = '') =>
  makeClientAddress(proxies).of({ peer, forwardedFor, proxied })

test.each([
  ['nobody is trusted', 0, '10.0.0.1', '203.0.113.7', '10.0.0.1'],
  ['the peer is not in the list', ['10.0.0.0/8'], '192.0.2.1', '203.0.113.7', '192.0.2.1'],
  ['one proxy', ['10.0.0.0/8'], '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  [
    'a stranger wrote something in front',
    ['loopback'],
    '127.0.0.1',
    '1.1.1.1, 203.0.113.7',
    '203.0.113.7',
  ],
  ['two proxies', ['10.0.0.0/8', '::1'], '::1', '1.1.1.1, 203.0.113.7,10.0.0.9', '203.0.113.7'],
  [
    'all of them are proxies',
    ['uniquelocal'],
    '10.0.0.1',
    '192.168.0.7, 172.16.0.1',
    '192.168.0.7',
  ],
  ['one hop', 1, '10.0.0.1', '1.1.1.1, 203.0.113.7', '203.0.113.7'],
  ['two hops', 2, '10.0.0.1', '1.1.1.1, 203.0.113.7, 10.9.9.9', '203.0.113.7'],
  ['more hops than were made', 3, '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['nothing is said', ['10.0.0.1'], '10.0.0.1', '', '10.0.0.1'],
  ['nonsense is said', ['10.0.0.1'], '10.0.0.1', '203.0.113.7, unknown', '10.0.0.1'],
  ['a port is said', ['10.0.0.1'], '10.0.0.1', '203.0.113.7:5010', '203.0.113.7'],
  ['IPv6 with a port', ['10.0.0.1'], '10.0.0.1', '[2001:DB8::7]:5010', '2001:db8::7'],
  ['IPv4 within IPv6', ['10.0.0.0/8'], '::ffff:10.0.0.1', '203.0.113.7', '203.0.113.7'],
  [
    'an IPv6 proxy',
    ['fd00::/8'],
    'fd12:0000:0000:0000:0000:0000:0000:0001',
    '203.0.113.7',
    '203.0.113.7',
  ],
])('the client when %s', (_, proxies, peer, forwardedFor, expected) => {
  expect(of(proxies, peer, forwardedFor)).toBe(expected)
})

test('what the PROXY protocol says comes before what headers say', () => {
  expect(of(['10.0.0.1'], '10.0.0.1', '', '203.0.113.7')).toBe('203.0.113.7')
  expect(of(['10.0.0.1'], '10.0.0.1', '1.1.1.1', '203.0.113.7')).toBe('203.0.113.7')
  expect(of(['10.0.0.0/8'], '10.0.0.1', '203.0.113.7', '10.0.0.2')).toBe('203.0.113.7')
  expect(of(0, '10.0.0.1', '', '203.0.113.7')).toBe('10.0.0.1')
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
])('%s counts as %s', (address, group) => {
  expect(groupOf(address)).toBe(group)
})

test('an address has one spelling', () => {
  expect(normalAddress('0000:0000:0000:0000:0000:ffff:c000:0201')).toBe('192.0.2.1')
  expect(normalAddress(' fe80::1%eth0 ')).toBe('fe80::1')
  expect(normalAddress('board.example')).toBeUndefined()
  expect(normalAddress('')).toBeUndefined()
})
