/** What one connection asks for: each step 1 is answered once, one after the other (spec 5.2). */
import type { StateVector } from './update/id-set.ts'
import { decodeStateVector } from './update/state-vector.ts'

/** A larger state vector is an attack. */
const STATE_VECTOR_CLIENTS = 200_000
const MOST_WAITING = 1_000

export interface RequestsOptions {
  /** Of what waits, beside one. */
  readonly mostBytes: number
  /** Begins an answer; `answered` is to be called when all of it has been sent. */
  readonly answer: (has: StateVector) => Promise<void>
  readonly onTooMany: () => void
  readonly onFailed: (error: unknown) => void
}

export class Requests {
  readonly #options: RequestsOptions
  #waiting: Uint8Array[] = []
  #isAnswering = false

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  /** @param stateVector only lent @throws MalformedUpdate */
  hear(stateVector: Uint8Array): void {
    decodeStateVector(stateVector, STATE_VECTOR_CLIENTS)
    const bytes = this.#waiting.reduce((sum, { length }) => sum + length, 0)
    if (this.#waiting.length >= MOST_WAITING || bytes > this.#options.mostBytes)
      return this.#options.onTooMany()
    this.#waiting.push(Uint8Array.from(stateVector))
    if (!this.#isAnswering) this.#answerNext()
  }

  answered(): void {
    this.#isAnswering = false
    // Not within the last call of the answer before.
    queueMicrotask(() => {
      if (!this.#isAnswering) this.#answerNext()
    })
  }

  #answerNext(): void {
    const next = this.#waiting.shift()
    if (!next) return
    this.#isAnswering = true
    const has = decodeStateVector(next, STATE_VECTOR_CLIENTS)
    this.#options.answer(has).catch((error: unknown) => this.#options.onFailed(error))
  }

  /** What waits is forgotten. */
  stop(): void {
    this.#waiting = []
  }
}
