import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: ['test/support/services.ts'],
    include: ['test/**/*.test.ts'],
    // Minutes of building: npm run test:images.
    exclude: ['test/images/**'],
    reporters: ['default', './test/support/closingLine.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real nodes, Postgres and Redis on small machines: files that start nodes share the cores badly, but wait half of the time.
    maxWorkers: 3,
    // Where nobody watches, a test gets a second try; the closing lines name those that needed it.
    retry: process.env.CI === undefined ? 0 : 1,
  },
})
