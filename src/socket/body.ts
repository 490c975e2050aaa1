/** The body of one HTTP request. It arrives whether anybody has asked for it yet or not. */
import { HttpError } from '../surfaces/surface.ts'
import { limitNames } from './limits.ts'
import type { Sockets } from './sockets.ts'
import type { UwsResponse } from './uws.ts'

/** Bytes of all bodies that are being received: many large ones at once must not fill the memory. */
export class BodyBudget {
  private readonly most: number
  private used = 0

  constructor(most: number) {
    this.most = most
  }

  take(bytes: number): boolean {
    if (this.used + bytes > this.most) return false
    this.used += bytes
    return true
  }

  give(bytes: number): void {
    this.used -= bytes
  }
}

export class Body {
  private readonly sockets: Sockets
  private readonly budget: BodyBudget
  private readonly timer: NodeJS.Timeout
  private chunks: Buffer[] = []
  private size = 0
  private limit: number
  private failure: HttpError | undefined
  private isOver = false
  private wake: () => void = () => undefined

  constructor(response: UwsResponse, sockets: Sockets, budget: BodyBudget) {
    this.sockets = sockets
    this.budget = budget
    this.limit = sockets.limits.maxBodyBytes
    this.timer = setTimeout(() => this.tookTooLong(), sockets.limits.bodyMs)
    response.onData((chunk, isLast) => {
      this.receive(chunk)
      if (isLast) this.over()
    })
  }

  /** Whether the connection can be used for a next request. */
  get isComplete(): boolean {
    return this.isOver && this.failure === undefined
  }

  /**
   * A body that is too big is refused when it has ended: until then its sender is not listening.
   * @throws HttpError 413, 408 when it took too long, 503 when too many others are being received, 400 when it broke off
   */
  async read(limit: number): Promise<Uint8Array> {
    this.limit = Math.min(limit, this.limit)
    this.judgeSize()
    if (!this.isOver) await new Promise<void>((resolve) => (this.wake = resolve))
    if (this.failure !== undefined) throw this.failure
    return Buffer.concat(this.chunks)
  }

  /** The request is answered or gone: whoever still waits is told, and the bytes are let go. */
  release(): void {
    if (!this.isOver) {
      this.fail(400, 'the request ended before its body')
      this.over()
    }
    this.forget()
  }

  private receive(chunk: ArrayBuffer): void {
    if (this.isRefused() || this.isOver) return
    this.size += chunk.byteLength
    this.judgeSize()
    if (this.isRefused()) return
    if (this.budget.take(chunk.byteLength)) {
      // Copied: the buffer is only valid during the call.
      this.chunks.push(Buffer.from(new Uint8Array(chunk)))
    } else {
      this.size -= chunk.byteLength
      this.fail(503, 'too many bodies at once')
    }
  }

  private isRefused(): boolean {
    return this.failure !== undefined
  }

  private judgeSize(): void {
    if (this.size <= this.limit || this.isRefused()) return
    this.sockets.meter.limit(limitNames.body)
    this.fail(413, `the body is larger than ${this.limit} bytes`)
  }

  private tookTooLong(): void {
    this.sockets.meter.limit(limitNames.bodyTime)
    this.fail(408, 'the body took too long')
    this.over()
  }

  private fail(status: number, message: string): void {
    this.failure ??= new HttpError(status, message)
    this.forget()
  }

  private over(): void {
    this.isOver = true
    clearTimeout(this.timer)
    this.wake()
  }

  private forget(): void {
    for (const chunk of this.chunks) this.budget.give(chunk.length)
    this.chunks = []
  }
}
