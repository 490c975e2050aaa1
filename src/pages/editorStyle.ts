/** The last part stands in for what the editor would write into the page itself. */
export const editorStyle = `
body { background-image: radial-gradient(circle, var(--dots) 1.1px, transparent 1.4px); background-size: 24px 24px; background-attachment: fixed; }
.page { max-width: 780px; min-height: 100dvh; margin: 0 auto; padding: calc(max(12px, env(safe-area-inset-top)) + 64px) 12px calc(max(14px, env(safe-area-inset-bottom)) + 72px); display: flex; flex-direction: column; gap: 12px; }
.sentence { padding: 10px 16px; border-radius: 12px; background: color-mix(in srgb, var(--warn) 16%, var(--paper)); color: var(--warn); font-weight: 550; }
[data-state='closed'] .sentence { background: color-mix(in srgb, var(--bad) 14%, var(--paper)); color: var(--bad); }
.text { flex: 1; display: flex; background: var(--card); border: 1px solid var(--line); border-radius: 22px; box-shadow: var(--shadow); }
[data-state='suspended'] .text, [data-state='waiting'] .text { border-color: color-mix(in srgb, var(--warn) 65%, transparent); }
.tool[aria-pressed='true'] { background: var(--accent-soft); color: var(--accent); }
.bottom { overflow-x: auto; scrollbar-width: none; }
.bottom .tool { flex: none; }
.bottom .divider { margin: 0 3px; }

.tiptap { flex: 1; min-width: 0; padding: clamp(20px, 6vw, 52px); outline: none; font-size: 17px; line-height: 1.65; overflow-wrap: anywhere; }
.tiptap > * + * { margin-top: 0.75em; }
.tiptap h1, .tiptap h2, .tiptap h3 { line-height: 1.25; letter-spacing: -0.02em; margin-bottom: 0; }
.tiptap h1 { font-size: 1.8em; }
.tiptap h2 { font-size: 1.35em; margin-top: 1.2em; }
.tiptap ul, .tiptap ol { padding-left: 1.5em; }
.tiptap ul { list-style: disc; }
.tiptap ol { list-style: decimal; }
.tiptap a { color: var(--accent); }
.tiptap blockquote { margin-left: 0; margin-right: 0; padding-left: 1em; border-left: 3px solid var(--accent); color: var(--soft); }
.tiptap code { padding: 0.1em 0.35em; border-radius: 6px; background: var(--line); font: 0.88em/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
.tiptap pre { padding: 14px 16px; border-radius: 12px; background: var(--line); overflow-x: auto; }
.tiptap pre code { padding: 0; background: none; }
.tiptap hr { border: 0; border-top: 1px solid var(--soft); }
.tiptap[contenteditable='true']:has(> p:only-child > br.ProseMirror-trailingBreak:only-child)::before { content: attr(data-hint); float: left; height: 0; color: var(--soft); pointer-events: none; }

.caret { position: relative; margin: 0 -1px; border-left: 2px solid var(--colour); pointer-events: none; overflow-wrap: normal; }
.caret-name { position: absolute; left: -2px; bottom: 100%; padding: 0 7px; border-radius: 9px 9px 9px 0; background: var(--colour); color: #fff; font: 600 12px/1.5 system-ui, sans-serif; white-space: nowrap; max-width: 160px; overflow: hidden; text-overflow: ellipsis; user-select: none; -webkit-user-select: none; }
@media (prefers-color-scheme: dark) { .caret-name { color: #10131a; } }
.selected { background: color-mix(in srgb, var(--colour) 28%, transparent); }

.ProseMirror { position: relative; word-wrap: break-word; white-space: pre-wrap; white-space: break-spaces; font-variant-ligatures: none; font-feature-settings: 'liga' 0; }
.ProseMirror [contenteditable='false'] { white-space: normal; }
.ProseMirror [contenteditable='false'] [contenteditable='true'], .ProseMirror pre { white-space: pre-wrap; }
img.ProseMirror-separator { display: inline !important; border: none !important; margin: 0 !important; width: 0 !important; height: 0 !important; }
.ProseMirror-gapcursor { display: none; pointer-events: none; position: absolute; margin: 0; }
.ProseMirror-gapcursor::after { content: ''; display: block; position: absolute; top: -2px; width: 20px; border-top: 1px solid var(--text); }
.ProseMirror-focused .ProseMirror-gapcursor { display: block; }
.ProseMirror-hideselection *::selection { background: transparent; }
.ProseMirror-hideselection * { caret-color: transparent; }
.ProseMirror-selectednode { outline: 2px solid var(--accent); }
`
