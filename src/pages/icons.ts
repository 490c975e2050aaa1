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
  offline:
    '<path d="M3 3l18 18"/><path d="M5 12.5a10 10 0 0 1 4-2.3M19 12.5a10 10 0 0 0-5-2.7M8.5 16a5 5 0 0 1 7 0M2 9a15 15 0 0 1 4.5-2.8M22 9a15 15 0 0 0-11-3.9"/><path d="M12 19.5h.01"/>',
} as const

export const icon = (name: keyof typeof shapes) =>
  `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${shapes[name]}</svg>`

/** Three strokes that grow: the mark of the thing, also the favicon. */
export const mark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" class="mark" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#2f62f0"/><path d="M8 22.5h5M8 16h10M8 9.5h16" fill="none" stroke="#fff" stroke-width="3.6" stroke-linecap="round"/></svg>`
