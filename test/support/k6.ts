import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Whether there is a k6, or a Go that builds it. */
export const hasK6 = (process.env.PATH ?? '')
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'k6')) || existsSync(join(folder, 'go')))
