export interface Events<Map> {
  /** @returns a function that ends the subscription */
  readonly on: <Name extends keyof Map>(
    name: Name,
    listener: (event: Map[Name]) => void,
  ) => () => void
  readonly emit: <Name extends keyof Map>(name: Name, event: Map[Name]) => void
}

/** A typed emitter without inheritance. A listener that throws is reported as an uncaught error; the others still hear. */
export function makeEvents<Map>(): Events<Map> {
  const listeners: { [Name in keyof Map]?: Set<(event: Map[Name]) => void> } = {}
  return {
    on(name, listener) {
      const set = (listeners[name] ??= new Set())
      set.add(listener)
      return () => set.delete(listener)
    },
    emit(name, event) {
      for (const listener of listeners[name] ?? []) guarded(() => listener(event))
    },
  }
}

/** The caller's mistakes must not tear the protocol's state: they surface where window.onerror and Node see them. */
export function guarded(run: () => void): void {
  try {
    run()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
