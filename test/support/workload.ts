import { contentOf } from './history.ts'
import type { Attempt, History, Stream } from './history.ts'
import type { TestNode } from './nodes.ts'
import type { Random } from './random.ts'
import { readStored } from './stored.ts'
import { sleep, until, within } from './wait.ts'
import { connectZwibbler } from './zwibbler.ts'
import type { Received, ZwibblerClient } from './zwibbler.ts'

export interface WorkloadOptions {
  nodes: readonly Pick<TestNode, 'name' | 'url' | 'isRunning'>[]
  databaseUrl: string
  random: Random
  documents?: string[]
  /** Of each document, spread over the nodes; besides them it has a reader on every node. */
  writers?: number
  /** Of each document: they join anywhere and leave soon. */
  visitors?: number
  /** Bytes of an append: from, and below. */
  size?: [number, number]
  /** Pause between two turns of one writer. */
  thinkMs?: [number, number]
  /** How many appends a writer may have unanswered. */
  pipeline?: number
}

export interface Workload {
  /** Appends acknowledged so far. */
  acknowledged(): number
  /** Ends the writers, waits until every reader has everything, and says what happened. */
  finish(options?: { withinMs?: number }): Promise<History>
}

/** A client as a user sees it: it remembers how far it is, over all its connections. */
interface Person {
  name: string
  document: string
  /** The node it prefers; while that is down it goes to another. */
  home: number
  position: number
}

interface Visit {
  client: ZwibblerClient
  stream: Stream
  unanswered: Attempt[]
}

const VERSIONS = [2, 3] as const
/** Longer than any fault of these tests; every append is answered, or its connection ended, well before. */
const ANSWER_MS = 45_000
const STILL_MS = 1_000
/** What a node may say while Postgres is away; anything else means that it has lost track. */
const UNAVAILABLE = 0

