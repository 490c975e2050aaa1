import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'
import { reasonFor } from './lacking.ts'

/** Ends a run with one line for people and scripts, `<n> passed, <n> failed`, and names the files with tests that did not run, and why. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = (state: string): number =>
      modules.reduce((sum, module) => sum + countOf(module, state), 0)
    // A file that does not even load has no tests that could fail, and still is a failure.
    const broken = modules.filter((module) => module.errors().length > 0).length
    const lacking = modules.filter((module) => countOf(module, 'skipped') > 0)
    const byReason = new Map<string, string[]>()
    for (const module of lacking) {
      const reason = reasonFor(readFileSync(module.moduleId, 'utf8'))
      const file = `${nameOf(module)} (${countOf(module, 'skipped')})`
      byReason.set(reason, [...(byReason.get(reason) ?? []), file])
    }
    for (const [reason, files] of byReason) {
      const why = reason === '' ? '' : `${reason}, so `
      console.log(`${why}tests did not run in: ${files.join(', ')}`)
    }
    for (const name of modules.flatMap(secondTries)) console.log(`passed at a second try: ${name}`)
    console.log(
      `\n${count('passed')} passed, ${count('failed') + broken + unhandled.length} failed`,
    )
  }
}

function countOf(module: TestModule, state: string): number {
  return [...module.children.allTests()].filter((test) => test.result().state === state).length
}

function secondTries(module: TestModule): string[] {
  return [...module.children.allTests()]
    .filter((test) => test.diagnostic()?.flaky)
    .map((test) => `${nameOf(module)} > ${test.fullName}`)
}

function nameOf(module: TestModule): string {
  return relative(process.cwd(), module.moduleId)
}
