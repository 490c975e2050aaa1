/** The bars, panels, faces and notices that lie over a whiteboard or a document. */
export const barStyle = `
.card { background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow); backdrop-filter: blur(14px) saturate(1.4); -webkit-backdrop-filter: blur(14px) saturate(1.4); }
.bar { position: fixed; display: flex; align-items: center; gap: 2px; padding: 5px; z-index: 2; }
.top-left { left: max(12px, env(safe-area-inset-left)); top: max(12px, env(safe-area-inset-top)); max-width: min(46vw, 380px); }
.top-right { right: max(12px, env(safe-area-inset-right)); top: max(12px, env(safe-area-inset-top)); }
.bottom { left: 50%; bottom: max(14px, env(safe-area-inset-bottom)); transform: translateX(-50%); max-width: calc(100vw - 20px); }
.tool, .chip { display: inline-flex; align-items: center; justify-content: center; gap: 7px; min-width: 40px; height: 40px; padding: 0 9px; border: 0; border-radius: 10px; background: none; white-space: nowrap; text-decoration: none; color: inherit; touch-action: manipulation; }
@media (hover: hover) { .tool:hover, .chip:hover, .title-link:hover { background: var(--line); } }
.tool:active, .chip:active { background: var(--line); }
.tool[aria-checked='true'] { background: var(--accent-soft); color: var(--accent); }
.tool:disabled { opacity: 0.35; cursor: default; background: none; }
.chip { font-weight: 550; font-size: 14px; }
.divider { width: 1px; height: 24px; margin: 0 5px; background: var(--line); flex: none; }
.home { display: inline-flex; padding: 7px; border-radius: 10px; }
.title-button { min-width: 0; padding-left: 6px; font-size: 15px; font-weight: 650; letter-spacing: -0.01em; }
.title { overflow: hidden; text-overflow: ellipsis; }

.state-dot { width: 9px; height: 9px; border-radius: 50%; background: var(--warn); flex: none; }
[data-state='joined'] .state-dot { background: var(--good); box-shadow: 0 0 0 3px color-mix(in srgb, var(--good) 22%, transparent); }
[data-state='closed'] .state-dot { background: var(--bad); }
[data-state='connecting'] .state-dot, [data-state='waiting'] .state-dot { animation: breathe 1s ease-in-out infinite alternate; }
@keyframes breathe { to { opacity: 0.25; } }
[data-state='suspended'] #offline { background: color-mix(in srgb, var(--warn) 16%, transparent); color: var(--warn); }
.faces { display: inline-flex; }
.face { display: inline-grid; place-items: center; width: 28px; height: 28px; border-radius: 50%; background: var(--colour); color: #fff; font-size: 11px; font-weight: 700; border: 2px solid var(--card); }
@media (prefers-color-scheme: dark) { .face { color: #10131a; } }
.face + .face { margin-left: -5px; }
html:not([data-state='joined']) .faces { opacity: 0.35; }

.panel { position: fixed; margin: 0; padding: 16px; color: inherit; width: 320px; max-width: calc(100vw - 24px); max-height: calc(100dvh - 156px); overflow: auto; inset: auto; user-select: text; -webkit-user-select: text; }
.panel:popover-open { display: grid; gap: 12px; }
.panel.left { left: max(12px, env(safe-area-inset-left)); top: calc(max(12px, env(safe-area-inset-top)) + 60px); }
.panel.right { right: max(12px, env(safe-area-inset-right)); top: calc(max(12px, env(safe-area-inset-top)) + 60px); }
.panel h2 { font-size: 13px; font-weight: 650; color: var(--soft); }
.row { display: flex; gap: 8px; }
.title-link { display: block; padding: 7px 10px; margin: 0 -10px; border-radius: 9px; color: inherit; text-decoration: none; overflow: hidden; text-overflow: ellipsis; }
.title-link[aria-current] { color: var(--accent); font-weight: 600; }
.person, .me { display: flex; align-items: center; gap: 10px; padding: 4px 0; }
.person-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.quiet { color: var(--soft); font-size: 14px; }
.notices { position: fixed; left: 50%; bottom: calc(max(14px, env(safe-area-inset-bottom)) + 64px); transform: translateX(-50%); display: grid; gap: 8px; justify-items: center; width: max-content; max-width: calc(100vw - 32px); pointer-events: none; z-index: 3; }
.notice { padding: 9px 16px; border-radius: 12px; background: var(--text); color: var(--paper); font-size: 14px; box-shadow: var(--shadow); animation: rise 0.25s ease-out; overflow-wrap: anywhere; }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }

@media (max-width: 1000px) { #offline-word { display: none; } #offline { padding: 0 8px; } }
@media (max-width: 560px) {
  .top-left .home, .top-left .divider, #share { display: none; }
  .title-button { padding-left: 9px; }
  #state-word { display: none; }
  .face + .face { display: none; }
  .chip { padding: 0 8px; min-width: 36px; }
  .top-left { left: 8px; max-width: calc(100vw - 236px); }
  .top-right { right: 8px; }
  .bar { padding: 4px; gap: 0; }
  .top-right .divider { margin: 0 2px; }
}
`
