/** Tokens as an application signs them, with the keys of the release's Secret. */
import { SignJWT } from 'jose'

const sign = async (key, claims) =>
  await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(key))

export const documentToken = (id) =>
  sign(process.env.ZWIBBLER_JWT_KEY, { sub: id, u: 'load', p: 'rw' })

export const roomToken = (room) => sign(process.env.AUTH_JWT_KEY, { rooms: { [room]: 'rw' } })
