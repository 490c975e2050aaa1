/** Eight colours, each with a twin for dark screens: a record holds the index, a screen shows what it can be read on. */
export interface Colour {
  readonly name: string
  readonly light: string
  readonly dark: string
}
export const palette: readonly Colour[] = [
  { name: 'Ink', light: '#1c2230', dark: '#f1f3f8' },
  { name: 'Slate', light: '#7d8799', dark: '#97a2b6' },
  { name: 'Red', light: '#e0383e', dark: '#ff6b70' },
  { name: 'Orange', light: '#ef6c14', dark: '#ff9447' },
  { name: 'Yellow', light: '#e6a700', dark: '#ffd24a' },
  { name: 'Green', light: '#1f9355', dark: '#4fd08c' },
  { name: 'Blue', light: '#2f62f0', dark: '#7ba0ff' },
  { name: 'Violet', light: '#8a3fd1', dark: '#c193fb' },
]
export const widths: readonly { readonly name: string; readonly units: number }[] = [
  { name: 'Fine', units: 2 },
  { name: 'Medium', units: 4 },
  { name: 'Bold', units: 9 },
  { name: 'Marker', units: 20 },
]

const darkScreen = matchMedia('(prefers-color-scheme: dark)')
export const shade = (index: number): string => {
  const colour = palette[index] ?? palette[0]!
  return darkScreen.matches ? colour.dark : colour.light
}
export const onThemeChange = (listener: () => void) =>
  darkScreen.addEventListener('change', listener)
