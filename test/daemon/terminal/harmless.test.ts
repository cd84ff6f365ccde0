import { expect, test } from 'vitest'
import { Harmless } from '../../../src/daemon/terminal/harmless.ts'

const esc = '\u001b'

/** The same for every way to cut it. */
function shown(text: string): string {
  const whole = new Harmless().feed(text)
  const single = new Harmless()
  expect([...text].map((char) => single.feed(char)).join('')).toBe(whole)
  return whole
}

test('text, colours, the cursor, the screen, titles and links stay as they are', () => {
  const kept = [
    'plain ünïcode 漢字 🚀\r\n\t\b',
    `${esc}[1;38;2;1;2;3mred${esc}[0m`,
    `${esc}[2J${esc}[H${esc}[10;5H${esc}[?1049h${esc}[?25l${esc}[1;20r${esc}7${esc}8${esc}M`,
    `${esc}(0lqk${esc}(B`,
    `${esc}[2 q${esc}[>1u${esc}[<u${esc}[?2004h${esc}[?1000h${esc}[!p`,
    `${esc}]0;a title\u0007`,
    `${esc}]8;;https://example.org\u0007link${esc}]8;;\u0007`,
  ]
  for (const text of kept) expect(shown(text)).toBe(text)
  expect(shown(`${esc}]2;title${esc}\\rest`)).toBe(`${esc}]2;title\u0007rest`)
})

test('nothing is left that makes a terminal answer: the answer would be typed into the agent', () => {
  const asking = ['[c', '[0c', '[>c', '[6n', '[?6n', '[5n', '[21t', '[18t', '[x', '[>q', '[?2026$p', '[?u', 'Z']
  for (const each of asking) expect(shown(`a${esc}${each}b`), each).toBe('ab')
  expect(shown('a\u0005b')).toBe('ab')
  expect(shown(`a${esc}P$qm${esc}\\b`)).toBe('ab')
  expect(shown(`a${esc}]10;?\u0007b${esc}]4;1;?${esc}\\c`)).toBe('abc')
})

test('nothing is left that reaches the clipboard, the printer, files or notifications of whoever watches', () => {
  for (const each of [']52;c;aGVsbG8=', ']52;c;?', ']9;hello', ']777;notify;a;b', ']1337;File=:aaaa', ']7;file://x/'])
    expect(shown(`a${esc}${each}\u0007b`), each).toBe('ab')
  expect(shown(`a${esc}[5ib`)).toBe('ab')
  expect(shown(`a${esc}_Gpayload${esc}\\b${esc}^pm${esc}\\c${esc}Xsos${esc}\\d`)).toBe('abcd')
})

test('controls in one character, and in disguise, are left out', () => {
  expect(shown('a\u009b6nb\u009d52;c;?\u0007c\u0090q\u009cd')).toBe('a6nb52;c;?\u0007cqd')
  expect(shown(`a${esc}${esc}[6nb`)).toBe('ab')
  expect(shown(`a${esc}[${esc}[6nb`)).toBe('ab')
  expect(shown(`a${esc}]0;x${esc}[6nb`)).toBe('ab')
})

test('a string that never ends costs no memory and hides no more than itself', () => {
  const endless = shown(`a${esc}]0;${'x'.repeat(10_000)}`)
  expect(endless.startsWith('a')).toBe(true)
  expect(new Harmless().feed(`${esc}[${'1;'.repeat(5_000)}`).length).toBeLessThan(10_001)
})
