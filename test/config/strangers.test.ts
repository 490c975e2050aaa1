import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'

function warningsOf(env: Record<string, string>): string[] {
  const warnings: string[] = []
  readConfig(env, (sentence) => warnings.push(sentence))
  return warnings
}

test('a misspelt variable is asked about', () => {
  expect(warningsOf({ REDIS_URI: 'x', ZWIBBLER_WEBHOOKS: 'x', ALLOWED_ORIGIN: '*' })).toEqual([
    'REDIS_URI is not a setting: is REDIS_URL meant?',
    'ZWIBBLER_WEBHOOKS is not a setting: is ZWIBBLER_WEBHOOK meant?',
    'ALLOWED_ORIGIN is not a setting: is ALLOWED_ORIGINS meant?',
  ])
})

test('a variable that only looks like ours is told of', () => {
  expect(warningsOf({ ZWIBBLER_SWARM_URL: 'x' })).toEqual(['ZWIBBLER_SWARM_URL is not a setting'])
  expect(warningsOf({ YJS_SECRET: 'x' })).toEqual(['YJS_SECRET is not a setting'])
})

test('variables of the shell, of npm and of other programs are nobody to warn about', () => {
  // npm sets EDITOR for every script that it runs, ours included.
  const shell = { PATH: '/bin', HOME: '/', HOSTNAME: 'box', EDITOR: 'vi', PAGER: 'less' }
  const env = { ...shell, PGHOST: 'x', npm_config_port: '1' }
  expect(warningsOf(env)).toEqual([])
})

test('what Kubernetes sets for a service of that name is ignored, with a warning', () => {
  const env = {
    ZWIBBLER_PORT: 'tcp://10.0.0.7:3000',
    ZWIBBLER_SERVICE_HOST: '10.0.0.7',
    ZWIBBLER_PORT_3000_TCP: 'tcp://10.0.0.7:3000',
  }
  expect(readConfig(env).ZWIBBLER_PORT).toBeUndefined()
  expect(warningsOf(env)).toEqual([
    'ZWIBBLER_PORT is ignored: Kubernetes set it for a service of that name',
  ])
})
