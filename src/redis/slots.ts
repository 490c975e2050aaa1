/** Which of a Redis Cluster's 16,384 slots a channel belongs to: CRC16 (XModem) of its hash tag, or of its whole name. */
export const SLOTS = 16_384

export function slotOf(channel: string): number {
  return crc16(Buffer.from(tagOf(channel))) % SLOTS
}

/** What is between the first `{` and the next `}`, unless that is nothing. */
function tagOf(channel: string): string {
  const open = channel.indexOf('{')
  const close = channel.indexOf('}', open + 1)
  return open === -1 || close <= open + 1 ? channel : channel.slice(open + 1, close)
}

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) crc = ((crc << 8) ^ table[((crc >> 8) ^ byte) & 0xff]!) & 0xffff
  return crc
}
