/** Colours, type and controls that both pages share. */
export const baseStyle = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfd;
  --dots: #d4d9e3;
  --card: #ffffffea;
  --line: #1c223014;
  --text: #1c2230;
  --soft: #5b6577;
  --accent: #2f62f0;
  --accent-soft: #2f62f01c;
  --good: #1f9355;
  --warn: #b35c00;
  --bad: #cf2d34;
  --shadow: 0 1px 2px #10182814, 0 6px 24px #10182817;
  --radius: 14px;
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171f;
    --dots: #2b303d;
    --card: #1e222dec;
    --line: #ffffff17;
    --text: #eef1f7;
    --soft: #a3acbd;
    --accent: #7ba0ff;
    --accent-soft: #7ba0ff26;
    --good: #4fd08c;
    --warn: #ffb057;
    --bad: #ff7a7f;
    --shadow: 0 1px 2px #0006, 0 8px 28px #0007;
  }
}
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { margin: 0; height: 100%; background: var(--paper); color: var(--text); }
button, input { font: inherit; color: inherit; }
button { cursor: pointer; }
h1, h2, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.icon { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; flex: none; }
.mark { width: 26px; height: 26px; flex: none; display: block; }
.field { width: 100%; min-width: 0; padding: 8px 12px; border: 1px solid var(--line); border-radius: 10px; background: var(--paper); }
.primary { padding: 8px 16px; border: 0; border-radius: 10px; background: var(--accent); color: #fff; font-weight: 600; white-space: nowrap; }
@media (prefers-color-scheme: dark) { .primary { color: #0d1220; } }
.primary:hover { filter: brightness(1.07); }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; } }
`
