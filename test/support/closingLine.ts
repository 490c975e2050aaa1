import { relative } from 'node:path'
import type { Reporter, TestModule } from 'vitest/node'

/** Ends a run with one line for people and scripts: `<n> passed, <n> failed`, and what did not run for want of Redis. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const inState = (state: string): number =>
      tests.filter((test) => test.result().state === state).length
    // A file that does not even load has no tests that could fail, and still is a failure.
    const broken = modules.filter((module) => module.errors().length > 0).length
    const idle = modules.filter((module) => isSkipped(module)).map(nameOf)
    if (process.env.LENGTHWISE_TEST_REDIS === 'none' && idle.length > 0) {
      console.log(`no Redis was found: these did not run: ${idle.join(', ')}`)
    }
    console.log(
      `\n${inState('passed')} passed, ${inState('failed') + broken + unhandled.length} failed`,
    )
  }
}

function isSkipped(module: TestModule): boolean {
  const tests = [...module.children.allTests()]
  return tests.length > 0 && tests.every((test) => test.result().state === 'skipped')
}

function nameOf(module: TestModule): string {
  return relative(process.cwd(), module.moduleId)
}