export function startWorkload(options: WorkloadOptions): Workload {
  const { nodes, random, documents = ['one'], writers = 3, visitors = 1 } = options
  const { size = [20, 200], thinkMs = [5, 40], pipeline = 3 } = options
  const history: History = { attempts: [], streams: [], final: new Map(), complaints: [] }
  const isWriting = new AbortController()
  const isReading = new AbortController()
  let acknowledged = 0
  let tags = 0

  function nodeFor(person: Person): WorkloadOptions['nodes'][number] | undefined {
    const home = nodes[person.home]
    return home?.isRunning ? home : nodes.find((node) => node.isRunning)
  }

  /** One connection: what it is given is recorded, and moves the person forward. */
  function visit(person: Person, node: WorkloadOptions['nodes'][number]): Visit {
    const { document, position } = person
    const reader = `${person.name} on ${node.name}`
    const stream: Stream = { document, reader, from: position, pieces: [], isLast: false }
    history.streams.push(stream)
    const unanswered: Attempt[] = []
    const give = (offset: number, bytes: Uint8Array): void => {
      stream.pieces.push({ offset, bytes })
      person.position = Math.max(person.position, offset + bytes.length)
    }
    const onMessage = (message: Received): void => {
      if (message.kind === 'append') give(message.offset, message.data)
      if (message.kind === 'ack') answer(unanswered.shift(), message, give)
      if (message.kind === 'error' && message.code !== UNAVAILABLE) {
        history.complaints.push(`${document}: ${reader}, from ${position}: ${message.text}`)
      }
    }
    const client = connectZwibbler(node.url, document, {
      ...{ version: random.pick(VERSIONS), offset: position, onMessage, record: false },
      socket: { handshakeTimeout: 3_000 },
    })
    return { client, stream, unanswered }
  }

  function answer(
    attempt: Attempt | undefined,
    { result, length }: { result: number; length: number },
    give: (offset: number, bytes: Uint8Array) => void,
  ): void {
    if (!attempt) return
    attempt.outcome = result === 1 ? 'acknowledged' : 'refused'
    if (result !== 1) return
    acknowledged++
    give(length - attempt.bytes.length, attempt.bytes)
  }

  async function write(person: Person): Promise<void> {
    const turn = async ({ client, unanswered }: Visit): Promise<void> => {
      const answers = []
      let offset = client.position
      for (let left = random.between(1, pipeline + 1); left > 0; left--) {
        const tag = `${person.name}.${tags++}`
        const bytes = contentOf(tag, random.between(...size))
        const attempt: Attempt = {
          document: person.document,
          tag,
          offset,
          bytes,
          outcome: 'unanswered',
        }
        history.attempts.push(attempt)
        unanswered.push(attempt)
        answers.push(client.append(bytes, offset))
        offset += bytes.length
      }
      const last = (await Promise.all(answers)).at(-1)
      if (last?.kind !== 'refused') return
      // As a correct client does: what it missed comes first (spec 8).
      await until('the missed bytes', () => client.position >= last.length || client.isClosed, {
        ...{ withinMs: ANSWER_MS, everyMs: 5 },
      })
    }
    await comeAgain(person, isWriting.signal, async (here) => {
      while (!isWriting.signal.aborted && !here.client.isClosed) {
        await within(ANSWER_MS, `an answer for ${here.stream.reader}`, turn(here)).catch(
          (error: unknown) => {
            history.complaints.push(`${person.document}: ${String(error)}`)
            here.client.socket.terminate()
          },
        )
        await sleep(random.between(...thinkMs))
      }
    })
  }

  async function read(person: Person): Promise<void> {
    await comeAgain(person, isReading.signal, async ({ client, stream }) => {
      const stop = (): void => {
        stream.isLast = true
        client.socket.terminate()
      }
      isReading.signal.addEventListener('abort', stop)
      await client.closed
      isReading.signal.removeEventListener('abort', stop)
    })
  }

  /** Joins somewhere in the middle and leaves again, as people do: each join must fit to what follows. */
  async function lookIn(person: Person): Promise<void> {
    await comeAgain(person, isWriting.signal, async ({ client }) => {
      await Promise.race([client.closed, sleep(random.between(50, 800))])
      client.socket.terminate()
      person.position = random.between(0, person.position + 1)
    })
  }

  async function comeAgain(
    person: Person,
    until: AbortSignal,
    work: (here: Visit) => Promise<void>,
  ): Promise<void> {
    while (!until.aborted) {
      const node = nodeFor(person)
      if (node) {
        const here = visit(person, node)
        const isIn = await here.client.joined().then(
          () => true,
          () => false,
        )
        if (isIn) await work(here)
        here.client.socket.terminate()
        await here.client.closed
      }
      await sleep(random.between(5, 60))
    }
  }

  const people = (role: string, count: number, document: string): Person[] =>
    Array.from({ length: count }, (_, index) => ({
      ...{ name: `${role}${index}`, document, home: index % nodes.length, position: 0 },
    }))
  const readers = documents.flatMap((document) => people('r', nodes.length, document))
  const reading = readers.map(read)
  const writing = documents.flatMap((document) => people('w', writers, document)).map(write)
  writing.push(...documents.flatMap((document) => people('v', visitors, document)).map(lookIn))

  async function readFinal(): Promise<number> {
    for (const document of documents) {
      history.final.set(document, await readStored(options.databaseUrl, document))
    }
    return [...history.final.values()].reduce((sum, bytes) => sum + bytes.length, 0)
  }
  const hasAll = ({ document, position }: Person): boolean =>
    position >= (history.final.get(document)?.length ?? 0)

  return {
    acknowledged: () => acknowledged,
    async finish({ withinMs = 20_000 } = {}) {
      isWriting.abort()
      await Promise.all(writing)
      // Appends that were never answered may still be on their way.
      let length = -1
      await until(
        'everything has come to rest',
        async () => {
          const before = length
          length = await readFinal()
          if (length !== before) await sleep(STILL_MS)
          return length === before && readers.every(hasAll)
        },
        { withinMs, everyMs: 100 },
      ).catch(() => undefined) // the checker says which reader lacks what
      isReading.abort()
      await Promise.all(reading)
      return history
    },
  }
}
