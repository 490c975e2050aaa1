/** The whiteboard page: puts the parts together. */
import { connect } from '../../client/index.ts'
import type { AppendOutcome } from '../../client/index.ts'
import { listenToName, randomColour, showCrowd } from '../common/crowd.ts'
import { always, button, byId, element, here, onceAFrame, recall, remember } from '../common/dom.ts'
import { randomName } from '../common/names.ts'
import { notify } from '../common/notices.ts'
import { onThemeChange, widths } from '../common/palette.ts'
import { showTitles, titleFrom } from '../common/titles.ts'
import { bytes, makeActivity, things } from './activity.ts'
import { makeBoard } from './board.ts'
import { makeCamera } from './camera.ts'
import { makeDrawing } from './drawing.ts'
import { listenTo } from './input.ts'
import { listenToKeyPen, listenToKeys } from './keyboard.ts'
import { makeLive } from './live.ts'
import { makePaint } from './paint.ts'
import { makePeople } from './people.ts'
import { encodeRecord, makeId, makeRecordReader, randomText, readRecord } from './records.ts'
import type { BoardRecord } from './records.ts'
import { makeToolbar } from './toolbar.ts'

const titles = {
  page: 'Whiteboard',
  parameter: 'board',
  memory: 'boards',
  shared: 'Link copied: whoever opens it draws with you.',
}
const boardTitle = titleFrom(titles)
/** A token in the address (#token=…) stands for the document. */
const token = new URLSearchParams(location.hash.slice(1)).get('token')
const author = recall(here, 'author') ?? randomText(10)
remember(here, 'author', author)
const stage = element('stage')
const board = makeBoard(author)
const paint = makePaint(byId('lower', HTMLCanvasElement), byId('upper', HTMLCanvasElement))
let readRecords = makeRecordReader()

const connection = connect({
  url: new URL('socket', location.href),
  document: token ?? `whiteboard/${boardTitle}`,
  rebase(change) {
    // The board has folded everything that was missed already.
    const record = readRecord(new TextDecoder().decode(change))
    const left = record && board.rebase(record)
    return left ? encodeRecord(left) : null
  },
})
const activity = makeActivity(connection)
const toolbar = makeToolbar(() => undefined)
const me = {
  name: recall(always, 'name') ?? randomName(),
  colour: randomColour(),
}

const repaint = onceAFrame(() => {
  const isLive = connection.status.state === 'joined'
  const visible = board.visible()
  const left = drawing.isErasing
    ? visible.filter(({ stroke }) => !drawing.isErased(stroke.id))
    : visible
  paint.strokes(camera.view, left, !isLive)
  const line = drawing.line()
  paint.live(camera.view, line ? [...live.strokes(), line] : live.strokes())
  describe(visible.length)
})
const camera = makeCamera(stage, paint, () => {
  people.placeAll()
  repaint()
})
const people = makePeople({
  connection,
  layer: element('pointers'),
  toScreen: (at) => camera.toScreen(at),
  me,
  changed: (others) => showCrowd(me, others),
  came: (name) => activity.write(`${name} is here.`),
  left: (name) => activity.write(`${name} has left.`),
})
const live = makeLive({
  connection,
  personId: people.id,
  changed: repaint,
  moved: (id, to) => people.moved(id, to),
})
const drawing = makeDrawing({
  author,
  board,
  live,
  paint,
  scale: () => camera.view.scale,
  style: () => ({ colour: toolbar.style.colour, units: widths[toolbar.style.width]!.units }),
  commit,
  changed: repaint,
})

function describe(count: number): void {
  stage.dataset.strokes = String(count)
  stage.setAttribute('aria-label', `Whiteboard ${boardTitle}: ${things(count, 'stroke')}`)
  element('hint').hidden = count > 0 || drawing.line() !== undefined
  button('undo').disabled = board.undoTarget() === undefined
  button('redo').disabled = board.redoTarget() === undefined
  button('clear').disabled = count === 0
}

