/** The page's elements by id: one that is missing is a mistake in the page, found when it loads. */
export function byId<Type extends Element>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`)
  return found
}

export const button = (id: string) => byId(id, HTMLButtonElement)
export const element = (id: string) => byId(id, HTMLElement)

/** An element with a class and a text. */
export function make(tag: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(tag)
  made.className = className
  made.textContent = text
  return made
}

/** Runs at most once a frame, however often it is asked for. */
export function onceAFrame(run: () => void): () => void {
  let isWaiting = false
  return () => {
    if (isWaiting) return
    isWaiting = true
    requestAnimationFrame(() => {
      isWaiting = false
      run()
    })
  }
}

/** Runs now and then again at most every `ms`, the last time after the last call. */
export function throttle(ms: number, run: () => void): () => void {
  let timer: number | undefined
  let isWanted = false
  const tick = () => {
    timer = undefined
    if (!isWanted) return
    isWanted = false
    timer = window.setTimeout(tick, ms)
    run()
  }
  return () => {
    isWanted = true
    if (timer === undefined) tick()
  }
}

/** Some storages throw (private windows, blocked cookies): then nothing is remembered. */
export function remember(storage: () => Storage, key: string, value: string): void {
  try {
    storage().setItem(key, value)
  } catch {
    // Nothing depends on it.
  }
}
export function recall(storage: () => Storage, key: string): string | undefined {
  try {
    return storage().getItem(key) ?? undefined
  } catch {
    return undefined
  }
}
export const here = () => sessionStorage
export const always = () => localStorage
