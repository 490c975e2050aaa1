import { expect, test } from 'vitest'
import { decodePoints, encodePoints, hits, simplify } from '../../src/pages/whiteboard/geometry.ts'
import {
  encodeRecord,
  makeId,
  makeRecordReader,
  readRecord,
} from '../../src/pages/whiteboard/records.ts'
import type { BoardRecord } from '../../src/pages/whiteboard/records.ts'
import { centred, fit, pan, toBoard, toScreen, zoom } from '../../src/pages/whiteboard/view.ts'
import { concat } from '../../src/client/bytes.ts'

const records: BoardRecord[] = [
  { t: 's', id: 'ä.1', c: 7, w: 20, p: [0, 0, -15, 3] },
  { t: 'e', id: 'a.2', ids: ['ä.1'] },
  { t: 'c', id: 'a.3' },
  { t: 'u', id: 'a.4', of: 'a.2' },
  { t: 'r', id: 'a.5', of: 'a.2' },
]

test('records are read whole wherever the bytes are cut', () => {
  const bytes = concat(records.map(encodeRecord))
  for (let cut = 0; cut <= bytes.length; cut++) {
    const read = makeRecordReader()
    expect([...read(bytes.slice(0, cut)), ...read(bytes.slice(cut))]).toEqual(records)
  }
})

test.each([
  'not json',
  'null',
  '[]',
  '{"t":"s","id":"a.1","c":9,"w":2,"p":[0,0]}',
  '{"t":"s","id":"a.1","c":1,"w":1e9,"p":[0,0]}',
  '{"t":"s","id":"a.1","c":1,"w":2,"p":[0]}',
  '{"t":"s","id":"a.1","c":1,"w":2,"p":["0",0]}',
  '{"t":"s","id":"a.1","c":1,"w":2,"p":[1e300,0]}',
  `{"t":"c","id":"${'x'.repeat(65)}"}`,
  '{"t":"e","id":"a.1","ids":[1]}',
  '{"t":"u","id":"a.1"}',
  '{"t":"later kind","id":"a.1"}',
])('a line that is no record is skipped: %s', (line) => {
  expect(readRecord(line)).toBeUndefined()
})

test('ids differ', () => {
  expect(new Set(Array.from({ length: 1_000 }, () => makeId('me'))).size).toBe(1_000)
})

test('points are kept to a tenth of a unit, without adding up errors', () => {
  const points = Array.from({ length: 500 }, (_, i) => ({ x: i / 3 - 80, y: Math.sin(i) * 1e4 }))
  const read = decodePoints(encodePoints(points))
  read.forEach((point, i) => {
    expect(Math.abs(point.x - points[i]!.x)).toBeLessThanOrEqual(0.0501)
    expect(Math.abs(point.y - points[i]!.y)).toBeLessThanOrEqual(0.0501)
  })
})

test('simplify drops what lies on a line and keeps the ends and the corners', () => {
  const corner = [0, 1, 2, 3].map((x) => ({ x, y: 0 })).concat([1, 2, 3].map((y) => ({ x: 3, y })))
  expect(simplify(corner, 0.1)).toEqual([
    { x: 0, y: 0 },
    { x: 3, y: 0 },
    { x: 3, y: 3 },
  ])
  expect(simplify([{ x: 1, y: 1 }], 0.1)).toEqual([{ x: 1, y: 1 }])
})

test('an eraser hits lines between points, and dots', () => {
  const line = [
    { x: 0, y: 0 },
    { x: 100, y: 0 },
  ]
  expect(hits(line, { x: 50, y: 4 }, 5)).toBe(true)
  expect(hits(line, { x: 50, y: 6 }, 5)).toBe(false)
  expect(hits(line, { x: 106, y: 0 }, 5)).toBe(false)
  expect(hits([{ x: 1, y: 1 }], { x: 2, y: 2 }, 2)).toBe(true)
})

test('zoom keeps the point under the finger, and pan moves by the screen', () => {
  const view = centred({ width: 800, height: 600 }, { x: 0, y: 0 }, 1)
  const at = { x: 123, y: 456 }
  const nearer = zoom(view, 2.5, at)
  expect(toBoard(nearer, at)).toEqual(toBoard(view, at))
  expect(toScreen(nearer, toBoard(nearer, at)).x).toBeCloseTo(at.x)
  expect(toBoard(pan(nearer, 10, 0), { x: at.x + 10, y: at.y }).x).toBeCloseTo(
    toBoard(nearer, at).x,
  )
  expect(zoom(view, 1e9, at).scale).toBe(zoom(view, 1e6, at).scale)
})

test('fit shows all of a box, and does not blow up a small one', () => {
  const size = { width: 400, height: 800 }
  const box = { left: -1_000, top: 0, right: 1_000, bottom: 100 }
  const view = fit(size, box, 50)
  expect(toScreen(view, { x: -1_000, y: 0 }).x).toBeCloseTo(50)
  expect(toScreen(view, { x: 1_000, y: 0 }).x).toBeCloseTo(350)
  expect(fit(size, { left: 0, top: 0, right: 1, bottom: 1 }, 50).scale).toBe(1)
})
