/** A name to begin with: people are more at ease as an otter than as "Anonymous". */
const moods =
  'Brisk Calm Clever Cosy Deft Eager Gentle Happy Keen Lively Merry Neat Plucky Quick Quiet Sunny'
const animals =
  'Badger Crane Finch Fox Hare Heron Lynx Marten Mole Otter Owl Puffin Robin Seal Stoat Wren'

const pick = (words: string) => {
  const list = words.split(' ')
  return list[crypto.getRandomValues(new Uint8Array(1))[0]! % list.length]!
}
export const randomName = () => `${pick(moods)} ${pick(animals)}`
export const randomTitle = () => `${pick(moods)}-${pick(animals)}`.toLowerCase()
