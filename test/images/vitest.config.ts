import { defineConfig } from 'vitest/config'

/** What is built for production, in containers: apart from `npm test` for its minutes. */
export default defineConfig({
  test: {
    include: ['test/images/**/*.test.ts'],
    reporters: ['default', './test/support/closingLine.ts'],
    testTimeout: 120_000,
    hookTimeout: 900_000,
    maxWorkers: 1,
  },
})
