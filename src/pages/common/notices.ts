/** Short notices that go away by themselves. */
import { element, make } from './dom.ts'

const MOST = 3
const NOTICE_MS = 4_500

export function notify(text: string): void {
  const notices = element('notices')
  const notice = make('div', 'notice', text)
  notices.append(notice)
  while (notices.childElementCount > MOST) notices.firstElementChild!.remove()
  setTimeout(() => notice.remove(), NOTICE_MS)
}
