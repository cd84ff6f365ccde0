// ANSI styles, or none: renderers write `style.dim(text)` and do not know which.

export interface Style {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  cyan(text: string): string
}

export function makeStyle(colour: boolean): Style {
  return {
    bold: paint(colour, 1, 22),
    dim: paint(colour, 2, 22),
    red: paint(colour, 31, 39),
    green: paint(colour, 32, 39),
    yellow: paint(colour, 33, 39),
    cyan: paint(colour, 36, 39),
  }
}

export const plain: Style = makeStyle(false)

function paint(colour: boolean, on: number, off: number): (text: string) => string {
  if (!colour) return (text) => text
  return (text) => (text === '' ? '' : `\x1b[${on}m${text}\x1b[${off}m`)
}
