// What a terminal showed last, as plain text: why an agent left at once stands only there.

import { Harmless } from './harmless.ts'
import { Pieces } from './pieces.ts'

/** Enough for a screen with its colours, bytes. */
const lookedAtBytes = 16_384
/** As many lines as an error usually has. */
const lines = 4
const longest = 400

/** One line of at most 400 characters; empty when nothing was shown, or a program cleared its screen after it. */
export function lastWords(runDir: string): string {
  const shown = lastScreen(runDir)
  return shown.slice(-lines).join(' ').slice(-longest)
}

/** The lines that were shown last, without colours and without what moves the cursor; not a picture of the screen. */
export function lastScreen(runDir: string): readonly string[] {
  const bytes = new Pieces(runDir, lookedAtBytes).read(lookedAtBytes)
  const text = new Harmless().feed(bytes.toString('utf8'))
  // A program that leaves the other screen takes what was there with it; moving the cursor to a place begins a line.
  return text
    .slice(Math.max(0, text.lastIndexOf('\u001b[?1049l')))
    .replaceAll(/\u001b\[[\d;]*H/g, '\n')
    .replaceAll(/Script (started|done) on [^\n]*/g, '')
    .replaceAll(/\u001b\[[\d;:?<=>]*[ -/]*m/g, '')
    .replaceAll(/\u001b(\[[\d;:?<=>]*[ -/]*[@-~]|\][^\u0007\u001b]*(\u0007|\u001b\\)?|[()][ -~]|[ -~])/g, ' ')
    .split(/[\r\n]+/)
    .map((line) =>
      [...line]
        .filter((char) => char >= ' ' && char !== '\u007f')
        .join('')
        .replaceAll(/ {2,}/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '')
}
