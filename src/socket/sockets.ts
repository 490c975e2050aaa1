/** All open WebSockets of a server, and the one coarse timer that looks after them. */
import type { Log } from '../core/log.ts'
import type { Meter } from '../core/meter.ts'
import { type AddressLimits, makeAddressLimits } from './address-limits.ts'
import type { SocketConnection } from './connection.ts'
import { limitNames, type SocketLimits } from './limits.ts'
import { Wheel } from './wheel.ts'

export interface SocketsOptions {
  readonly limits: SocketLimits
  readonly meter: Meter
  readonly log: Log
  readonly isTracing?: boolean | undefined
}

export class Sockets {
  readonly limits: SocketLimits
  readonly meter: Meter
  readonly log: Log
  readonly addresses: AddressLimits
  /** Whether connections keep `traceparent` of their upgrade. */
  readonly isTracing: boolean
  private readonly wheel: Wheel<SocketConnection>
  /** Since when each has been at its handshake; oldest first, since all have the same time. */
  private readonly handshakes = new Map<SocketConnection, number>()
  private timer: NodeJS.Timeout | undefined

  constructor({ limits, meter, log, isTracing = false }: SocketsOptions) {
    this.limits = limits
    this.meter = meter
    this.log = log
    this.addresses = makeAddressLimits(limits)
    this.isTracing = isTracing
    this.wheel = new Wheel(Math.max(1, Math.round(pingEveryMs(limits) / tickMs(limits))))
  }

  get count(): number {
    return this.wheel.count
  }

  /** Connections that have not said `established` yet. */
  get handshaking(): number {
    return this.handshakes.size
  }

  start(): void {
    this.timer ??= setInterval(() => this.tick(performance.now()), tickMs(this.limits))
  }

  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
  }

  add(connection: SocketConnection): void {
    this.wheel.add(connection)
    this.addresses.add(connection.address)
    this.handshakes.set(connection, performance.now())
  }

  remove(connection: SocketConnection): void {
    this.wheel.remove(connection)
    this.addresses.remove(connection.address)
    this.handshakes.delete(connection)
  }

  established(connection: SocketConnection): void {
    this.handshakes.delete(connection)
  }

  /** A copy: visiting may close sockets. */
  all(): SocketConnection[] {
    return this.wheel.all()
  }

  private tick(now: number): void {
    for (const connection of this.wheel.turn()) connection.visited(now)
    for (const [connection, since] of this.handshakes) {
      if (now - since < this.limits.handshakeMs) break
      this.meter.limit(limitNames.handshakeTime)
      this.log.debug(connection.ids, 'a connection did not finish its handshake')
      connection.drop()
    }
  }
}

/** Each slot of the wheel comes up once in `pingMs`; a lost pong or two must not make a living peer look dead. */
const pingEveryMs = ({ pingMs, deadMs }: SocketLimits): number => Math.min(pingMs, deadMs / 3)

const tickMs = (limits: SocketLimits): number =>
  Math.min(1_000, pingEveryMs(limits) / 5, limits.handshakeMs / 5)
