/** The start page: the socket's address as seen from here, and whether the storage answers. */
const socket = new URL('socket', location.href)
const health = new URL(socket)
health.search = 'ping'
socket.protocol = socket.protocol.replace('http', 'ws')

const find = (id: string) => document.getElementById(id)!

find('url').textContent = socket.href

async function look(): Promise<void> {
  const isWell = await fetch(health).then(
    (answer) => answer.ok,
    () => false,
  )
  find('state').classList.toggle('bad', !isWell)
  find('state-word').textContent = isWell
    ? 'It works.'
    : 'It runs, but its storage does not answer.'
}

void look() // never rejects

export {}
