export const homeStyle = `
body { display: grid; grid-template-columns: minmax(0, 560px); place-content: center; min-height: 100dvh; padding: 24px; background-image: radial-gradient(circle, var(--dots) 1.1px, transparent 1.4px); background-size: 24px 24px; }
main { padding: clamp(24px, 6vw, 44px); background: var(--card); border: 1px solid var(--line); border-radius: 22px; box-shadow: var(--shadow); display: grid; grid-template-columns: minmax(0, 1fr); gap: 22px; }
.brand { display: flex; align-items: center; gap: 14px; }
.brand .mark { width: 44px; height: 44px; }
h1 { font-size: 26px; line-height: 1.2; letter-spacing: -0.02em; }
.version { color: var(--soft); font-size: 14px; }
.state { display: flex; align-items: center; gap: 10px; font-weight: 600; }
.state-dot { width: 10px; height: 10px; border-radius: 50%; background: var(--good); flex: none; }
.state.bad .state-dot { background: var(--bad); }
.lead { color: var(--soft); }
.open { display: flex; gap: 10px; }
.open .field { padding: 11px 14px; }
.open .primary { padding: 11px 20px; flex: none; min-width: 164px; }
.open + .open { margin-top: -10px; }
h2 { font-size: 14px; color: var(--soft); font-weight: 600; margin-bottom: 8px; }
pre + pre { margin-top: 10px; }
pre { margin: 0; padding: 14px 16px; border-radius: 12px; background: var(--line); overflow-x: auto; font: 13px/1.6 ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
`