function commit(record: BoardRecord): void {
  board.make(record)
  void connection.append(encodeRecord(record)).then((outcome) => settle(record, outcome)) // never rejects
  activity.update()
  repaint()
}

const failures: Partial<Record<AppendOutcome['kind'], string>> = {
  denied: 'You may look at this board, but not draw on it.',
  'too-large': 'That was too much for one stroke.',
  reset: 'That was drawn on a board which is gone.',
  closed: 'The board is closed: that was not stored.',
}

function settle(record: BoardRecord, outcome: AppendOutcome): void {
  activity.update()
  if (outcome.kind === 'stored') {
    const { offset, length } = outcome
    activity.write(`Stored ${bytes(length - offset)} at ${offset.toLocaleString()}.`, 'stored')
    return
  }
  board.withdraw(record)
  notify(failures[outcome.kind] ?? 'Somebody else did the same just before.')
  repaint()
}

function reverse(t: 'u' | 'r', of: string | undefined): void {
  if (of !== undefined) commit({ t, id: makeId(author), of })
}
const undo = () => reverse('u', board.undoTarget())
const redo = () => reverse('r', board.redoTarget())

connection.on('data', ({ bytes: data }) => {
  for (const record of readRecords(data)) {
    board.store(record)
    live.drop(record.id)
  }
  camera.look(board.visible())
  activity.update()
  repaint()
})
connection.on('reset', () => {
  board.reset()
  readRecords = makeRecordReader()
  repaint()
})
connection.on('status', repaint)

listenTo(stage, {
  tool: () => toolbar.style.tool,
  begin: (tool, at) => drawing.begin(tool, camera.toBoard(at)),
  move: (points) => drawing.move(points.map(camera.toBoard)),
  end: () => drawing.end(),
  cancel: () => drawing.cancel(),
  pan: (dx, dy) => camera.pan(dx, dy),
  zoom: (factor, at) => camera.zoom(factor, at),
  hover: (at) => people.point(at && camera.toBoard(at)),
})
listenToKeyPen(stage, element('cross'), () => paint.size, {
  begin: (at) => {
    drawing.begin(toolbar.style.tool === 'eraser' ? 'eraser' : 'pen', camera.toBoard(at))
  },
  move: (at) => drawing.move([camera.toBoard(at)]),
  end: () => drawing.end(),
})
listenToKeys({
  undo,
  redo,
  pen: () => toolbar.useTool('pen'),
  eraser: () => toolbar.useTool('eraser'),
  hand: () => toolbar.useTool('hand'),
  colour: toolbar.useColour,
  wider: toolbar.changeWidth,
  zoomIn: () => camera.zoomBy(1.25),
  zoomOut: () => camera.zoomBy(0.8),
  fit: () => camera.fit(board.visible()),
  dismiss: () => element('activity').hidePopover(),
})

button('undo').addEventListener('click', undo)
button('redo').addEventListener('click', redo)
button('clear').addEventListener('click', () => commit({ t: 'c', id: makeId(author) }))
button('zoom-in').addEventListener('click', () => camera.zoomBy(1.25))
button('zoom-out').addEventListener('click', () => camera.zoomBy(0.8))
button('fit').addEventListener('click', () => camera.fit(board.visible()))
button('offline').addEventListener('click', () => {
  if (connection.status.state === 'suspended') connection.resume()
  else connection.suspend()
})
onThemeChange(() => {
  paint.forget()
  people.placeAll()
  showCrowd(me, people.others)
  repaint()
})
addEventListener('beforeunload', (event) => {
  // What waits lives in this page only.
  if (connection.pending > 0) event.preventDefault()
})
listenToName(me, (name) => {
  people.rename(name)
  showCrowd(me, people.others)
})
showTitles(titles, boardTitle, notify)
showCrowd(me, [])
repaint()
