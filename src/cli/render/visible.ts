// Text from agents and repositories is hostile to a terminal: escape sequences go, other control characters are made visible.

import { spellControls } from '../../lib/control.ts'

// CSI (also its one-byte C1 form), OSC/DCS/APC/PM strings to their end, and two-character escapes
const escapes =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g

/** The text with line feeds kept, tabs as two spaces, escape sequences gone, and what is left of control characters spelled out. */
export function visible(text: string): string {
  return spellControls(text.replace(/\r\n?/g, '\n').replace(escapes, '')).replaceAll('\t', '  ')
}

/** The same on one line: line feeds and runs of white space become one space. */
export function oneLine(text: string): string {
  return visible(text).replace(/\s+/g, ' ').trim()
}

/** Nothing goes: every control character is spelled out, for what a person is to decide upon. Line feeds are kept, tabs are two spaces. */
export function exact(text: string): string {
  return spellControls(text).replaceAll('\t', '  ')
}
