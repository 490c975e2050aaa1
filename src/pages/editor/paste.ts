/**
 * Pasting from other programs. They write what is bold or struck through as style attributes, which the page's policy
 * refuses wherever a parser meets them; set one by one they are welcome.
 */
import { Extension } from '@tiptap/core'
import { DOMParser } from '@tiptap/pm/model'
import type { ParseOptions, Slice } from '@tiptap/pm/model'
import { Plugin } from '@tiptap/pm/state'

const ASIDE = 'data-pasted-style'

const setAside = (html: string): string =>
  html.replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\sstyle\s*=/gi, ` ${ASIDE}=`))

class Parser extends DOMParser {
  override parseSlice(pasted: Node, options?: ParseOptions): Slice {
    if (pasted instanceof Element) putBack(pasted)
    return super.parseSlice(pasted, options)
  }
}

function putBack(pasted: Element): void {
  for (const element of pasted.querySelectorAll<HTMLElement>(`[${ASIDE}]`)) {
    element.style.cssText = element.getAttribute(ASIDE)!
  }
}

export const PastedStyles = Extension.create({
  name: 'pastedStyles',
  addProseMirrorPlugins() {
    const { schema } = this.editor
    const clipboardParser = new Parser(schema, DOMParser.fromSchema(schema).rules)
    return [new Plugin({ props: { transformPastedHTML: setAside, clipboardParser } })]
  },
})
