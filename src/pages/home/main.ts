/** The start page: the sockets' addresses as seen from here, and whether the storage answers. */
const find = (id: string) => document.getElementById(id)!

for (const place of document.querySelectorAll<HTMLElement>('[data-socket]')) {
  const socket = new URL(place.dataset.socket!, location.href)
  socket.protocol = socket.protocol.replace('http', 'ws')
  place.textContent = socket.href
}

async function look(health: string): Promise<void> {
  const isWell = await fetch(health).then(
    (answer) => answer.ok,
    () => false,
  )
  find('state').classList.toggle('bad', !isWell)
  find('state-word').textContent = isWell
    ? 'It works.'
    : 'It runs, but its storage does not answer.'
}

const { health } = find('state').dataset
if (health !== undefined) void look(health) // never rejects

export {}
