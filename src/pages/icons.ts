/** Line drawings on a 24 by 24 grid, in the colour of the text beside them. */
const shapes = {
  pen: '<path d="m4 20 1-4L16.5 4.5a2.1 2.1 0 0 1 3 3L8 19z"/><path d="m14.5 6.5 3 3"/>',
  eraser:
    '<path d="m7 20-3.3-3.3a2 2 0 0 1 0-2.8L13 4.6a2 2 0 0 1 2.8 0l4 4a2 2 0 0 1 0 2.8L11.2 20z"/><path d="M20 20H7"/><path d="m8.5 9.2 6.4 6.4"/>',
  hand: '<path d="M12 3v18M3 12h18"/><path d="m9.5 5.5 2.5-2.5 2.5 2.5M9.5 18.5l2.5 2.5 2.5-2.5M5.5 9.5 3 12l2.5 2.5M18.5 9.5 21 12l-2.5 2.5"/>',
  undo: '<path d="M8.5 4.5 4 9l4.5 4.5"/><path d="M4 9h10a5.5 5.5 0 0 1 0 11h-4"/>',
  redo: '<path d="M15.5 4.5 20 9l-4.5 4.5"/><path d="M20 9H10a5.5 5.5 0 0 0 0 11h4"/>',
  clear: '<path d="M4 7h16M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10.5 11v5.5M13.5 11v5.5"/>',
  share:
    '<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1"/><path d="M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1"/>',
  fit: '<path d="M4 9V5.5A1.5 1.5 0 0 1 5.5 4H9M15 4h3.5A1.5 1.5 0 0 1 20 5.5V9M20 15v3.5a1.5 1.5 0 0 1-1.5 1.5H15M9 20H5.5A1.5 1.5 0 0 1 4 18.5V15"/>',
  plus: '<path d="M12 5v14M5 12h14"/>',
  minus: '<path d="M5 12h14"/>',
  down: '<path d="m7 10 5 5 5-5"/>',
  rebase: '<path d="M4 8h12M13 4l4 4-4 4"/><path d="M20 16H8M11 12l-4 4 4 4"/>',
  bold: '<path d="M7 5h6a3.5 3.5 0 0 1 0 7H7zM7 12h7a3.5 3.5 0 0 1 0 7H7z"/>',
  italic: '<path d="M10 5h8M6 19h8M14.5 5l-5 14"/>',
  strike:
    '<path d="M4 12h16"/><path d="M17 7.5C16.3 5.9 14.5 5 12 5 9.2 5 7.2 6.3 7.2 8.4c0 1.6 1 2.7 3 3.6M7 16.2C7.7 18 9.5 19 12 19c2.9 0 5-1.4 5-3.6 0-.9-.3-1.7-.9-2.4"/>',
  code: '<path d="m8 7-5 5 5 5M16 7l5 5-5 5"/>',
  title1: '<path d="M4 6v12M12 6v12M4 12h8M16.5 11 19 9v9"/>',
  title2: '<path d="M4 6v12M12 6v12M4 12h8M16 11a2.2 2.2 0 1 1 4 1.300L16 18h4.5"/>',
  bullets: '<path d="M9 6h11M9 12h11M9 18h11"/><path d="M4.5 6h.01M4.5 12h.01M4.5 18h.01"/>',
  numbers:
    '<path d="M10 6h10M10 12h10M10 18h10"/><path d="M3.5 5 5 4v5M3.5 15.800a1.4 1.4 0 0 1 2.6.7c0 1.2-2.6 2-2.6 3.500h2.8"/>',
  quote: '<path d="M10 8c-3 0-5 2-5 5v4h5v-5H6M19 8c-3 0-5 2-5 5v4h5v-5h-4"/>',
  block:
    '<rect x="3" y="5" width="18" height="14" rx="2"/><path d="m9.5 9.5-2.5 2.5 2.5 2.500M14.5 9.5 17 12l-2.5 2.5"/>',
  offline:
    '<path d="M3 3l18 18"/><path d="M5 12.5a10 10 0 0 1 4-2.3M19 12.5a10 10 0 0 0-5-2.7M8.5 16a5 5 0 0 1 7 0M2 9a15 15 0 0 1 4.5-2.8M22 9a15 15 0 0 0-11-3.9"/><path d="M12 19.5h.01"/>',
} as const

export const icon = (name: keyof typeof shapes) =>
  `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${shapes[name]}</svg>`

/** Three strokes that grow: the mark of the thing, also the favicon. */
export const mark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" class="mark" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#2f62f0"/><path d="M8 22.5h5M8 16h10M8 9.5h16" fill="none" stroke="#fff" stroke-width="3.6" stroke-linecap="round"/></svg>`
