/** The buttons that format: each shows whether it applies where the cursor is. */
import type { ChainedCommands, Editor } from '@tiptap/core'
import { button, element, onceAFrame } from '../common/dom.ts'

interface Action {
  readonly run: (chain: ChainedCommands) => ChainedCommands
  /** Whether it is in force where the cursor is; without it the button has no such state. */
  readonly isOn?: (editor: Editor) => boolean
  readonly isPossible?: (editor: Editor) => boolean
}

const heading = (level: 1 | 2): Action => ({
  run: (chain) => chain.toggleHeading({ level }),
  isOn: (editor) => editor.isActive('heading', { level }),
})

/** By the ids of their buttons. */
const actions: Readonly<Record<string, Action>> = {
  undo: { run: (chain) => chain.undo(), isPossible: (editor) => editor.can().undo() },
  redo: { run: (chain) => chain.redo(), isPossible: (editor) => editor.can().redo() },
  bold: { run: (chain) => chain.toggleBold(), isOn: (editor) => editor.isActive('bold') },
  italic: { run: (chain) => chain.toggleItalic(), isOn: (editor) => editor.isActive('italic') },
  strike: { run: (chain) => chain.toggleStrike(), isOn: (editor) => editor.isActive('strike') },
  code: { run: (chain) => chain.toggleCode(), isOn: (editor) => editor.isActive('code') },
  title1: heading(1),
  title2: heading(2),
  bullets: {
    run: (chain) => chain.toggleBulletList(),
    isOn: (editor) => editor.isActive('bulletList'),
  },
  numbers: {
    run: (chain) => chain.toggleOrderedList(),
    isOn: (editor) => editor.isActive('orderedList'),
  },
  quote: {
    run: (chain) => chain.toggleBlockquote(),
    isOn: (editor) => editor.isActive('blockquote'),
  },
  block: {
    run: (chain) => chain.toggleCodeBlock(),
    isOn: (editor) => editor.isActive('codeBlock'),
  },
}

export function showToolbar(editor: Editor): void {
  const update = onceAFrame(() => {
    for (const [id, { isOn, isPossible }] of Object.entries(actions)) {
      const found = button(id)
      found.disabled = !editor.isEditable || isPossible?.(editor) === false
      if (isOn) found.setAttribute('aria-pressed', String(isOn(editor)))
    }
  })
  for (const [id, { run }] of Object.entries(actions)) {
    button(id).addEventListener('click', () => run(editor.chain().focus()).run())
  }
  // The text keeps the focus, and its selection.
  element('toolbar').addEventListener('mousedown', (event) => event.preventDefault())
  editor.on('transaction', update)
  editor.on('update', update)
  update()
}
