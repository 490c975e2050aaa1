/** `FAULTS=large` (npm run test:faults) does the same for longer; the small size is for every run. */
export const isLarge = process.env.FAULTS === 'large'

/** How long a test makes trouble, in ms. */
export function troubleMs(smallSeconds: number): number {
  return smallSeconds * 1_000 * (isLarge ? 10 : 1)
}

/** The limit of a test that makes trouble for so long: starting, healing and checking come on top. */
export function limitMs(smallSeconds: number): number {
  return troubleMs(smallSeconds) + 90_000
}
