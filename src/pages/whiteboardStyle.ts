export const whiteboardStyle = `
body { overflow: hidden; overscroll-behavior: none; user-select: none; -webkit-user-select: none; -webkit-tap-highlight-color: transparent; }
.stage { position: fixed; inset: 0; touch-action: none; outline-offset: -3px; cursor: crosshair; background-color: var(--paper);
  background-image: radial-gradient(circle, var(--dots) 1.1px, transparent 1.4px);
  background-size: var(--grid, 24px) var(--grid, 24px); background-position: var(--grid-x, 0) var(--grid-y, 0); }
.stage[data-tool='hand'] { cursor: grab; }
.stage[data-tool='hand']:active { cursor: grabbing; }
.stage[data-tool='eraser'] { cursor: cell; }
.stage canvas { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.hint { position: absolute; inset: 0; display: grid; place-content: center; text-align: center; color: var(--soft); pointer-events: none; padding: 0 32px; }
.hint strong { font-size: 20px; font-weight: 600; color: var(--text); letter-spacing: -0.01em; }
.pointers { position: absolute; inset: 0; overflow: hidden; pointer-events: none; }
.pointer { position: absolute; left: 0; top: 0; color: var(--colour); transition: transform 90ms linear; will-change: transform; }
.pointer svg { display: block; width: 20px; height: 20px; fill: currentColor; stroke: var(--paper); stroke-width: 1.5; stroke-linejoin: round; filter: drop-shadow(0 1px 1px #0003); }
.pointer-name { position: absolute; left: 16px; top: 16px; padding: 1px 8px; border-radius: 4px 10px 10px 10px; background: var(--colour); color: #fff; font-size: 12px; font-weight: 600; white-space: nowrap; max-width: 160px; overflow: hidden; text-overflow: ellipsis; }
@media (prefers-color-scheme: dark) { .pointer-name { color: #10131a; } }
.cross { position: absolute; left: -11px; top: -11px; width: 22px; height: 22px; border: 2px solid var(--accent); border-radius: 50%; pointer-events: none; }
.cross::after { content: ''; position: absolute; inset: 7px; border-radius: 50%; background: var(--accent); }
.cross.down { background: var(--accent-soft); border-width: 4px; }

.zoom { left: max(12px, env(safe-area-inset-left)); bottom: max(14px, env(safe-area-inset-bottom)); }

[data-state='suspended'] .stage::after, [data-state='waiting'] .stage::after { content: ''; position: absolute; inset: 0; border: 3px solid color-mix(in srgb, var(--warn) 65%, transparent); pointer-events: none; }
#rebases { color: var(--soft); font-variant-numeric: tabular-nums; gap: 5px; padding: 0 8px; }
#rebases.flash { animation: flash 1.6s ease-out; }
@keyframes flash { 0% { background: var(--accent); color: #fff; transform: scale(1.12); } 100% { background: transparent; transform: none; } }
html:not([data-state='joined']) .pointers { opacity: 0.35; }

.tools, .colours, .widths { display: flex; align-items: center; gap: 2px; }
.swatch, .width { display: grid; place-items: center; width: 34px; height: 40px; padding: 0; border: 0; border-radius: 10px; background: none; touch-action: manipulation; }
.swatch::before { content: ''; width: 20px; height: 20px; border-radius: 50%; background: var(--colour); }
.swatch[aria-checked='true']::before { box-shadow: 0 0 0 2.5px var(--card), 0 0 0 4.5px var(--colour); }
.width[aria-checked='true'] { background: var(--accent-soft); color: var(--accent); }
@media (hover: hover) { .swatch:hover, .width:hover { background: var(--line); } }
.dot { width: var(--width); height: var(--width); border-radius: 50%; background: currentColor; }
.styles { display: flex; align-items: center; gap: 0; position: static; inset: auto; margin: 0; padding: 0; border: 0; background: none; color: inherit; overflow: visible; }
#style { display: none; }
#style::before { content: ''; width: max(6px, var(--width)); height: max(6px, var(--width)); border-radius: 50%; background: var(--colour); }

.facts { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; }
.fact { padding: 8px 10px; border-radius: 10px; background: var(--line); }
.fact.wide { grid-column: 1 / -1; }
.fact.double { grid-column: span 2; }
.fact dt { font-size: 12px; color: var(--soft); }
.fact dd { font-weight: 650; font-variant-numeric: tabular-nums; }
.fact.wide dd { font-weight: 450; font-size: 14px; }
.journal { display: grid; gap: 6px; max-height: 34vh; overflow: auto; font-size: 13px; align-content: start; }
.entry { display: grid; grid-template-columns: auto 1fr; gap: 8px; }
.entry-time { color: var(--soft); font-variant-numeric: tabular-nums; }
.entry.conflict .entry-text { color: var(--bad); }
.entry.rebase .entry-text { color: var(--accent); font-weight: 550; }
.entry.suspended .entry-text, .entry.waiting .entry-text { color: var(--warn); }

@media (max-width: 1180px) { .zoom { bottom: calc(max(14px, env(safe-area-inset-bottom)) + 62px); } }
@media (max-width: 820px) {
  .zoom { display: none; }
  #style { display: inline-flex; }
  #styles:not(:popover-open) { display: none; }
  #styles:popover-open { position: fixed; display: grid; gap: 8px; justify-items: center; left: 50%; inset: auto auto calc(max(14px, env(safe-area-inset-bottom)) + 62px) 50%; transform: translateX(-50%); padding: 10px; background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: var(--shadow); }
  #styles .divider { display: none; }
  .colours { display: grid; grid-template-columns: repeat(4, 1fr); }
  .swatch, .width { width: 46px; height: 46px; }
  .swatch::before { width: 26px; height: 26px; }
}
@media (max-height: 430px) { .zoom, .hint { display: none; } }
`
