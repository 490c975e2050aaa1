import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const built = new URL('../../node_modules/.cache/lengthwise/', import.meta.url).pathname

const isOnPath = (process.env.PATH ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'k6')))
const isBuilt = existsSync(built) && readdirSync(built).some((name) => /^k6-v[\d.]+$/.test(name))

/** Whether there is a k6. Tests do not build one: that takes minutes and the network. */
export const hasK6 = isOnPath || isBuilt
