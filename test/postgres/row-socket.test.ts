import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { RowSocket } from '../../src/postgres/row-socket.ts'
import { seededRandom } from '../support/random.ts'

/** A socket, the server's end of it, and what the driver would hear. */
async function connect() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = new RowSocket()
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  const accepted = once(server, 'connection') as Promise<[Socket]>
  socket.connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [peer] = await accepted
  peer.setNoDelay()
  onTestFinished(() => {
    socket.destroy()
    peer.destroy()
    server.close()
  })
  return { socket, peer, heard: () => Buffer.concat(heard) }
}

function message(type: string, body: Uint8Array): Buffer {
  const head = Buffer.from(`${type}....`)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function dataRow(values: readonly (Uint8Array | null)[]): Buffer {
  const count = Buffer.alloc(2)
  count.writeInt16BE(values.length)
  const parts = values.map((value) => {
    const size = Buffer.alloc(4)
    size.writeInt32BE(value?.length ?? -1)
    return Buffer.concat([size, value ?? Buffer.alloc(0)])
  })
  return message('D', Buffer.concat([count, ...parts]))
}

test('a row that nobody takes is the driver’s', async () => {
  const { peer, heard } = await connect()
  const bytes = Buffer.concat([message('2', Buffer.alloc(0)), dataRow([Buffer.from('x')])])
  peer.write(bytes)
  await expect.poll(heard).toEqual(bytes)
})

test('[I1] however its bytes arrive, the row is taken and the driver gets all the rest', async () => {
  const random = seededRandom('rows')
  const { socket, peer, heard } = await connect()
  let expected = Buffer.alloc(0)
  for (let round = 0; round < 24; round += 1) {
    const large = Buffer.alloc([0, 1, 100, 200_000][round % 4]!, random.between(0, 256))
    const values = [Buffer.from('12345678'), round % 3 === 0 ? null : Buffer.alloc(0), large]
    const before = [message('2', Buffer.alloc(0)), message('T', Buffer.alloc(50, 'T'))]
    const after = [message('C', Buffer.from('SELECT 1')), message('Z', Buffer.from('I'))]
    const hasRow = round % 5 !== 0
    const others = Buffer.concat([...before, ...after])
    expected = Buffer.concat([expected, others])
    const rooms: [boolean, number][] = []
    const taken = await socket.takeRow(
      (isLast, size) => {
        rooms.push([isLast, size])
        return Buffer.alloc(size)
      },
      async () => {
        const all = Buffer.concat([...before, ...(hasRow ? [dataRow(values)] : []), ...after])
        for (let at = 0; at < all.length;) {
          const size = random.between(1, all.length < 1_000 ? 12 : 90_000)
          const flushed = new Promise<void>((resolve) => {
            peer.write(all.subarray(at, at + size), () => setImmediate(resolve))
          })
          await flushed
          at += size
        }
        await expect.poll(() => heard().length, { interval: 1 }).toBe(expected.length)
      },
    )
    expect(taken).toEqual(hasRow ? values : undefined)
    if (hasRow) expect(rooms.at(-1)).toEqual([true, large.length])
    expect(heard().equals(expected)).toBe(true)
  }
})
