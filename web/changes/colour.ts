// Colours for code: comments, texts, numbers and words of the language, found line by line. Small on purpose: it helps the eye, it parses nothing.

export interface Token {
  readonly text: string
  readonly look: '' | 'word' | 'text' | 'note' | 'number'
}

const words =
  'abstract as async await break case catch class const constexpr continue def default defer del delete do elif else end enum except export extends extern false finally fn for from func function go if impl implements import in instanceof interface internal is lambda let loop match mod module mut namespace new nil not null None or override package pass private protected public pub raise readonly ref return self static struct super switch this throw throws trait true True False try type typeof union unless unsafe use using var virtual void where while with yield'
const keywords = new Set(words.split(' '))

const texts = /"(?:[^"\\]|\\.)*"?|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`?/.source
const numbers = /\b(?:0x[\da-f_]+|\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)\b/.source
const names = /[A-Za-z_$][\w$]*/.source
const families: readonly { readonly ends: RegExp; readonly note: string }[] = [
  {
    ends: /\.(py|rb|sh|bash|zsh|ya?ml|toml|pl|r|jl|ex|exs|nix|tf|conf|ini|mk|cmake)$|(^|\/)(Dockerfile|Makefile)[^/]*$/,
    note: '(?<!\\S)#.*',
  },
  { ends: /\.(sql|lua|hs|elm|ada)$/, note: '--.*' },
  { ends: /\.(lisp|clj|el|scm|asm)$/, note: ';.*' },
  { ends: /\.(html?|xml|svg|vue)$/, note: '<!--.*?(?:-->|$)' },
  { ends: /\.(md|txt|rst|lock|csv|json|patch|diff)$/, note: '(?!)' },
  { ends: /./, note: '//.*|/\\*.*?(?:\\*/|$)|^\\s*\\*(?:\\s.*|/)?$' },
]
const prose = /\.(md|txt|rst|lock|csv|patch|diff)$/i
/** A longer line is generated; colouring it helps nobody. */
const longest = 500

export type Colour = (line: string) => readonly Token[]

/** For one file, by its name. */
export function colourFor(path: string): Colour {
  if (prose.test(path)) return plain
  const note = families.find(({ ends }) => ends.test(path))?.note ?? '(?!)'
  const pattern = new RegExp(`(${note})|(${texts})|(${numbers})|(${names})`, 'gi')
  return (line) => (line.length > longest ? plain(line) : tokens(line, pattern))
}

function plain(text: string): readonly Token[] {
  return [{ text, look: '' }]
}

function tokens(line: string, pattern: RegExp): Token[] {
  const found: Token[] = []
  let at = 0
  for (const match of line.matchAll(pattern)) {
    const [text, note, string, number, name] = match
    if (text === '') continue
    const look =
      note !== undefined
        ? 'note'
        : string !== undefined
          ? 'text'
          : number !== undefined
            ? 'number'
            : keywords.has(name ?? '')
              ? 'word'
              : ''
    if (look === '') continue
    if (match.index > at) found.push({ text: line.slice(at, match.index), look: '' })
    found.push({ text, look })
    at = match.index + text.length
  }
  if (at < line.length) found.push({ text: line.slice(at), look: '' })
  return found
}
