/** The text: Tiptap, bound to the Yjs document. */
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import type { Doc } from 'yjs'
import type { WebsocketProvider } from 'y-websocket'
import { PastedStyles } from './paste.ts'
import { caret, selection, type User } from './writers.ts'

export interface TextOptions {
  readonly place: HTMLElement
  readonly doc: Doc
  readonly provider: WebsocketProvider
  readonly user: User
}

export function makeText({ place, doc, provider, user }: TextOptions): Editor {
  return new Editor({
    element: place,
    // The policy refuses style elements: the page's own style has these rules.
    injectCSS: false,
    extensions: [
      StarterKit.configure({
        // Undo takes back one's own changes only: that of the document's.
        undoRedo: false,
        // Both change the text by themselves, and in every window at once.
        trailingNode: false,
        link: { autolink: false },
      }),
      Collaboration.configure({ document: doc }),
      CollaborationCaret.configure({ provider, user, render: caret, selectionRender: selection }),
      PastedStyles,
    ],
    editorProps: {
      attributes: {
        role: 'textbox',
        'aria-multiline': 'true',
        'aria-label': 'Text of the document',
        'data-hint': 'Write here: everybody who opens this link sees it at once.',
      },
    },
  })
}
