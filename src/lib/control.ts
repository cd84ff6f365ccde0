// Control characters made visible, for text that a person is to decide upon or that comes from somebody hostile.

/** C0 and C1 but line feed and tab; marks that turn the direction of text or hide characters. */
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** Every control character but line feed and tab spelled out: `^[` for an escape, `\u{202e}` for a mark of direction. */
export function spellControls(text: string): string {
  return text.replace(controls, spell)
}

function spell(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20) return `^${String.fromCodePoint(code + 0x40)}`
  if (code === 0x7f) return '^?'
  return `\\u{${code.toString(16)}}`
}
