// Text from agents and repositories is hostile to a terminal: escape sequences go, other control characters are made visible.

// CSI (also its one-byte C1 form), OSC/DCS/APC/PM strings to their end, and two-character escapes
const escapes =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g
// C0 and C1 but line feed and tab; marks that turn the direction of text or hide characters
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** The text with line feeds kept, tabs as two spaces, escape sequences gone, and what is left of control characters spelled out. */
export function visible(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(escapes, '').replace(controls, spell).replaceAll('\t', '  ')
}

/** The same on one line: line feeds and runs of white space become one space. */
export function oneLine(text: string): string {
  return visible(text).replace(/\s+/g, ' ').trim()
}

/** Nothing goes: every control character is spelled out, for what a person is to decide upon. Line feeds are kept, tabs are two spaces. */
export function exact(text: string): string {
  return text.replace(controls, spell).replaceAll('\t', '  ')
}

function spell(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20) return `^${String.fromCodePoint(code + 0x40)}`
  if (code === 0x7f) return '^?'
  return `\\u{${code.toString(16)}}`
}
